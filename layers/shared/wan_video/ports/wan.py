"""Wan, as the services speak to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wan_video.domain.models import Region
    from wan_video.domain.request import VideoRequest
    from wan_video.domain.task import TaskAnswer, TaskList


class WanTasks(Protocol):
    """Wan's API about tasks that exist.

    A task is known only where it was made, and the stack's base URLs can change while it runs. So each call takes the
    `base_url` to ask. Where that refuses the key (401, 403) or accepts no connection, the call goes to the region's
    current base URL, as it does without a `base_url`. An answer says which of the two it is from.
    """

    def query(self, region: Region, task_id: str, base_url: str | None = None) -> TaskAnswer:
        """Ask for a task's state.

        Raises WanThrottled, WanUnreachable, WanRefused, and WanUnavailable, also for an answer about another task.
        """
        ...

    def cancel(self, region: Region, task_id: str, base_url: str | None = None) -> None:
        """Cancel a task that is PENDING; returning means that Wan accepted the cancellation.

        Raises WanRefused where the task is not PENDING, and WanThrottled or WanUnreachable where Wan did not take the
        request. Raises WanUnavailable where the answer was lost: the task may have been cancelled.
        """
        ...


class Wan(WanTasks, Protocol):
    """Wan's API in one account."""

    def base_url(self, region: Region, model: str | None = None) -> str:
        """The base URL that `prepare` submits to now for a model; without one, the one that is asked about tasks.

        Raises WanRefused where the stack would need a workspace id.
        """
        ...

    def prepare(self, request: VideoRequest) -> Callable[[], TaskAnswer]:
        """Everything about creating a task that can fail before Wan is asked.

        Raises WanUnauthorized without a key, WanRefused without an address.

        Calling the result makes at most one POST. It raises WanThrottled, WanUnreachable, WanRefused
        (WanUnauthorized): certainly no task was made; WanUncertain: perhaps one was.
        """
        ...

    def tasks(self, region: Region, model: str, since: int, until: int, base_url: str | None = None) -> TaskList:
        """All tasks of a model in the account that were created from `since` to `until` (Unix seconds).

        The list is whole: raises what `query` raises, also where the list is too long to be read. A list from another
        base URL than `base_url` proves nothing about tasks that it does not have.
        """
        ...

    def refresh_key(self, region: Region) -> bool:
        """Read the region's API key again; True where it has changed."""
        ...


class Uploads(Protocol):
    """Wan's permission to upload files for its tasks."""

    def policy(self, region: Region, model: str) -> Mapping[str, Any]:
        """The form fields and the address of one upload, as Wan gives them; raises WanError."""
        ...
