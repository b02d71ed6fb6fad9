"""The repair of unfinished batches without a worker, and of batches whose file was never uploaded."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from wan_video.domain.batch import UPLOAD_SECONDS, Batch, BatchError, BatchStatus
from wan_video.errors import BatchChanged, BatchNotFound
from wan_video.services.repairs import Mended, Start, Step, all_in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.workers import Workers

GRACE_SECONDS: Final = 3600
"""Seconds that an upload may take if it began in time."""

QUIET_SECONDS: Final = 1200
"""Seconds without a write after which a batch has no worker, because no worker runs that long."""

LONGEST_GAP_SECONDS: Final = 2 * 3600
"""The longest pause between two restarts of a batch, in seconds."""

MAX_RESTARTS: Final = 10
"""The maximum number of restarts while a file is being read; other steps are repeated without a limit."""

NOT_READ: Final = BatchError(
    "file_not_read", "All attempts to read the whole file failed; requests that had not started were cancelled."
)


@dataclass(frozen=True)
class StuckBatches:
    """A repair that restarts batches without a worker, and expires those whose file was never uploaded."""

    batches: Batches
    workers: Workers
    clock: Clock
    start: Start = random.randrange

    def __call__(self) -> Iterator[Step]:
        """Yield a step for every batch whose end is not announced."""
        for batch_id in all_in_turn(self.batches.open(), self.start):
            yield partial(self._batch, batch_id)

    def _batch(self, batch_id: str) -> Mended | None:
        try:
            repair = self._mend(self.batches.get(batch_id))
        except (BatchNotFound, BatchChanged):
            # It was deleted, or another worker is processing it: there is nothing to repair.
            return None
        return None if repair is None else Mended(repair, batch_id)

    def _mend(self, batch: Batch) -> str | None:
        now = self.clock.unix_seconds()
        if batch.status is BatchStatus.WAITING_FOR_FILE:
            if now - batch.created_at <= UPLOAD_SECONDS + GRACE_SECONDS:
                return None
            self.batches.save(batch, batch.expire(now))
            return "batch_expired"
        if now - batch.updated_at <= min(QUIET_SECONDS * (batch.restarts + 1), LONGEST_GAP_SECONDS):
            return None
        if batch.being_read:
            if batch.restarts >= MAX_RESTARTS:
                self.batches.save(batch, batch.cancel(now, NOT_READ))
                return "batch_given_up"
            self.workers.ingest(self.batches.save(batch, batch.restart(now)))
            return "ingest_restarted"
        if batch.to_finish:
            self.workers.finish(self.batches.save(batch, batch.restart(now)).id)
            return "finish_restarted"
        return None
