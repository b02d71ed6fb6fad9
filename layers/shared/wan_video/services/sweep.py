"""sweep: find what fell between, and mend it, by one repair after another. Finding nothing is the usual result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wan_video.services.repairs import Mended, Repair
    from wan_video.services.repairs.unfinished import UnfinishedVideos


@dataclass(frozen=True)
class Sweep:
    """Runs the repairs; `note` is told of each thing that was mended, once."""

    repairs: Sequence[Repair]
    unfinished: UnfinishedVideos
    note: Callable[[Mended], None] = lambda _: None

    def __call__(self) -> Counter[str]:
        """Look everywhere; counts by name what was mended.

        Raises an ExceptionGroup, once all the others are done, where something could not be mended.
        """
        counts: Counter[str] = Counter()
        failures: list[Exception] = []
        for repair in (self.unfinished, *self.repairs):
            try:
                self._count(repair(), counts)
            except Exception as error:  # noqa: BLE001  (a repair that fails must not keep the others waiting)
                failures += error.exceptions if isinstance(error, ExceptionGroup) else [error]
        if failures:
            raise ExceptionGroup(f"{len(failures)} repairs failed", failures)
        return counts

    def video(self, video_id: str) -> Counter[str]:
        """Mend one video that an event tells of; counts by name."""
        counts: Counter[str] = Counter()
        self._count(self.unfinished.video(video_id), counts)
        return counts

    def _count(self, mended: Iterable[Mended], counts: Counter[str]) -> None:
        for one in mended:
            counts[one.repair] += 1
            self.note(one)
