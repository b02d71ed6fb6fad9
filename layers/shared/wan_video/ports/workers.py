"""The functions and executions that the services start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wan_video.domain.batch import Batch
    from wan_video.domain.video import Video


class Workers(Protocol):
    """The functions that work on batches, invoked asynchronously: the caller does not wait for them."""

    def ingest(self, batch: Batch) -> None:
        """Take in the file of a batch."""
        ...

    def finish(self, batch_id: str) -> None:
        """Do what is due for a batch that is cancelled, or of which no request is left."""
        ...


class Executions(Protocol):
    """The state machine's executions."""

    def start(self, video: Video) -> None:
        """Start the execution the row names; one that has that name already is the same one."""
        ...

    def status(self, video_id: str, execution: int) -> str | None:
        """Its status in Step Functions' words (RUNNING, SUCCEEDED, FAILED, ...), or None where there is none."""
        ...
