"""A batch: the requests of one prompt file, from the upload to the notice that all of them have ended.

    waiting_for_file -> validating -> in_progress -> finalizing -> completed | failed
           │                 └─────────────┴─► cancelling -> finalizing -> cancelled
           └─► expired

Every transition returns a new `Batch` and refuses to start from the wrong state. The counts are not among them: each is
written in the transaction of the row it counts, so they are exact at any moment. All times are Unix seconds of the
stack's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from wan_video.domain.digests import id_digest
from wan_video.domain.models import MAX_SEED
from wan_video.domain.video import InvalidTransition, Status, Video

UPLOADS: Final = "batches/"
"""Where files of batches that the API made are uploaded to; their owners are those of the stored batches."""

UPLOAD_SECONDS: Final = 3600
"""For how long such a batch waits for its file."""


class BatchStatus(StrEnum):
    """Where a batch stands."""

    WAITING_FOR_FILE = "waiting_for_file"
    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    CANCELLING = "cancelling"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing will ever change the status again."""
        return self in _FINAL


_FINAL: Final = frozenset({BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.CANCELLED, BatchStatus.EXPIRED})


@dataclass(frozen=True, slots=True)
class Source:
    """The file of a batch; `digest` is what is in it, as 64 hex digits, once it has been read."""

    bucket: str
    key: str
    etag: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class BatchError:
    """Why a batch as a whole failed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The record of one batch. `version` counts the writes of its state, not those of its counts.

    Of `total` requests in the file `refused` are bad and `accepted` good. Of these, `written` are rows by now (the last
    one's number is `last_row`), `started` have left the queue, and `left` have not ended; the others have, each in its
    way. `models` are those of all its rows, known with the first row of each.
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
    error: BatchError | None = None
    started_at: int | None = None
    cancel_requested_at: int | None = None
    ended_at: int | None = None
    announced_at: int | None = None

    @property
    def open(self) -> bool:
        """Whether the stack still owes this batch something: its end, or the notice of it."""
        return self.status is not BatchStatus.EXPIRED and self.announced_at is None

    @property
    def came_to_nothing(self) -> bool:
        """Whether it has ended without any row: nothing of it was or will be paid."""
        return self.status.final and self.last_row == 0

    @property
    def queued(self) -> int:
        """Requests that wait for a place, or to be written."""
        return max(0, self.accepted - self.started)

    @property
    def in_progress(self) -> int:
        """Requests that have begun and not ended."""
        return max(0, self.left - self.queued)

    @property
    def all_ended(self) -> bool:
        """Whether the reports can be written: its file is dealt with, and no request of it is left."""
        return self.status in (BatchStatus.IN_PROGRESS, BatchStatus.CANCELLING) and self.left == 0

    @property
    def being_read(self) -> bool:
        """Whether something of its file is still to be checked or written."""
        validating = self.status is BatchStatus.VALIDATING
        return validating or (self.status is BatchStatus.IN_PROGRESS and self.written < self.accepted)

    @property
    def to_finish(self) -> bool:
        """Whether something is due that does not wait for a request: to cancel, to report, to announce."""
        waits = self.status is BatchStatus.CANCELLING and self.queued > 0
        return waits or self.all_ended or self.status is BatchStatus.FINALIZING or (self.status.final and self.open)

    # --- the file ----------------------------------------------------------------------------------------------------

    def receive(self, now: int, source: Source) -> Batch:
        """The file is there and is being read."""
        self._expect(BatchStatus.WAITING_FOR_FILE)
        return replace(self, status=BatchStatus.VALIDATING, source=source, updated_at=now)

    def accept(self, now: int, *, total: int, refused: int) -> Batch:
        """All of the file has been checked; its good requests are written next."""
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
        """These rows of it, the next in order, are there."""
        return replace(
            self,
            written=self.written + len(videos),
            last_row=videos[-1].row,
            models=self.models.union(video.request.model for video in videos),
            updated_at=now,
        )

    def refuse(self, now: int, error: BatchError) -> Batch:
        """The file cannot be read as a whole: nothing of it is accepted."""
        return replace(self.accept(now, total=0, refused=0), error=error)

    def expire(self, now: int) -> Batch:
        """The file never came."""
        self._expect(BatchStatus.WAITING_FOR_FILE)
        return replace(self, status=BatchStatus.EXPIRED, ended_at=now, updated_at=now)

    def restart(self, now: int) -> Batch:
        """Record that another worker replaces one that failed."""
        if not self.open:
            raise InvalidTransition(f"{self.id} is {self.status}: there is nothing left to do")
        return replace(self, restarts=self.restarts + 1, updated_at=now)

    # --- the end -----------------------------------------------------------------------------------------------------

    def cancel(self, now: int, error: BatchError | None = None) -> Batch:
        """Cancel what has not started; videos that have started continue. A cancelled batch is returned unchanged."""
        if self.status is BatchStatus.CANCELLING:
            return self
        self._expect(BatchStatus.WAITING_FOR_FILE, BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)
        return replace(
            self, status=BatchStatus.CANCELLING, cancel_requested_at=now, error=error or self.error, updated_at=now
        )

    def finalize(self, now: int) -> Batch:
        """No request is left: the reports are written next."""
        if not self.all_ended:
            raise InvalidTransition(f"{self.id} is {self.status} with {self.left} requests left")
        return replace(self, status=BatchStatus.FINALIZING, updated_at=now)

    def end(self, now: int) -> Batch:
        """The reports are there."""
        self._expect(BatchStatus.FINALIZING)
        if self.cancel_requested_at is not None:
            status = BatchStatus.CANCELLED
        else:
            status = BatchStatus.COMPLETED if self.accepted else BatchStatus.FAILED
        return replace(self, status=status, ended_at=now, updated_at=now)

    def announce(self, now: int) -> Batch:
        """The notice is out."""
        if not self.status.final:
            raise InvalidTransition(f"{self.id} is {self.status}: there is nothing final to announce")
        return replace(self, announced_at=now, updated_at=now)

    def _expect(self, *statuses: BatchStatus) -> None:
        if self.status not in statuses:
            raise InvalidTransition(f"{self.id} is {self.status}, not {' or '.join(statuses)}")


def counted(before: Video, after: Video) -> Mapping[str, int]:
    """What a row's transition adds to the counts of its batch, by the names of the fields of `Batch`."""
    counts: dict[str, int] = {}
    if before.status is Status.QUEUED and after.status is not Status.QUEUED:
        counts["started"] = 1
    if after.status.final and not before.status.final:
        counts |= {str(after.status): 1, "left": -1}
    return counts


def requested_id(owner: str, key: str, number: int = 1) -> str:
    """The batch that one owner and one Idempotency-Key always give.

    `number` counts the batches under that key: a batch that ended without a row makes room for the next one.
    """
    return f"batch_{id_digest('requested', owner, key, *([str(number)] if number > 1 else []))}"


def retry_id(batch_id: str, number: int) -> str:
    """The batch that makes the failures of another one again; `number` is as in `requested_id`."""
    return f"batch_{id_digest('retry', batch_id, str(number))}"


def row_seed(batch_id: str, number: int) -> int:
    """The seed of a row that names none: the same however often the row is written."""
    return int(id_digest("seed", batch_id, str(number)), 16) % (MAX_SEED + 1)


def upload_key(batch_id: str, name: str) -> str:
    """Where the file of a batch that the API made is uploaded to."""
    return f"{UPLOADS}{batch_id}/{name}"


def uploaded_id(key: str) -> str | None:
    """The batch whose file has this key; None for a file without a batch of the API."""
    return key.removeprefix(UPLOADS).partition("/")[0] if key.startswith(UPLOADS) else None


def report_key(batch_id: str, name: str) -> str:
    """Where a report is stored, in the videos bucket: the stack never writes the bucket it watches."""
    return f"reports/{batch_id}/{name}"


REPORT: Final = "report.json"
"""The report on the file itself, written as soon as its rows are written."""

REFUSED: Final = "refused.jsonl"
"""Its bad requests, if it has any."""

RESULTS: Final = "results.jsonl"
ERRORS: Final = "errors.jsonl"
MANIFEST: Final = "manifest.json"
"""The report on every request, written once all of them have ended."""

ReportLine = dict[str, Any]
"""What a report says about one request; in JSON, one line of the report."""

REPORTS: Final = (REPORT, REFUSED, RESULTS, ERRORS, MANIFEST)
