"""finish_batch: write the reports of a batch whose requests have all ended, and publish its end once.

In a cancelled batch, waiting videos are cancelled first. Every step can be repeated: after an interruption, the next
worker finds the remaining work in the batch's record.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.batch import ERRORS, MANIFEST, REFUSED, RESULTS, Batch, BatchStatus, ReportLine, report_key
from wan_video.domain.document import batch_document, money
from wan_video.domain.notice import batch_attributes, batch_event
from wan_video.domain.objects import JSON, JSON_LINES
from wan_video.domain.price import Estimate, total
from wan_video.domain.prompt_file import row_id
from wan_video.domain.video import Status, Video
from wan_video.errors import BatchChanged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Report, Reports
    from wan_video.ports.topic import Topic
    from wan_video.ports.videos import BatchVideos

ROWS_AT_ONCE: Final = 98
"""The number of rows that are read at a time: two transactions of DynamoDB can cancel as many."""


@dataclass(frozen=True)
class FinishBatch:
    """The service that finishes batches; `bucket` contains their reports."""

    batches: Batches
    videos: BatchVideos
    reports: Reports
    topic: Topic
    clock: Clock
    bucket: str

    def __call__(self, batch_id: str) -> Batch:
        """Do all steps that a batch is ready for, and return it as it is then.

        Raises what DynamoDB, S3 and the topic raise.
        """
        batch = self.batches.get(batch_id)
        with suppress(BatchChanged):  # another worker does the rest
            if batch.status is BatchStatus.CANCELLING and batch.queued:
                self._cancel(batch)
                batch = self.batches.get(batch_id)
            if batch.all_ended:
                batch = self.batches.save(batch, batch.finalize(self.clock.unix_seconds()))
            if batch.status is BatchStatus.FINALIZING:
                now = self.clock.unix_seconds()
                failures = self._report(batch.end(now))
                batch = self.batches.save(batch, batch.end(now, failures))
            if batch.status.final and batch.open:
                self.topic.publish(batch_event(batch, self.bucket), batch_attributes(batch))
                batch = self.batches.save(batch, batch.announce(self.clock.unix_seconds()))
        return batch

    def _cancel(self, batch: Batch) -> None:
        for _, rows in self._rows(batch):
            self.videos.cancel_rows(list(rows.values()), self.clock.unix_seconds())
        # Nothing more is written to a cancelled batch, so rows that are missing now will stay missing.
        self.batches.cancel_unwritten(self.batches.get(batch.id))

    def _report(self, batch: Batch) -> Estimate | None:
        """Write the reports; return what the rows that failed or expired were estimated to cost."""
        failures: Estimate | None = None
        with (
            self.reports.write(report_key(batch.id, RESULTS), JSON_LINES) as results,
            self.reports.write(report_key(batch.id, ERRORS), JSON_LINES) as errors,
        ):
            refused = (json.loads(line) for line in self.reports.lines(report_key(batch.id, REFUSED)))
            waiting = next(refused, None)
            for line, estimate in self._results(batch):
                while waiting is not None and waiting["row"] <= line["row"]:
                    _add(errors, {**waiting, "status": "refused"})
                    waiting = next(refused, None)
                _add(results, line)
                if line["status"] in (Status.FAILED, Status.EXPIRED):
                    _add(errors, line)
                    failures = total([estimate] if failures is None else [failures, estimate])
            for rest in chain([waiting] if waiting is not None else [], refused):
                _add(errors, {**rest, "status": "refused"})
        with self.reports.write(report_key(batch.id, MANIFEST), JSON) as manifest:
            files = [_file(batch, RESULTS, results), _file(batch, ERRORS, errors)]
            document = {**batch_document(batch), "reports": files}
            manifest.add(json.dumps(document, ensure_ascii=False, indent=2).encode())
        return failures

    def _results(self, batch: Batch) -> Iterator[tuple[ReportLine, Estimate]]:
        """Yield a line and the estimate for every row in order, without refused requests."""
        for numbers, rows in self._rows(batch):
            for number in numbers:
                if number in rows:
                    yield _result(number, rows[number]), rows[number].estimate

    def _rows(self, batch: Batch) -> Iterator[tuple[range, Mapping[int, Video]]]:
        """Yield ranges of row numbers and the existing rows in each range by their numbers."""
        for first in range(1, batch.last_row + 1, ROWS_AT_ONCE):
            numbers = range(first, min(first + ROWS_AT_ONCE, batch.last_row + 1))
            ids = {row_id(batch.id, number): number for number in numbers}
            yield numbers, {ids[name]: video for name, video in self.videos.get_many(list(ids)).items()}


def _result(number: int, video: Video) -> ReportLine:
    stored, usage, error = video.object, video.usage, video.error
    return {
        "custom_id": video.request.custom_id,
        "row": number,
        "video_id": video.id,
        "status": str(video.status),
        "s3": asdict(stored) if stored else None,
        "usage": money(usage) if usage else None,
        "error": asdict(error) if error else None,
    }


def _add(report: Report, line: ReportLine) -> None:
    # ASCII, so that no reader takes a character in a line, such as U+2028 or NEL, for the end of the line.
    report.add(json.dumps(line).encode())


def _file(batch: Batch, name: str, report: Report) -> dict[str, Any]:
    return {"name": name, "key": report_key(batch.id, name), "lines": report.lines, "bytes": report.size}
