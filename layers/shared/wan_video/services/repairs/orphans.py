"""The repair of orphans: tasks that are found at Wan after their video has ended without content."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from wan_video.domain.task import TASK_LIFE_SECONDS
from wan_video.errors import TaskClaimed, VideoChanged, VideoExists, VideoNotFound, WanError
from wan_video.services.repairs import Mended, Start, Step, all_in_turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wan_video.domain.submission import Submission
    from wan_video.domain.video import Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import SweepVideos
    from wan_video.services.lost_tasks import LostTasks

SEARCHES_A_RUN: Final = 2
"""The maximum number of videos whose tasks are searched for in one run."""


@dataclass(frozen=True)
class OrphanedTasks:
    """A repair that makes a lost task a video of its own while Wan keeps it; it calls `on_rescued` for each of them.

    It looks at the videos that ended without content and may have left a task behind: those whose submission was in
    doubt to the end, and those that were sent again.
    """

    videos: SweepVideos
    lost_tasks: LostTasks
    clock: Clock
    on_rescued: Callable[[], None] = lambda: None
    start: Start = random.randrange

    def __call__(self) -> Iterator[Step]:
        """Yield a step for each of these videos, until SEARCHES_A_RUN steps have searched for a task."""
        searched: list[str] = []
        for video_id in all_in_turn(self.videos.attention("watched", self.clock.unix_seconds()), self.start):
            if len(searched) == SEARCHES_A_RUN:
                return
            yield partial(self._video, video_id, searched)

    def _video(self, video_id: str, searched: list[str]) -> Mended | None:
        """Look at one video; if its task is searched for, add the id of the video to `searched`."""
        with suppress(VideoNotFound, VideoChanged, WanError):
            video = self.videos.get(video_id)
            now = self.clock.unix_seconds()
            if self._is_too_late(video):
                self.videos.save(video, video.closed(now))
            elif video.watched and video.submission is not None and video.submission.scan_is_due(now):
                searched.append(video_id)
                return self._search(video, video.submission)
        return None

    def _search(self, video: Video, submission: Submission) -> Mended | None:
        began = self.clock.unix_seconds()
        trace = self.lost_tasks(video.request, submission, video.base_url)
        if trace.task is None:
            self.videos.save(video, video.looked_for(began, empty=trace.empty, candidates=trace.candidates))
            return None
        rescued = video.rescued(began, trace.task.task_id, trace.task.base_url)
        mended = None
        with suppress(VideoExists, TaskClaimed):
            self.videos.adopt(rescued)
            self.on_rescued()
            mended = Mended("task_rescued", rescued.id)
        with suppress(VideoChanged):
            self.videos.save(video, video.closed(began))
        return mended

    def _is_too_late(self, video: Video) -> bool:
        return video.watched and video.task_age(self.clock.unix_seconds()) > TASK_LIFE_SECONDS
