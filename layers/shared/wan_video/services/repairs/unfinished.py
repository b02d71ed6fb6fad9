"""The repair of unfinished videos without a worker: lost starts, failed executions, unpublished notices."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from wan_video.domain.task import TASK_LIFE_SECONDS
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoChanged, VideoNotFound
from wan_video.services.repairs import Mended, Start, Step, all_in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import SweepVideos
    from wan_video.ports.workers import Executions
    from wan_video.services.announce import Announce
    from wan_video.services.report_failure import ReportFailure

QUIET_SECONDS: Final = 600
"""Seconds without a write after which the row of an unfinished video is looked at."""

FIRST_GAP_SECONDS: Final = 300
LONGEST_GAP_SECONDS: Final = 2 * 3600
LATE_SECONDS: Final = 12 * 3600
"""The age at which a task whose video is not stored is reported: half of the life of its link is over."""

LONGEST_LIFE_SECONDS: Final = 3 * TASK_LIFE_SECONDS + 3600
"""Seconds after which a video is ended: a day to submit it, a day at Wan, a day to store it, and an hour."""

MAX_RESTARTS_WITHOUT_TASK: Final = 3
"""The maximum number of restarts of a video that certainly has no task.

A video that has, or may have, a task is restarted for as long as Wan keeps the task.
"""


@dataclass(frozen=True)
class UnfinishedVideos:
    """A repair that continues videos without a worker.

    `on_delayed` is called each time it finds a video that Wan made long ago and that is not stored yet.
    """

    videos: SweepVideos
    executions: Executions
    announce: Announce
    report_failure: ReportFailure
    clock: Clock
    on_delayed: Callable[[], None] = lambda: None
    start: Start = random.randrange

    def __call__(self) -> Iterator[Step]:
        """Yield a step for every unfinished video whose row was not written for QUIET_SECONDS."""
        untouched_since = self.clock.unix_seconds() - QUIET_SECONDS
        for video_id in all_in_turn(self.videos.attention("open", untouched_since), self.start):
            yield partial(self.video, video_id)

    def video(self, video_id: str) -> Mended | None:
        """Repair one video if necessary."""
        try:
            video = self.videos.get(video_id)
            repair = self._mend(video) if video.open else None
        except (VideoNotFound, VideoChanged):
            # It was deleted, or another worker is processing it: there is nothing to repair.
            return None
        now = self.clock.unix_seconds()
        if video.usage is not None and not video.status.final and video.task_age(now) > LATE_SECONDS:
            self.on_delayed()
        return None if repair is None else Mended(repair, video_id)

    def _mend(self, video: Video) -> str | None:
        if video.status.final:
            self.announce(video)
            return "notice_published"
        now = self.clock.unix_seconds()
        if now - (video.started_at or now) > LONGEST_LIFE_SECONDS and not video.may_still_come(now):
            self.report_failure.end(video)
            return "failure_reported"
        status = self.executions.status(video.id, video.execution)
        if status == "RUNNING":
            return None
        if status is None and video.status is Status.STARTING:
            self.executions.start(video)
            return "start_completed"
        successor = video.execution + 1
        if self.executions.status(video.id, successor) == "RUNNING":
            self.videos.save(video, video.restarted(now, successor))
            return "successor_noted"
        return self._restart(video, now, successor)

    def _restart(self, video: Video, now: int, execution: int) -> str | None:
        gap = min(FIRST_GAP_SECONDS * 2 ** min(video.restarts, 10), LONGEST_GAP_SECONDS) if video.restarts else 0
        if now - video.updated_at < gap:
            return None
        may_exist = video.task is not None or video.in_doubt
        if video.task_age(now) > TASK_LIFE_SECONDS or (not may_exist and video.restarts >= MAX_RESTARTS_WITHOUT_TASK):
            self.report_failure.end(video)
            return "failure_reported"
        self.executions.start(self.videos.save(video, video.restarted(now, execution)))
        return "execution_restarted"
