"""The import of tasks that exist at Wan: Wan is asked first, and tasks that it cannot confirm now are limited."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from wan_video.domain.task import TaskStatus
from wan_video.errors import InvalidRequest, Problem, TooManyUnknownTasks, WanError, WanRefused, WanUnauthorized

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.task import TaskAnswer
    from wan_video.domain.video import Video
    from wan_video.ports.videos import ApiVideos
    from wan_video.ports.wan import WanTasks

MAX_UNKNOWN: Final = 20
"""The maximum number of an owner's tasks that are polled although Wan has not confirmed that they exist.

Each takes 4 queries per minute of the 20 per second that Wan grants to the whole account.
"""


def adopt_task(video: Video, videos: ApiVideos, wan: Callable[[], WanTasks]) -> Video:
    """Store the new row of an imported task, and return it.

    If Wan cannot be asked now, the row says that the task is UNKNOWN. Raises InvalidRequest if Wan does not know the
    task or refuses the key, TooManyUnknownTasks, and what `ApiVideos.adopt` raises.
    """
    task = video.task
    if task is None:
        raise ValueError(f"{video.id} has no task to adopt")
    answer = _answer(video, task.id, wan)
    if answer is not None:
        video = replace(video, task=replace(task, status=answer.status.upper()), base_url=answer.base_url)
        videos.adopt(video)
        return video
    video = replace(video, task=replace(task, status=TaskStatus.UNKNOWN))
    try:
        videos.adopt(video, MAX_UNKNOWN)
    except TooManyUnknownTasks:
        _recount(video.owner, videos)
        videos.adopt(video, MAX_UNKNOWN)
    return video


def _answer(video: Video, task_id: str, wan: Callable[[], WanTasks]) -> TaskAnswer | None:
    """Return Wan's answer about the task; None if Wan cannot be asked now."""
    region = video.request.region
    try:
        answer = wan().query(region, task_id)
    except WanRefused as error:
        if isinstance(error, WanUnauthorized) or error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            message = f"Wan refuses the key that this stack has for the region {region!r} ({error.code})."
            raise InvalidRequest([Problem("/region", message)]) from None
        raise _unknown(task_id, region) from None
    except WanError:
        return None
    if answer.status.upper() == TaskStatus.UNKNOWN:
        raise _unknown(task_id, region)
    return answer


def _unknown(task_id: str, region: str) -> InvalidRequest:
    message = f"Wan does not know the task {task_id!r} in {region}; Wan keeps a task for 24 hours, in its own region."
    return InvalidRequest([Problem("/task_id", message)])


def _recount(owner: str, videos: ApiVideos) -> None:
    """Remove tasks that Wan has confirmed by now, and those that have ended, from the count."""
    counted = sorted(videos.unknown_tasks(owner))
    rows = videos.get_many(counted)
    settled = [video_id for video_id in counted if video_id not in rows or not rows[video_id].unknown_at_wan]
    if settled:
        videos.settle_unknown_tasks(owner, settled)
