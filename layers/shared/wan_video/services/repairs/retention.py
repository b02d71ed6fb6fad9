"""Videos that were kept for as long as the stack keeps anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from wan_video.domain.retention import DAY_SECONDS, Retention
from wan_video.errors import VideoChanged, VideoNotFound
from wan_video.ports import Clock, Objects, Videos
from wan_video.services.erase import erase
from wan_video.services.repairs import Mended

AT_ONCE: Final = 1000
"""Videos that one run deletes at most, far below what `sweep` has time for; the next run goes on."""


@dataclass(frozen=True)
class VideosKeptLongEnough:
    """Deletes videos whose time is over, the oldest first, and only what was announced."""

    videos: Videos
    objects: Objects
    clock: Clock
    retention: Retention

    def __call__(self) -> Iterator[Mended]:
        """Delete those whose time is over, at most AT_ONCE."""
        if not self.retention.days:
            return
        failures: list[Exception] = []
        since = int(self.clock.now()) - self.retention.days * DAY_SECONDS
        for video_id in islice(self.videos.attention("kept", since), AT_ONCE):
            try:
                yield from self._video(video_id)
            except Exception as error:  # noqa: BLE001  (one that cannot be deleted must not keep the others)
                failures.append(error)
        if failures:
            raise ExceptionGroup(f"{len(failures)} videos could not be deleted", failures)

    def _video(self, video_id: str) -> Iterator[Mended]:
        now = self.clock.now()
        try:
            video = self.videos.get(video_id)
            if video.announced_at is None or not self.retention.is_over(video.ended_at, now):
                return
            erase(video, self.videos, self.objects, now)
        except (VideoNotFound, VideoChanged):
            # Somebody else deleted it, or is at work on it.
            return
        yield Mended("video_deleted", video_id)
