"""The port `Batches` in memory; one suite of tests checks it and the adapter for DynamoDB."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace

from wan_video.domain.batch import Batch, BatchStatus
from wan_video.domain.listing import Mark
from wan_video.domain.video import Video
from wan_video.errors import BatchChanged, BatchExists, BatchNotFound

COUNTS = ("written", "last_row", "models", "started", "left", "completed", "failed", "cancelled", "expired")


class MemoryBatches:
    """Batches by id; every method is atomic."""

    def __init__(self, *batches: Batch) -> None:
        self._lock = threading.RLock()
        self._batches = {batch.id: batch for batch in batches}
        self.removed_at: dict[str, int] = {}

    def get(self, batch_id: str) -> Batch:
        with self._lock:
            if batch_id not in self._batches:
                raise BatchNotFound(batch_id)
            return self._batches[batch_id]

    def create(self, batch: Batch) -> None:
        with self._lock:
            if batch.id in self._batches:
                raise BatchExists(batch.id)
            self._batches[batch.id] = batch

    def save(self, before: Batch, after: Batch) -> Batch:
        with self._lock:
            current = self._batches.get(before.id)
            if current is None or current.version != before.version:
                raise BatchChanged(before.id)
            changed = [name for name in COUNTS if getattr(before, name) != getattr(after, name)]
            kept = {name: getattr(current, name) for name in COUNTS if name not in changed}
            self._batches[before.id] = replace(after, version=before.version + 1, **kept)
            return replace(after, version=before.version + 1)

    def cancel_unwritten(self, batch: Batch) -> None:
        with self._lock:
            if self._batches[batch.id].written != batch.written:
                raise BatchChanged(batch.id)
            forgone = batch.accepted - batch.written
            self.add(batch.id, {"written": forgone, "started": forgone, "cancelled": forgone, "left": -forgone})

    def list(self, owner: str, limit: int, after: Mark | None = None) -> tuple[Sequence[Batch], bool]:
        with self._lock:
            mine = [batch for batch in self._batches.values() if batch.owner == owner]
        mine.sort(key=lambda batch: (batch.created_at, batch.id), reverse=True)
        if after is not None:
            mine = [batch for batch in mine if (batch.created_at, batch.id) < (after.created_at, after.id)]
        return mine[:limit], len(mine) > limit

    def open(self) -> Iterator[str]:
        with self._lock:
            return iter(sorted(batch.id for batch in self._batches.values() if batch.open))

    def kept(self, ended_by: int, limit: int) -> Sequence[str]:
        with self._lock:
            kept = [batch for batch in self._batches.values() if not batch.open and batch.id not in self.removed_at]
        ended = sorted((batch.ended_at or 0, batch.id) for batch in kept)
        return [batch_id for at, batch_id in ended if at <= ended_by][:limit]

    def remove_record_at(self, batch: Batch, until: int) -> None:
        with self._lock:
            self.removed_at[batch.id] = until

    # --- for the store of rows, and for tests ------------------------------------------------------------------------

    def add(self, batch_id: str | None, counts: Mapping[str, int]) -> None:
        """Add to the counts of a batch; without effect if it does not exist."""
        with self._lock:
            if batch_id in self._batches:
                batch = self._batches[batch_id]
                added = {name: getattr(batch, name) + count for name, count in counts.items()}
                self._batches[batch_id] = replace(batch, **added)

    def advance(self, batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        """Return the batch with more rows written, without storing it; raises BatchChanged."""
        current = self._batches.get(batch.id)
        if current is None or current.last_row != batch.last_row or current.status is not BatchStatus.IN_PROGRESS:
            raise BatchChanged(batch.id)
        return current.write(now, videos)

    def put(self, batch: Batch) -> None:
        """Replace a batch."""
        with self._lock:
            self._batches[batch.id] = batch


assert set(COUNTS) <= {field.name for field in fields(Batch)}
