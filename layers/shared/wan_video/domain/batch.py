"""A batch: the requests of one prompt file, from the upload to the notice that all of them have ended.

    waiting_for_file -> validating -> in_progress -> finalizing -> completed | failed
           │                 └─────────────┴─► cancelling -> finalizing -> cancelled
           └─► expired

Every transition returns a new `Batch`, and raises InvalidTransition if the status does not allow it. A count is changed
in the transaction that changes the row it counts, so the counts are always exact. All times are Unix seconds of the
stack's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from wan_video.domain.batch_status import BatchStatus as BatchStatus
from wan_video.domain.digests import id_digest
from wan_video.domain.models import MAX_SEED
from wan_video.domain.price import Estimate
from wan_video.domain.video import InvalidTransition, Video

UPLOADS: Final = "batches/"
"""The prefix of the files of batches that the API created; such a file belongs to the owner of its batch."""

UPLOAD_SECONDS: Final = 3600
"""Seconds for which such a batch waits for its file."""


@dataclass(frozen=True, slots=True)
class Source:
    """The file of a batch; `digest` is that of its content, as 64 hex digits, once it has been read."""

    bucket: str
    key: str
    etag: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class BatchError:
    """The reason why a batch failed as a whole."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The record of one batch. `version` counts the writes of its state, not those of its counts.

    Of the `total` requests in the file, `refused` are bad and `accepted` are good. Of the good ones, `written` have a
    row (the last of them has the number `last_row`), `started` have left the queue, and `left` have not ended; those
    that have ended are counted by their final status. `models` contains the models of all rows that have been written.
    `failures` is the sum of the estimates of the rows that failed or expired, once the reports are written. `capped`
    says that no request of a retry may cost more than the failure that it repeats.
    """

    id: str
    owner: str
    name: str
    created_at: int
    updated_at: int
    status: BatchStatus = BatchStatus.WAITING_FOR_FILE
    version: int = 0
    restarts: int = 0
    daily_seconds: int | None = None
    source: Source | None = None
    retry_of: str | None = None
    capped: bool = False
    callback_url: str | None = field(default=None, repr=False)
    total: int = 0
    refused: int = 0
    accepted: int = 0
    written: int = 0
    last_row: int = 0
    started: int = 0
    left: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    models: frozenset[str] = frozenset()
    failures: Estimate | None = None
    error: BatchError | None = None
    started_at: int | None = None
    cancel_requested_at: int | None = None
    ended_at: int | None = None
    announced_at: int | None = None

    @property
    def open(self) -> bool:
        """Whether the stack still has to end this batch, or to announce its end."""
        return self.status is not BatchStatus.EXPIRED and self.announced_at is None

    @property
    def came_to_nothing(self) -> bool:
        """Whether the batch has ended without any row, so that nothing was or will be billed."""
        return self.status.final and self.last_row == 0

    @property
    def queued(self) -> int:
        """The number of requests that wait for a place, or to be written."""
        return max(0, self.accepted - self.started)

    @property
    def in_progress(self) -> int:
        """The number of requests that have started and not ended."""
        return max(0, self.left - self.queued)

    @property
    def all_ended(self) -> bool:
        """Whether the reports can be written: the file has been processed, and all its requests have ended."""
        return self.status in (BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING) and self.left == 0

    @property
    def being_read(self) -> bool:
        """Whether a part of the file still has to be checked or written."""
        validating = self.status is BatchStatus.VALIDATING
        return validating or (self.status is BatchStatus.IN_PROGRESS and self.written < self.accepted)

    @property
    def to_finish(self) -> bool:
        """Whether the next step does not wait for a request: to cancel, to write reports, or to announce."""
        waits = self.status is BatchStatus.CANCELLING and self.queued > 0
        return waits or self.all_ended or self.status is BatchStatus.FINALIZING or (self.status.final and self.open)

    # --- the file ----------------------------------------------------------------------------------------------------

    def receive(self, now: int, source: Source) -> Batch:
        """Record that the file has arrived and is being read."""
        self._expect(BatchStatus.WAITING_FOR_FILE)
        return replace(self, status=BatchStatus.VALIDATING, source=source, updated_at=now)

    def accept(self, now: int, *, total: int, refused: int) -> Batch:
        """Record that the whole file has been checked; its good requests are written next."""
        self._expect(BatchStatus.VALIDATING)
        accepted = total - refused
        return replace(
            self,
            status=BatchStatus.IN_PROGRESS,
            total=total,
            refused=refused,
            accepted=accepted,
            left=accepted,
            started_at=now,
            updated_at=now,
        )

    def write(self, now: int, videos: Sequence[Video]) -> Batch:
        """Record that these rows, the next ones in order, have been written."""
        return replace(
            self,
            written=self.written + len(videos),
            last_row=videos[-1].row,
            models=self.models.union(video.request.model for video in videos),
            updated_at=now,
        )

    def refuse(self, now: int, error: BatchError) -> Batch:
        """Record that the file cannot be read as a whole, and that none of its requests are accepted."""
        return replace(self.accept(now, total=0, refused=0), error=error)

    def expire(self, now: int) -> Batch:
        """Record that the file was not uploaded in time."""
        self._expect(BatchStatus.WAITING_FOR_FILE)
        return replace(self, status=BatchStatus.EXPIRED, ended_at=now, updated_at=now)

    def restart(self, now: int) -> Batch:
        """Record that another worker replaces one that failed."""
        if not self.open:
            raise InvalidTransition(f"{self.id} is {self.status}: there is nothing left to do")
        return replace(self, restarts=self.restarts + 1, updated_at=now)

    # --- the end -----------------------------------------------------------------------------------------------------

    def cancel(self, now: int, error: BatchError | None = None) -> Batch:
        """Cancel what has not started; videos that have started continue.

        Returns the same batch if it is already being cancelled.
        """
        if self.status is BatchStatus.CANCELLING:
            return self
        self._expect(BatchStatus.WAITING_FOR_FILE, BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
        return replace(
            self, status=BatchStatus.CANCELLING, cancel_requested_at=now, error=error or self.error, updated_at=now
        )

    def finalize(self, now: int) -> Batch:
        """Record that all requests have ended; the reports are written next."""
        if not self.all_ended:
            raise InvalidTransition(f"{self.id} is {self.status} with {self.left} requests left")
        return replace(self, status=BatchStatus.FINALIZING, updated_at=now)

    def end(self, now: int, failures: Estimate | None = None) -> Batch:
        """Record that the reports have been written, and set the final status."""
        self._expect(BatchStatus.FINALIZING)
        if self.cancel_requested_at is not None:
            status = BatchStatus.CANCELLED
        else:
            status = BatchStatus.COMPLETED if self.accepted else BatchStatus.FAILED
        return replace(self, status=status, ended_at=now, updated_at=now, failures=failures)

    def announce(self, now: int) -> Batch:
        """Record that the notice has been published."""
        if not self.status.final:
            raise InvalidTransition(f"{self.id} is {self.status}: there is nothing final to announce")
        return replace(self, announced_at=now, updated_at=now)

    def _expect(self, *statuses: BatchStatus) -> None:
        if self.status not in statuses:
            raise InvalidTransition(f"{self.id} is {self.status}, not {' or '.join(statuses)}")


def requested_id(owner: str, key: str, number: int = 1) -> str:
    """Return the id of the batch that an owner creates with an Idempotency-Key.

    `number` counts the batches with that key: after a batch that ended without a row, the key creates another one.
    """
    return f"batch_{id_digest('requested', owner, key, *([str(number)] if number > 1 else []))}"


def retry_id(batch_id: str, number: int) -> str:
    """Return the id of the batch that retries the failures of another one; `number` is as in `requested_id`."""
    return f"batch_{id_digest('retry', batch_id, str(number))}"


def row_seed(batch_id: str, number: int) -> int:
    """Return the seed of a row that does not specify one: the same each time the row is written."""
    return int(id_digest("seed", batch_id, str(number)), 16) % (MAX_SEED + 1)


def upload_key(batch_id: str, name: str) -> str:
    """Return the key to which the file of a batch that the API created is uploaded."""
    return f"{UPLOADS}{batch_id}/{name}"


def uploaded_id(key: str) -> str | None:
    """Return the id of the batch whose file has this key; None if the API did not create a batch for it."""
    return key.removeprefix(UPLOADS).partition("/")[0] if key.startswith(UPLOADS) else None


def report_key(batch_id: str, name: str) -> str:
    """Return the key of a report in the videos bucket; the stack never writes to the bucket that it watches."""
    return f"reports/{batch_id}/{name}"


REPORT: Final = "report.json"
"""The report on the file itself, written as soon as its rows are written."""

REFUSED: Final = "refused.jsonl"
"""The report on the bad requests of the file, if it has any."""

RESULTS: Final = "results.jsonl"
ERRORS: Final = "errors.jsonl"
MANIFEST: Final = "manifest.json"
"""The reports on all requests, written when all of them have ended."""

ReportLine = dict[str, Any]
"""The entry of a report for one request; in JSON Lines, one line."""

REPORTS: Final = (REPORT, REFUSED, RESULTS, ERRORS, MANIFEST)
