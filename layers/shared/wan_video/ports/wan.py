"""The calls to Wan that the services make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wan_video.domain.image import ImageAddresses
    from wan_video.domain.models import Region
    from wan_video.domain.request import VideoRequest
    from wan_video.domain.task import TaskAnswer, TaskList


class WanTasks(Protocol):
    """Wan's API about tasks that exist.

    A task is known only to the host that created it, and the stack's base URLs can change while it runs. Each call
    therefore takes the `base_url` to use. If that host refuses the key (401, 403) or accepts no connection, the call
    goes to the region's current base URL, as it does without a `base_url`. An answer says from which of them it is.
    """

    def query(self, region: Region, task_id: str, base_url: str | None = None) -> TaskAnswer:
        """Return a task's status and result.

        Raises WanThrottled, WanUnreachable, WanRefused, and WanUnavailable, also for an answer about another task.
        """
        ...

    def cancel(self, region: Region, task_id: str, base_url: str | None = None) -> None:
        """Cancel a task that is PENDING; returning means that Wan accepted the cancellation.

        Raises WanRefused if the task is not PENDING, and WanThrottled or WanUnreachable if Wan did not accept the
        request. Raises WanUnavailable if the answer was lost: the task may have been cancelled.
        """
        ...


class Wan(WanTasks, Protocol):
    """Wan's API in one account."""

    def base_url(self, region: Region, model: str | None = None) -> str:
        """Return the base URL to which `prepare` submits for a model, or without a model, that for tasks.

        Raises WanRefused if the stack would need a workspace id.
        """
        ...

    def prepare(self, request: VideoRequest, addresses: ImageAddresses = ...) -> Callable[[], TaskAnswer]:
        """Do everything for creating a task that can fail before Wan is asked; return a function that creates it.

        `addresses` are what Wan receives for the images of the request. Raises WanUnauthorized without a key, and
        WanRefused without an address.

        The function sends at most one POST. If it raises WanThrottled, WanUnreachable or WanRefused (WanUnauthorized),
        no task was created; if it raises WanUncertain, a task may have been created.
        """
        ...

    def tasks(self, region: Region, model: str, since: int, until: int, base_url: str | None = None) -> TaskList:
        """Return all tasks of a model in the account that were created from `since` to `until` (Unix seconds).

        The list is complete. Raises what `query` raises, also if the list is too long to be read. A list from another
        base URL than `base_url` proves nothing about tasks that it does not contain.
        """
        ...

    def refresh_key(self, region: Region) -> bool:
        """Read the region's API key again; return whether it has changed."""
        ...


class Uploads(Protocol):
    """Wan's permission to upload files for its tasks."""

    def policy(self, region: Region, model: str) -> Mapping[str, Any]:
        """Return the form fields and the address of one upload, as Wan returns them. Raises WanError."""
        ...
