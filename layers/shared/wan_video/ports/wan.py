"""Wan, as the services speak to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from wan_video.domain.models import Region, Size, Tier
    from wan_video.domain.request import VideoRequest


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """Wan's answer about a task, its text as given; `video_url` is a credential and is never stored or logged."""

    task_id: str
    status: str
    request_id: str | None = None
    code: str | None = None
    message: str | None = None
    submit_time: str | None = None
    scheduled_time: str | None = None
    end_time: str | None = None
    orig_prompt: str | None = field(default=None, repr=False)
    actual_prompt: str | None = field(default=None, repr=False)
    video_url: str | None = field(default=None, repr=False)
    seconds: int | None = None
    size: Size | None = None
    tier: Tier | None = None
    ratio: str | None = None


@dataclass(frozen=True, slots=True)
class ListedTask:
    """A task as Wan's list shows it; `created_at` in Unix seconds, None where the list does not say."""

    task_id: str
    status: str
    created_at: float | None = None


class WanTasks(Protocol):
    """Wan's API about tasks that exist."""

    def query(self, region: Region, task_id: str) -> TaskAnswer:
        """Ask for a task's state; raises WanThrottled, WanUnreachable, WanRefused, WanUnavailable."""
        ...

    def cancel(self, region: Region, task_id: str) -> None:
        """Cancel a task that is PENDING; returning means that Wan accepted the cancellation.

        Raises WanRefused where the task is not PENDING, and WanThrottled or WanUnreachable where Wan did not take the
        request. Raises WanUnavailable where the answer was lost: the task may have been cancelled.
        """
        ...


class Wan(WanTasks, Protocol):
    """Wan's API in one account."""

    def prepare(self, request: VideoRequest) -> Callable[[], TaskAnswer]:
        """Everything about creating a task that can fail before Wan is asked.

        Raises WanUnauthorized without a key, WanRefused without an address.

        Calling the result makes at most one POST. It raises WanThrottled, WanUnreachable, WanRefused
        (WanUnauthorized): certainly no task was made; WanUncertain: perhaps one was.
        """
        ...

    def tasks(self, region: Region, model: str, since: int, until: int) -> Sequence[ListedTask]:
        """All tasks of a model in the account that were created from `since` to `until` (Unix seconds).

        Whole or not at all: raises what `query` raises, also where the list is too long to be read.
        """
        ...

    def refresh_key(self, region: Region) -> bool:
        """Read the region's API key again; True where it has changed."""
        ...


class Uploads(Protocol):
    """Wan's leave to upload files for its tasks."""

    def policy(self, region: Region, model: str) -> Mapping[str, Any]:
        """The form fields and the address of one upload, as Wan gives them; raises WanError."""
        ...
