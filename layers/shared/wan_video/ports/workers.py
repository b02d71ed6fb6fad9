"""The functions and executions that the services start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wan_video.domain.batch import Batch
    from wan_video.domain.video import Video


class Workers(Protocol):
    """The functions that work on batches, invoked asynchronously: the caller does not wait for them."""

    def ingest(self, batch: Batch) -> None:
        """Read and queue the file of a batch."""
        ...

    def finish(self, batch_id: str) -> None:
        """Finish a batch that is being cancelled, or whose requests have all ended."""
        ...


class Executions(Protocol):
    """The state machine's executions."""

    def start(self, video: Video) -> None:
        """Start the execution that the row names, unless it exists."""
        ...

    def status(self, video_id: str, execution: int) -> str | None:
        """Return its status in Step Functions (RUNNING, SUCCEEDED, FAILED, ...), or None if it does not exist."""
        ...
