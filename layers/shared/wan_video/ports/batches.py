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
        """Return one batch. Raises BatchNotFound."""
        ...

    def create(self, batch: Batch) -> None:
        """Write a new batch, which is listed and open from then on. Raises BatchExists."""
        ...

    def save(self, before: Batch, after: Batch) -> Batch:
        """Save only what a transition changed; return the saved batch. Raises BatchChanged."""
        ...

    def cancel_unwritten(self, batch: Batch) -> None:
        """Count the accepted requests that have no row as cancelled, once.

        Raises BatchChanged if more rows were written since the batch was read.
        """
        ...

    def list(self, owner: str, limit: int, after: Mark | None = None) -> tuple[Sequence[Batch], bool]:
        """Return one page (at most 100) of an owner's batches, newest first, and whether there are more."""
        ...

    def open(self) -> Iterable[str]:
        """Yield the ids of the batches that are not announced yet; eventually consistent."""
        ...

    def kept(self, ended_by: int, limit: int) -> Sequence[str]:
        """Return the ids of announced batches that ended by `ended_by`, oldest first, at most `limit`.

        Eventually consistent.
        """
        ...

    def remove_record_at(self, batch: Batch, until: int) -> None:
        """Remove the record of a batch at `until` (Unix seconds); from now on `kept` does not list it.

        Raises BatchChanged if the record no longer exists.
        """
        ...
