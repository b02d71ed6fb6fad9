"""ingest: read one prompt file, queue a video for each good row, and report on all of them.

Batch and videos are named after the file's content, so the same event again, and the same file uploaded again, change
nothing; a worker that was cut off is followed by one that writes what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wan_video.domain.prompt_file import MAX_FILE_BYTES, PromptFile, Row, batch_id, row_id
from wan_video.domain.video import BATCH, INTERACTIVE, Video
from wan_video.errors import (
    BudgetExceeded,
    InvalidRequest,
    Problem,
    PromptFileChanged,
    PromptFileGone,
    PromptFileRefused,
)
from wan_video.ports import Objects, PromptFiles, Token, Videos
from wan_video.services.intake import Intake


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a file: rows accepted and refused, and its batch; None where the file was not there any more."""

    batch_id: str | None
    accepted: int = 0
    refused: int = 0


def report_key(batch: str) -> str:
    """Where the report of a batch is stored, in the videos bucket: the stack never writes the bucket it watches."""
    return f"reports/{batch}/report.json"


@dataclass(frozen=True)
class Ingest:
    """Takes in prompt files; every video of theirs belongs to `owner`. `parse` raises PromptFileRefused."""

    files: PromptFiles
    parse: Callable[[PromptFile], Sequence[Row]]
    intake: Intake
    videos: Videos
    reports: Objects
    owner: str

    def __call__(self, bucket: str, key: str, etag: str, size: int) -> Ingested:
        """Take in the object that an event told of; raises what S3 and DynamoDB raise, to be called again."""
        if size > MAX_FILE_BYTES:
            refusal = PromptFileRefused(f"The file has {size} bytes; at most {MAX_FILE_BYTES} are read.")
            return self._refuse(batch_id(bucket, key, etag), bucket, key, etag, refusal)
        try:
            file = self.files.read(bucket, key, etag)
        except (PromptFileGone, PromptFileChanged):
            # Deleted, or replaced: then the new content has an event of its own.
            return Ingested(None)
        batch = batch_id(bucket, key, file.digest)
        try:
            rows = self.parse(file)
        except PromptFileRefused as refusal:
            return self._refuse(batch, bucket, key, etag, refusal)
        videos, lines = self._queue(batch, rows)
        self.videos.accept_all(videos)
        self._report(batch, bucket, key, etag, rows=lines)
        return Ingested(batch, accepted=len(videos), refused=len(rows) - len(videos))

    def _queue(self, batch: str, rows: Sequence[Row]) -> tuple[list[Video], list[dict[str, Any]]]:
        caller = Token(self.owner, frozenset({"write"}))
        priority = INTERACTIVE if len(rows) == 1 else BATCH
        videos: list[Video] = []
        lines: list[dict[str, Any]] = []
        for row in rows:
            problems = row.problems
            if row.fields is not None:
                new_id = row_id(batch, row.number)
                try:
                    video = self.intake.video(
                        caller,
                        row.fields,
                        new_id=new_id,
                        body_hash=new_id,
                        priority=priority,
                        batch_id=batch,
                        row=row.number,
                    )
                except InvalidRequest as error:
                    problems = error.problems
                except BudgetExceeded as error:
                    problems = (Problem("", str(error)),)
                else:
                    videos.append(video)
                    lines.append({"row": row.number, "custom_id": video.request.custom_id, "video_id": video.id})
                    continue
            errors = [{"pointer": problem.pointer, "detail": problem.detail} for problem in problems]
            lines.append({"row": row.number, "errors": errors})
        return videos, lines

    def _refuse(self, batch: str, bucket: str, key: str, etag: str, refusal: PromptFileRefused) -> Ingested:
        self._report(batch, bucket, key, etag, error={"code": refusal.code, "message": str(refusal)})
        return Ingested(batch)

    def _report(
        self,
        batch: str,
        bucket: str,
        key: str,
        etag: str,
        *,
        rows: Sequence[dict[str, Any]] = (),
        error: dict[str, str] | None = None,
    ) -> None:
        accepted = sum("video_id" in row for row in rows)
        report = {
            "object": "report",
            "batch_id": batch,
            "owner": self.owner,
            "file": {"bucket": bucket, "key": key, "etag": etag},
            "accepted": accepted,
            "refused": len(rows) - accepted,
            "error": error,
            "rows": list(rows),
        }
        self.reports.put_json(report_key(batch), report)
