"""reconcile: find out what happened to a submission whose answer was lost. Nothing here ever sends a submission.

`domain/submission.py` defines the protocol; this module applies it to the row and Wan's list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain.failures import submission_unresolved
from wan_video.domain.task import TASK_LIFE_SECONDS, Task
from wan_video.errors import TaskClaimed, WanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.task import TaskAnswer
    from wan_video.domain.video import Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import Videos
    from wan_video.services.lost_tasks import LostTasks


@dataclass(frozen=True)
class Reconcile:
    """The service that resolves submissions in doubt. Calling it again is safe at any time.

    `grace` is the number of seconds by which Wan's list may lag, and for which an uncertain submission keeps its place.
    With `resend`, a submission that was proven absent may be sent again. `on_doubt` is called each time that a
    submission is still in doubt.
    """

    videos: Videos
    lost_tasks: LostTasks
    clock: Clock
    grace: int
    resend: bool = False
    on_doubt: Callable[[], None] = lambda: None

    def __call__(self, video: Video) -> Video:
        """Update the row of a video in doubt to what is known now, and return it.

        The video then has a task, has an error because waiting is pointless, is still in doubt, or can be submitted
        again. Raises VideoChanged.
        """
        now = self.clock.unix_seconds()
        if video.task_age(now) > TASK_LIFE_SECONDS:
            # If there was a task, Wan no longer keeps it or its result, so waiting is pointless.
            error = submission_unresolved(absent=video.is_absent, candidates=video.candidates)
            return self.videos.save(video, video.unresolved(now, error))
        after = video if video.is_uncertain else video.submission_uncertain(now)
        if video.task_age(now) > self.grace:
            # If there is a task, it ends by itself. A few lost answers must not block the stack for a day.
            after = after.without_place(now)
        if after is not video:
            video = self.videos.save(video, after)
        return self._looked_for(video)

    def _looked_for(self, video: Video) -> Video:
        began = self.clock.unix_seconds()
        submission = video.submission
        if submission is None or not submission.scan_is_due(began):
            return video
        try:
            trace = self.lost_tasks(video.request, submission, video.base_url)
        except WanError:
            # An incomplete answer proves nothing; the next scan repeats the query.
            return self._in_doubt(video)
        if trace.task is not None:
            return self._found(video, trace.task, began)
        scanned = video.scanned(began, empty=trace.empty, grace=self.grace, candidates=trace.candidates)
        if self.resend and scanned.submission is not None and scanned.submission.resendable:
            return self.videos.save(video, scanned.resent(self.clock.unix_seconds()))
        return self._in_doubt(self.videos.save(video, scanned))

    def _found(self, video: Video, answer: TaskAnswer, began: int) -> Video:
        started = video.submission.started_at if video.submission is not None else began
        task = Task(id=answer.task_id, accepted_at=started, status=answer.status, request_id=answer.request_id)
        try:
            return self.videos.save(video, video.submitted(self.clock.unix_seconds(), task, answer.base_url))
        except TaskClaimed:
            # Another video has claimed it; the task of this video may be listed the next time.
            return self._in_doubt(self.videos.save(video, video.scanned(began, empty=False, grace=self.grace)))

    def _in_doubt(self, video: Video) -> Video:
        if video.is_absent or video.task_age(self.clock.unix_seconds()) > 2 * self.grace:
            self.on_doubt()
        return video
