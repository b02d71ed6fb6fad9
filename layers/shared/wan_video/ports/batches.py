"""The records of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wan_video.domain.batch import Batch
    from wan_video.domain.listing import Mark


class Batches(Protocol):
    """The records of batches; their counts are written with the rows they count (`Videos`).

    Reads are strong unless said otherwise.
    """

    def get(self, batch_id: str) -> Batch:
        """Read one batch; raises BatchNotFound."""
        ...

    def create(self, batch: Batch) -> None:
        """Write a new batch, which is listed and open from then on; raises BatchExists."""
        ...

    def save(self, before: Batch, after: Batch) -> Batch:
        """Save a transition and nothing but what it changed; returns the batch as saved. Raises BatchChanged."""
        ...

    def cancel_unwritten(self, batch: Batch) -> None:
        """Count the accepted requests that were never written as cancelled, once.

        Raises BatchChanged where more rows were written since the batch was read.
        """
        ...

    def list(self, owner: str, limit: int, after: Mark | None = None) -> tuple[Sequence[Batch], bool]:
        """One page (at most 100) of an owner's batches, newest first, and whether there are more."""
        ...

    def open(self) -> Iterable[str]:
        """Ids of the batches that the stack still owes something; eventually consistent."""
        ...

    def kept(self, ended_by: int, limit: int) -> Sequence[str]:
        """Ids of the batches that it owes nothing and that had ended by then, oldest first, at most `limit`.

        Eventually consistent.
        """
        ...

    def remove_record_at(self, batch: Batch, until: int) -> None:
        """Remove the record of a batch at `until` (Unix seconds); from now on `kept` does not list it.

        Raises BatchChanged where the record is gone already.
        """
        ...
