"""The deletion of videos, and of the reports of batches, after the stack's retention period."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from wan_video.domain.batch import REPORTS, report_key
from wan_video.domain.periods import DAY_SECONDS
from wan_video.errors import VideoChanged, VideoNotFound
from wan_video.services.delete_video import TOMBSTONE_SECONDS, delete_video
from wan_video.services.repairs import Mended, Start, Step, all_in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wan_video.domain.retention import Retention
    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Objects
    from wan_video.ports.videos import SweepVideos

AT_ONCE: Final = 1000
"""The maximum number of videos, and of batches, that one run deletes; the next run continues."""

RECORD_SECONDS: Final = TOMBSTONE_SECONDS + DAY_SECONDS
"""Seconds for which the record of a batch outlives its reports: longer than the ids of its videos stay taken."""


@dataclass(frozen=True)
class VideosKeptLongEnough:
    """A repair that deletes videos whose retention period is over and whose end was announced."""

    videos: SweepVideos
    objects: Objects
    clock: Clock
    retention: Retention
    start: Start = random.randrange

    def __call__(self) -> Iterator[Step]:
        """Yield a step for each of the oldest videos whose retention period may be over, at most AT_ONCE."""
        if self.retention.days:
            since = self.clock.unix_seconds() - self.retention.days * DAY_SECONDS
            for video_id in all_in_turn(self.videos.attention("kept", since), self.start, AT_ONCE):
                yield partial(self._video, video_id)

    def _video(self, video_id: str) -> Mended | None:
        now = self.clock.now()
        try:
            video = self.videos.get(video_id)
            if video.announced_at is None or not self.retention.is_over(video.ended_at, now):
                return None
            delete_video(video, self.videos, self.objects, now)
        except (VideoNotFound, VideoChanged):
            # Another worker has deleted it, or is processing it.
            return None
        return Mended("video_deleted", video_id)


@dataclass(frozen=True)
class BatchesKeptLongEnough:
    """A repair that deletes the reports of batches whose retention period is over, and later their records.

    A record is kept for RECORD_SECONDS longer: without it, the same file would become a new batch, whose rows could not
    be written.
    """

    batches: Batches
    objects: Objects
    clock: Clock
    retention: Retention
    start: Start = random.randrange

    def __call__(self) -> Iterator[Step]:
        """Yield a step for each batch whose retention period is over, at most AT_ONCE."""
        if self.retention.days:
            due = self.batches.kept(self.clock.unix_seconds() - self.retention.days * DAY_SECONDS, AT_ONCE)
            for batch_id in all_in_turn(due, self.start, AT_ONCE):
                yield partial(self._batch, batch_id)

    def _batch(self, batch_id: str) -> Mended:
        batch = self.batches.get(batch_id)
        self.objects.delete([report_key(batch_id, name) for name in REPORTS])
        self.batches.remove_record_at(batch, self.clock.unix_seconds() + RECORD_SECONDS)
        return Mended("batch_deleted", batch_id)
