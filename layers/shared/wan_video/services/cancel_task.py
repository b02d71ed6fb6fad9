"""The cancellation of a video whose task exists at Wan: Wan decides, and the row records what Wan reports."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wan_video.domain.failures import never_known
from wan_video.domain.price import REGISTRY_PRICES, Prices
from wan_video.domain.task import TaskStatus
from wan_video.domain.trouble import TASK_CANCELED
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoChanged, VideoNotCancellable, WanError, WanRefused
from wan_video.services.poll import Poll

if TYPE_CHECKING:
    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import Videos
    from wan_video.ports.wan import WanTasks

MAX_TRIES: Final = 5
"""The maximum number of attempts to save the row while other processes write it."""

_BEGUN: Final = frozenset({TaskStatus.RUNNING, TaskStatus.SUCCEEDED, TaskStatus.FAILED})
"""States from which a task never becomes PENDING again."""


def cancel_task(video: Video, videos: Videos, wan: WanTasks, clock: Clock, prices: Prices = REGISTRY_PRICES) -> Video:
    """Cancel the task of a video at Wan; return the row as it is afterwards.

    The cancellation is sent once. If Wan accepts it, the task is queried once, and the answer is saved as `poll` saves
    it. Raises VideoNotCancellable if the task has begun or has ended, if Wan refuses, or if Wan's answer is lost. In
    these cases nothing is written, and the next `poll` finds out what happened to the task. If Wan has never known an
    imported task and still does not know it, the video ends as cancelled.
    """
    if video.task is None:
        raise ValueError(f"{video.id} has no task to cancel")
    if not _cancelled(video):
        if video.status.final or video.usage is not None or video.error is not None or video.task.status in _BEGUN:
            raise VideoNotCancellable(video.id, video.status)
        try:
            wan.cancel(video.request.region, video.task.id, video.base_url)
        except WanError:
            if video.unknown_at_wan:
                return _given_up(video, video.task.id, videos, wan, clock)
            if not _cancelled(videos.get(video.id)):
                raise VideoNotCancellable(video.id, video.status) from None
    return _as_wan_says(video, video.task.id, videos, Poll(videos, wan, clock, prices), clock)


def _given_up(video: Video, task_id: str, videos: Videos, wan: WanTasks, clock: Clock) -> Video:
    """End the video of an imported task, because Wan says that the task does not exist; return its row."""
    try:
        known = wan.query(video.request.region, task_id, video.base_url).status.upper() != TaskStatus.UNKNOWN
    except WanRefused as error:
        known = error.status != HTTPStatus.NOT_FOUND
    except WanError:
        known = True
    if known:
        raise VideoNotCancellable(video.id, video.status)
    for _ in range(MAX_TRIES):
        if not video.unknown_at_wan:
            break
        try:
            # The execution's next poll sees the end and has it announced.
            return videos.save(video, video.ended(clock.unix_seconds(), never_known()))
        except VideoChanged:
            video = videos.get(video.id)
    if _cancelled(video):
        return video
    raise VideoNotCancellable(video.id, video.status)


def _as_wan_says(video: Video, task_id: str, videos: Videos, poll: Poll, clock: Clock) -> Video:
    """Query a task whose cancellation Wan accepted, save the answer, and return the row."""
    for _ in range(MAX_TRIES):
        try:
            poll(video.id, task_id, video.execution)
        except VideoChanged:
            # The poll of the state machine was first; the next attempt reads what it saved.
            continue
        except WanError:
            # Wan accepted the cancellation and cannot be asked now: the poll of the state machine will save the result.
            return videos.get(video.id)
        video = videos.get(video.id)
        if video.error is not None and _cancelled(video) and not video.status.final:
            try:
                # The execution's next poll sees the end and has it announced.
                return videos.save(video, video.ended(clock.unix_seconds(), video.error))
            except VideoChanged:
                continue
        if not _cancelled(video) and video.task is not None and video.task.status in _BEGUN:
            raise VideoNotCancellable(video.id, video.status)
        return video
    raise VideoChanged(video.id)


def _cancelled(video: Video) -> bool:
    """Whether Wan has been seen to report the task as cancelled."""
    return video.status is Status.CANCELLED or (video.error is not None and video.error.code == TASK_CANCELED)
