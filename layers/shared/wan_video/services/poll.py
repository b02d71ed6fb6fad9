"""poll: ask Wan for the status of a task, and free its place as soon as it has ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wan_video.domain.failures import poll_trouble, result_missing, task_ended, task_expired
from wan_video.domain.models import ADAPTIVE, MODELS
from wan_video.domain.price import REGISTRY_PRICES, Prices, bill
from wan_video.domain.request import UNKNOWN_PROMPT
from wan_video.domain.task import TASK_LIFE_SECONDS, Task, TaskStatus
from wan_video.domain.video import Status, Video, final_status
from wan_video.errors import VideoNotFound, WanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.budget import Usage
    from wan_video.domain.task import TaskAnswer
    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import Videos
    from wan_video.ports.wan import WanTasks

_AT_WORK: Final = (TaskStatus.PENDING, TaskStatus.SUSPENDED, TaskStatus.RUNNING)


class Outcome(StrEnum):
    """The outcomes that the state machine distinguishes; `running` means that the task has not ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Polled:
    """The result of `poll`, with the status as Wan names it."""

    outcome: Outcome
    task_status: str | None = None


@dataclass(frozen=True)
class Poll:
    """The service that polls tasks.

    A failed query never ends a video; only Wan's answer or the age of the task does. `on_trouble` is called when
    queries have failed for long enough that users see a condition. `on_made` is called when a task has succeeded, with
    the seconds since Wan accepted it.
    """

    videos: Videos
    wan: WanTasks
    clock: Clock
    prices: Prices = REGISTRY_PRICES
    on_trouble: Callable[[], None] = lambda: None
    on_made: Callable[[int], None] = lambda _: None

    def __call__(self, video_id: str, task_id: str, execution: int) -> Polled:
        """Ask once, and save what is new.

        Raises WanError if Wan gave no answer (the caller asks again later), and VideoChanged.
        """
        try:
            video = self.videos.get(video_id)
        except VideoNotFound:
            return Polled(Outcome.OVER)
        if video.status.final:
            # A video that was cancelled at Wan through `api` is final before its end is announced.
            unannounced = video.announced_at is None and video.status is Status.CANCELLED
            return _ended(video) if unannounced else Polled(Outcome.OVER)
        if video.error is not None:
            return _ended(video)
        if video.usage is not None:
            return Polled(Outcome.SUCCEEDED, TaskStatus.SUCCEEDED)
        now = self.clock.unix_seconds()
        try:
            answer = self.wan.query(video.request.region, task_id, video.base_url)
        except WanError:
            if video.task_age(now) > TASK_LIFE_SECONDS:
                return self._fail(video, video.undeliverable(now, task_expired()))
            self._trouble(video, now, execution, "wan_unavailable")
            raise

        status = answer.status.upper()
        task = _task(video.task or Task(id=task_id, accepted_at=now), status, answer)
        seen = video.task_seen(now, task, execution, answer.base_url)
        if status == TaskStatus.SUCCEEDED and answer.video_url:
            self.videos.save(video, _named(seen, answer).task_succeeded(now, _usage(video, answer, self.prices)))
            self.on_made(seen.task_age(now))
            return Polled(Outcome.SUCCEEDED, status)
        if status in (TaskStatus.FAILED, TaskStatus.CANCELED):
            return self._fail(video, seen.task_ended(now, task_ended(status, answer.code, answer.message)))
        if video.task_age(now) > TASK_LIFE_SECONDS:
            error = result_missing() if status == TaskStatus.SUCCEEDED else task_expired()
            return self._fail(video, seen.undeliverable(now, error))
        if status in _AT_WORK:
            if seen is not video:
                self.videos.save(video, seen)
            return Polled(Outcome.RUNNING, status)
        code = "result_missing" if status == TaskStatus.SUCCEEDED else "task_unknown"
        return self._trouble(video, now, execution, code, status)

    def _trouble(self, video: Video, now: int, execution: int, code: str, status: str | None = None) -> Polled:
        """Record an answer without the state of the task."""
        after = video.poll_failed(now, execution, poll_trouble(code, now))
        self.videos.save(video, after)
        if video.condition is None and after.condition is not None:
            self.on_trouble()
        return Polled(Outcome.RUNNING, status)

    def _fail(self, before: Video, after: Video) -> Polled:
        self.videos.save(before, after)
        return _ended(after)


def _task(known: Task, status: str, answer: TaskAnswer) -> Task:
    """Return the task with what this answer adds; times that the answer does not contain are kept."""
    return replace(
        known,
        status=status,
        submit_time=answer.submit_time or known.submit_time,
        scheduled_time=answer.scheduled_time or known.scheduled_time,
        end_time=answer.end_time or known.end_time,
        actual_prompt=answer.actual_prompt or known.actual_prompt,
    )


def _named(video: Video, answer: TaskAnswer) -> Video:
    """Return an imported video with the prompt from Wan; any other video unchanged."""
    if video.request.prompt != UNKNOWN_PROMPT or not answer.orig_prompt:
        return video
    return replace(video, request=replace(video.request, prompt=answer.orig_prompt))


def _usage(video: Video, answer: TaskAnswer, prices: Prices) -> Usage:
    """Return what will be billed at list price: the seconds and tier that Wan states, or else the requested ones."""
    request, model = video.request, MODELS[video.request.model]
    tier = answer.tier if answer.tier is not None and answer.tier in model.sizes else request.tier
    usage = bill(prices.of(model, request.region, tier, audio=request.audio), answer.seconds or request.most_seconds)
    return replace(usage, aspect_ratio=answer.ratio) if request.ratio == ADAPTIVE else usage


def _ended(video: Video) -> Polled:
    status = final_status(video.error) if video.error is not None else Status.FAILED
    outcome = {Status.CANCELLED: Outcome.CANCELLED, Status.EXPIRED: Outcome.EXPIRED}.get(status, Outcome.FAILED)
    return Polled(outcome, video.task.status if video.task is not None else None)
