"""submit: create the Wan task, at most once.

Wan's create call has no idempotency token and bills on success, so the intent is written to the row before the POST.
A worker that finds an intent without an outcome knows that a task may exist, and lets `reconcile` search for it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wan_video.domain.failures import image_refused, never_submitted, submission_refused
from wan_video.domain.task import TASK_LIFE_SECONDS, Task, TaskStatus
from wan_video.errors import (
    ImageRefused,
    TaskClaimed,
    VideoChanged,
    VideoExists,
    VideoNotFound,
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUncertain,
    WanUnreachable,
)
from wan_video.services.image_addresses import text_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.image import ImageAddresses
    from wan_video.domain.request import VideoRequest
    from wan_video.domain.task import TaskAnswer
    from wan_video.domain.trouble import Failure
    from wan_video.domain.video import Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import SubmitVideos
    from wan_video.ports.wan import Wan
    from wan_video.services.reconcile import Reconcile


class Outcome(StrEnum):
    """The outcomes that the state machine distinguishes; after `absent` the next call submits again."""

    SUBMITTED = "submitted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    ABSENT = "absent"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Submitted:
    """The result of `submit`; `task_id` is None if there is no task."""

    outcome: Outcome
    task_id: str | None = None


TOO_MANY_REQUESTS: Final = 429
"""The status with which Wan reports that a limit is reached; 503 concerns Wan's own load."""

MAX_SAVES: Final = 5
"""The maximum number of attempts to save an outcome while other processes change the row."""


@dataclass(frozen=True)
class Submit:
    """The service that submits videos. Calling it again is safe at any time.

    `addresses` returns what Wan receives for the images of a request; `on_task` is called with the ids of the video and
    of the task as soon as Wan's answer arrives.
    """

    videos: SubmitVideos
    wan: Wan
    reconcile: Reconcile
    clock: Clock
    on_task: Callable[[str, str], None] = lambda video_id, task_id: None
    addresses: Callable[[VideoRequest], ImageAddresses] = text_only

    def __call__(self, video_id: str) -> Submitted:
        """Submit a video unless it was submitted or refused, or may have been submitted.

        Raises WanThrottled and WanUnreachable after the intent was withdrawn (sending again is safe), and VideoChanged
        if another worker took over.
        """
        try:
            video = self.videos.get(video_id)
        except VideoNotFound:
            return Submitted(Outcome.OVER)
        if video.status.final:
            return Submitted(Outcome.OVER)
        if video.task is not None:
            return Submitted(Outcome.SUBMITTED, video.task.id)
        if video.error is not None:
            return Submitted(Outcome.REFUSED)
        if video.in_doubt:
            return self._reconciled(video)
        return self._submit(video)

    def _submit(self, video: Video, *, key_is_fresh: bool = False) -> Submitted:
        region = video.request.region
        try:
            create = self.wan.prepare(video.request, self.addresses(video.request))
        except ImageRefused as error:
            return self._refused(video, image_refused(error))
        except WanRefused as error:
            return self._refused(video, submission_refused(error, region))
        except Exception as error:
            if self._gave_up(video):
                return self._refused(video, never_submitted("submission_failed", type(error).__name__))
            raise
        base_url = self.wan.base_url(region, video.request.model)
        intended = self.videos.save(video, video.submitting(self.clock.unix_seconds(), base_url))
        try:
            answer = create()
        except (WanThrottled, WanUnreachable) as error:
            if self._gave_up(intended):
                return self._refused(intended, never_submitted(error.code, error.message))
            self._withdraw(intended, throttled=error.status == TOO_MANY_REQUESTS)
            raise
        except WanUnauthorized as error:
            # The key may have been rotated: one more attempt, if reading the secret again gives another key.
            withdrawn = self._withdraw(intended)
            if not key_is_fresh and self.wan.refresh_key(region):
                return self._submit(withdrawn, key_is_fresh=True)
            return self._refused(withdrawn, submission_refused(error, region))
        except WanRefused as error:
            return self._refused(intended, submission_refused(error, region))
        except WanUncertain:
            return self._reconciled(intended)
        return self._submitted(intended, answer)

    def _withdraw(self, intended: Video, *, throttled: bool = False) -> Video:
        now = self.clock.unix_seconds()
        return self._settle(intended, lambda video: video.not_submitted(now, throttled=throttled))

    def _submitted(self, video: Video, answer: TaskAnswer) -> Submitted:
        self.on_task(video.id, answer.task_id)
        now = self.clock.unix_seconds()
        task = Task(
            id=answer.task_id, accepted_at=now, status=answer.status or TaskStatus.PENDING, request_id=answer.request_id
        )
        try:
            self._settle(video, lambda video: video.submitted(now, task))
        except TaskClaimed:
            # A video that searched for an equal task has claimed this one, so this video searches for the other one.
            return Submitted(Outcome.UNCERTAIN)
        except VideoChanged:
            return self._too_late(video, task)
        except Exception:  # noqa: BLE001, S110
            # A paid task must not be lost if the table fails. The execution contains its id, and `poll` saves it.
            pass
        return Submitted(Outcome.SUBMITTED, task.id)

    def _too_late(self, video: Video, task: Task) -> Submitted:
        """Keep a paid task although the row has changed: the row takes it, or it becomes a video of its own."""
        current = self.videos.get(video.id)
        if current.in_doubt and not current.status.final:
            raise VideoChanged(video.id)
        if current.task is None and not current.status.final:
            # Another worker is about to send it again, which this answer makes unnecessary.
            now = self.clock.unix_seconds()
            self.videos.save(current, current.submitting(now, video.base_url).submitted(now, task))
            return Submitted(Outcome.SUBMITTED, task.id)
        if current.task is None or current.task.id != task.id:
            with suppress(VideoExists, TaskClaimed):
                self.videos.adopt(current.rescued(self.clock.unix_seconds(), task.id, video.base_url))
        if current.status.final or current.task is None:
            return Submitted(Outcome.OVER)
        return Submitted(Outcome.SUBMITTED, current.task.id)

    def _refused(self, video: Video, error: Failure) -> Submitted:
        self._settle(video, lambda video: video.refused(self.clock.unix_seconds(), error))
        return Submitted(Outcome.REFUSED)

    def _settle(self, video: Video, outcome: Callable[[Video], Video]) -> Video:
        """Save the outcome of an attempt.

        Another worker may have marked the attempt as uncertain in the meantime. The worker that has Wan's answer
        overrules it, as long as it is still the same attempt.
        """
        for _ in range(MAX_SAVES):
            try:
                return self.videos.save(video, outcome(video))
            except VideoChanged:
                current = self.videos.get(video.id)
                if current.status.final or not current.in_doubt or _attempt(current) != _attempt(video):
                    raise
                video = current
        raise VideoChanged(video.id)

    def _gave_up(self, video: Video) -> bool:
        return video.started_at is not None and self.clock.unix_seconds() - video.started_at > TASK_LIFE_SECONDS

    def _reconciled(self, video: Video) -> Submitted:
        video = self.reconcile(video)
        if video.task is not None:
            return Submitted(Outcome.SUBMITTED, video.task.id)
        if video.error is not None:
            return Submitted(Outcome.REFUSED)
        return Submitted(Outcome.UNCERTAIN if video.in_doubt else Outcome.ABSENT)


def _attempt(video: Video) -> int:
    return video.submission.attempt if video.submission is not None else 0
