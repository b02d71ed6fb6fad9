"""Enrol: write the requests of a batch to the queue as rows, in two passes.

The first pass checks and counts the requests. The second pass writes the good ones in order, in transactions that also
record in the batch which row was written last. Each row is therefore written once, even if a worker stops or two
workers run at the same time, and the memory used does not grow with the number of rows.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Final, Self

from wan_video.domain.batch import (
    REFUSED,
    REPORT,
    Batch,
    BatchError,
    BatchStatus,
    ReportLine,
    report_key,
    row_seed,
)
from wan_video.domain.objects import JSON, JSON_LINES
from wan_video.domain.prompt_file import Row, row_id
from wan_video.domain.queue import BATCH, INTERACTIVE
from wan_video.domain.request import MAX_CUSTOM_ID
from wan_video.domain.token import Token
from wan_video.errors import BatchChanged, BudgetExceeded, InvalidRequest, Problem, shortened

if TYPE_CHECKING:
    from wan_video.domain.price import Estimate
    from wan_video.domain.request import VideoRequest
    from wan_video.domain.video import Video
    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Reports
    from wan_video.ports.videos import BatchVideos
    from wan_video.services.intake import Intake

MAX_LISTED: Final = 1000
"""The maximum number of requests that the report itself lists."""

MAX_DETAIL: Final = 500
MAX_DETAIL_BYTES: Final = 1000
"""The maximum length of a problem in a report: MAX_DETAIL in characters, MAX_DETAIL_BYTES in bytes of JSON."""

MAX_LINE_BYTES: Final = 4096
"""The maximum size of the line of a refused request in a report.

50,000 such lines take 205 MB of the 512 MB that a function has in /tmp.
"""

_COUNT_BYTES: Final = 100
"""Bytes that are reserved for the entry that states how many more problems there are."""

SPOOLED_BYTES: Final = 1024 * 1024
"""Refusals are kept in memory up to this size, and on disk above it."""

SETTINGS_CHANGED: Final = BatchError(
    "settings_changed",
    "The stack's settings changed while the file was being read; requests that had not started were cancelled.",
)

Rows = Callable[[], Iterator[Row]]
"""A function that returns a new iterator over all requests of a batch at every call."""


class Survey:
    """The result of the first pass; a context manager, because it may keep a file on disk."""

    def __init__(self) -> None:
        self.total = 0
        self.refused = 0
        self.listed: list[ReportLine] = []
        self._spool = SpooledTemporaryFile[bytes](SPOOLED_BYTES)
        self._signs: dict[str, bool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def remembered(self, signs: Callable[[str], bool]) -> Callable[[str], bool]:
        """Return `signs`, which says whether an owner has a secret for callbacks, with one answer for both passes.

        Otherwise the second pass could accept requests that the first has counted as refused.
        """

        def remembered(owner: str) -> bool:
            if owner not in self._signs:
                self._signs[owner] = signs(owner)
            return self._signs[owner]

        return remembered

    def refusals(self) -> Iterator[bytes]:
        """Yield a line of ASCII JSON, of at most MAX_LINE_BYTES, for each bad request."""
        self._spool.seek(0)
        for line in self._spool:
            yield line.rstrip(b"\n")

    def add(self, row: Row, problems: Sequence[Problem] = ()) -> None:
        """Count a request; it counts as refused if it has `problems`."""
        line: ReportLine = {"row": row.number} | ({"line": row.line} if row.line is not None else {})
        custom_id = row.fields.custom_id if row.fields else None
        self.total += 1
        if problems:
            if custom_id is not None:
                line["custom_id"] = custom_id[:MAX_CUSTOM_ID]
            line = _refusal(line, problems)
            self.refused += 1
            self._spool.write(_json(line) + b"\n")
        else:
            line["custom_id"] = custom_id
        if self.total <= MAX_LISTED:
            self.listed.append(line)


def _refusal(line: ReportLine, problems: Sequence[Problem]) -> ReportLine:
    """Return the line with as many problems as fit into it, and the number of those that do not fit."""
    errors: list[dict[str, str]] = []
    for number, problem in enumerate(problems):
        errors.append({"pointer": shortened(problem.pointer), "detail": _cut(problem.detail)})
        if number and len(_json({**line, "errors": errors})) > MAX_LINE_BYTES - _COUNT_BYTES:
            errors[-1] = {"pointer": "", "detail": f"There are {len(problems) - number} more problems."}
            break
    return {**line, "errors": errors}


def _cut(detail: str) -> str:
    detail = detail[:MAX_DETAIL]
    while (size := len(_json(detail))) > MAX_DETAIL_BYTES:
        detail = detail[: len(detail) * MAX_DETAIL_BYTES // size]
    return detail


def _json(value: Any) -> bytes:
    # ASCII, so that no reader takes a character in a line, such as U+2028 or NEL, for the end of the line.
    return json.dumps(value).encode()


@dataclass(frozen=True)
class Enrol:
    """The service that checks the requests of batches and writes them to the queue."""

    intake: Intake
    videos: BatchVideos
    batches: Batches
    reports: Reports
    clock: Clock

    def survey(self, survey: Survey, owner: str, daily_seconds: int | None, rows: Iterator[Row]) -> None:
        """Run the first pass: check every request, and add the result to `survey`.

        Raises what reading the rows raises.
        """
        caller = _caller(owner, daily_seconds)
        for row in rows:
            try:
                self._check(caller, row, survey)
            except InvalidRequest as error:
                survey.add(row, error.problems)
            else:
                survey.add(row)

    def __call__(self, batch: Batch, survey: Survey, rows: Rows) -> Batch:
        """Run the second pass: write the rows that are not written yet, then the report; return the batch.

        Raises what reading the rows raises.
        """
        if batch.status is BatchStatus.VALIDATING:
            batch = self._open(batch, survey)
        if batch.status is not BatchStatus.IN_PROGRESS:
            return batch
        if (batch.total, batch.refused) != (survey.total, survey.refused):
            return self.cancel_batch(batch.id, SETTINGS_CHANGED)
        if batch.written < batch.accepted:
            batch = self._write(batch, survey, rows())
        if batch.written < batch.accepted and batch.status is BatchStatus.IN_PROGRESS:
            with contextlib.suppress(BatchChanged):
                self.batches.cancel_unwritten(batch)
        self.report(batch, survey.listed if survey.total <= MAX_LISTED else None)
        return batch

    def refuse(self, batch: Batch, error: BatchError) -> Batch:
        """Refuse all requests of a batch, unless its file was accepted or refused before.

        The message of `error` is shortened, because it may quote the file at any length.
        """
        error = replace(error, message=_cut(error.message))
        if batch.status is not BatchStatus.VALIDATING:
            return batch
        refused = batch.refuse(self.clock.unix_seconds(), error)
        self.report(refused, [])
        return self._save(batch, refused)

    def cancel_batch(self, batch_id: str, error: BatchError) -> Batch:
        """Cancel the requests of a batch that are not written yet, and its waiting videos; return the batch."""
        batch = self.batches.get(batch_id)
        if batch.status not in (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS):
            return batch
        return self._save(batch, batch.cancel(self.clock.unix_seconds(), error))

    def report(self, batch: Batch, listed: list[ReportLine] | None) -> None:
        """Write the report on the file of a batch; `listed` is None if it has more than MAX_LISTED requests."""
        rows = None
        if listed is not None:
            rows = [
                line if "errors" in line else {**line, "video_id": row_id(batch.id, line["row"])} for line in listed
            ]
        source = batch.source
        document = {
            "object": "report",
            "batch_id": batch.id,
            "owner": batch.owner,
            "file": {"bucket": source.bucket, "key": source.key, "etag": source.etag} if source else None,
            "retry_of": batch.retry_of,
            "total": batch.total,
            "accepted": batch.accepted,
            "refused": batch.refused,
            "error": {"code": batch.error.code, "message": batch.error.message} if batch.error else None,
            "rows": rows,
        }
        with self.reports.write(report_key(batch.id, REPORT), JSON) as report:
            report.add(json.dumps(document, ensure_ascii=False, indent=2).encode())

    def _open(self, batch: Batch, survey: Survey) -> Batch:
        if survey.refused:
            with self.reports.write(report_key(batch.id, REFUSED), JSON_LINES) as report:
                for line in survey.refusals():
                    report.add(line)
        return self._save(batch, batch.accept(self.clock.unix_seconds(), total=survey.total, refused=survey.refused))

    def _save(self, before: Batch, after: Batch) -> Batch:
        """Save a transition and return it; if another worker was first, return what that worker saved."""
        try:
            return self.batches.save(before, after)
        except BatchChanged:
            return self.batches.get(before.id)

    def _write(self, batch: Batch, survey: Survey, rows: Iterator[Row]) -> Batch:
        for chunk in self.videos.row_chunks(self._videos(batch, survey, rows)):
            batch = self._accept(batch, chunk)
            if batch.status is not BatchStatus.IN_PROGRESS:
                break
        return batch

    def _videos(self, batch: Batch, survey: Survey, rows: Iterator[Row]) -> Iterator[Video]:
        """Yield the rows of the good requests of a batch, beginning with the first that is not written yet."""
        caller = _caller(batch.owner, batch.daily_seconds)
        for row in rows:
            if row.number <= batch.last_row:
                continue
            new_id = row_id(batch.id, row.number)
            with contextlib.suppress(InvalidRequest):
                request, estimate = self._check(caller, row, survey, row_seed(batch.id, row.number))
                yield self.intake.row(
                    caller,
                    request,
                    estimate,
                    new_id=new_id,
                    body_hash=new_id,
                    priority=INTERACTIVE if batch.total == 1 else BATCH,
                    batch_id=batch.id,
                    row=row.number,
                    now=batch.started_at,
                )

    def _accept(self, batch: Batch, chunk: Sequence[Video]) -> Batch:
        """Write the rows of a chunk that are not written yet; return the batch as it is then."""
        while missing := [video for video in chunk if video.row > batch.last_row]:
            try:
                return self.videos.accept_rows(batch, missing, self.clock.unix_seconds())
            except BatchChanged:
                # The batch was cancelled in the meantime, or another worker is writing the same rows.
                batch = self.batches.get(batch.id)
                if batch.status is not BatchStatus.IN_PROGRESS:
                    break
        return batch

    def _check(self, caller: Token, row: Row, survey: Survey, seed: int = 0) -> tuple[VideoRequest, Estimate]:
        """Return the request of a row and its price. Raises InvalidRequest."""
        if row.fields is None:
            raise InvalidRequest(row.problems)
        try:
            return self.intake.check(caller, row.fields, seed, survey.remembered(self.intake.signs_callbacks))
        except BudgetExceeded as error:
            raise InvalidRequest([Problem("", str(error))]) from None


def _caller(owner: str, daily_seconds: int | None) -> Token:
    return Token(owner, frozenset({"write"}), daily_seconds)
