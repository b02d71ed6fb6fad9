"""sweep: find and repair unfinished work. Usually it finds nothing.

The repairs take turns, so that a repair with much to do does not delay the others, and all of them end before the
function's timeout.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wan_video.services.repairs import Mended, Repair
    from wan_video.services.repairs.unfinished import UnfinishedVideos

TURNS_SECONDS: Final = 100.0
"""Seconds for which the repairs take turns; no step begins after that."""

LAST_SECONDS: Final = 110.0
"""Seconds after which no step of the last repairs begins either."""


@dataclass(frozen=True)
class Sweep:
    """The service that runs the repairs.

    `last` contains the repairs with long steps, which begin when the others are done or out of time. `on_mended` is
    called with each repaired item, and `on_cut_short` with the name of each repair that had more to do than there was
    time for; the next run continues it.
    """

    repairs: Sequence[Repair]
    unfinished: UnfinishedVideos
    last: Sequence[Repair] = ()
    on_mended: Callable[[Mended], None] = lambda _: None
    on_cut_short: Callable[[str], None] = lambda _: None
    stopwatch: Callable[[], float] = time.monotonic

    def __call__(self) -> Counter[str]:
        """Run all repairs; return the number of repaired items by the name of the repair.

        If an item could not be repaired, raises an ExceptionGroup after all the others are done or time is up.
        """
        begun = self.stopwatch()
        counts: Counter[str] = Counter()
        failures: list[Exception] = []
        self._take_turns((self.unfinished, *self.repairs), begun + TURNS_SECONDS, counts, failures)
        self._take_turns(self.last, begun + LAST_SECONDS, counts, failures)
        if failures:
            raise ExceptionGroup(f"{len(failures)} repairs failed", failures)
        return counts

    def video(self, video_id: str) -> Counter[str]:
        """Repair the video that an event names; return the number of repairs by name."""
        counts: Counter[str] = Counter()
        self._count(self.unfinished.video(video_id), counts)
        return counts

    def _take_turns(
        self, repairs: Iterable[Repair], deadline: float, counts: Counter[str], failures: list[Exception]
    ) -> None:
        """Run the repairs step by step; the next step is always one of the repair that has used the least time."""
        steps = {type(repair).__name__: repair() for repair in repairs}
        used = dict.fromkeys(steps, 0.0)
        while used and self.stopwatch() < deadline:
            name = min(used, key=lambda one: used[one])
            begun = self.stopwatch()
            try:
                step = next(steps[name])
            except StopIteration:
                del used[name]
                continue
            except Exception as error:  # noqa: BLE001  (a repair that cannot read its items must not stop the others)
                failures.append(error)
                del used[name]
                continue
            try:
                self._count(step(), counts)
            except Exception as error:  # noqa: BLE001  (an item that cannot be repaired must not stop the others)
                failures.append(error)
            used[name] += self.stopwatch() - begun
        for name in used:
            self.on_cut_short(name)

    def _count(self, mended: Mended | None, counts: Counter[str]) -> None:
        if mended is not None:
            counts[mended.repair] += 1
            self.on_mended(mended)
