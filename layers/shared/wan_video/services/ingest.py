"""ingest: read one prompt file, queue a video for each good row, and report on all of them.

The ids of the batch and its videos are derived from the file's content, or from the batch that the API created for the
file. Nothing therefore changes if the same event arrives again, or the same file is uploaded again. If a worker is
interrupted, the next one writes what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from wan_video.domain.batch import Batch, BatchError, BatchStatus, Source, uploaded_id
from wan_video.domain.image import FILE_IMAGES, FIRST_FRAME, LAST_FRAME, file_image_key
from wan_video.domain.names import VIDEO_ID
from wan_video.domain.prompt_file import Content, PromptFile, Row, batch_id
from wan_video.errors import (
    BatchChanged,
    BatchExists,
    BatchNotFound,
    Problem,
    PromptFileChanged,
    PromptFileGone,
    PromptFileRefused,
    quoted,
)
from wan_video.services.enrol import Enrol, Survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import PromptFiles
    from wan_video.services.failures_of import FailuresOf

MAX_NAME: Final = 255
_BEING_READ: Final = (BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS)


class Format(Protocol):
    """The format of prompt files."""

    def check(self, key: str, size: int) -> None:
        """Raise PromptFileRefused for a file that can be refused without reading it."""
        ...

    def parse(self, file: PromptFile, chunks: Iterable[bytes]) -> Iterator[Row]:
        """Yield the rows of a file. Raises PromptFileRefused if the file cannot be read as a whole."""
        ...


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result for one file: its batch, and the numbers of its accepted and refused rows.

    `batch_id` is None if the file no longer exists.
    """

    batch_id: str | None
    accepted: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Ingest:
    """The service that queues the requests of prompt files, and of batches that retry failures.

    Files for which the API did not create a batch belong to `owner`.
    """

    files: PromptFiles
    format: Format
    batches: Batches
    enrol: Enrol
    failures_of: FailuresOf
    clock: Clock
    owner: str

    def __call__(self, bucket: str, key: str, etag: str) -> Ingested:
        """Read the prompt file that an event names, and queue its rows.

        Raises what S3 and DynamoDB raise; the caller can repeat the call.
        """
        source = Source(bucket, key, etag)
        batch: Batch | None = None
        try:
            batch = self._announced(source)
            if batch is not None and batch.status not in _BEING_READ:
                return _ingested(batch)
            file = self.files.open(bucket, key, etag)
            self.format.check(key, file.size)
            with Survey() as survey:
                digest, refusal = self._read(file, survey, batch)
                batch = batch or self._created(batch_id(bucket, key, digest), replace(source, digest=digest))
                if refusal is not None:
                    return self._refuse(batch, refusal)
                return _ingested(self.enrol(batch, survey, lambda: self._rows(file, file.chunks(), batch.owner)))
        except PromptFileRefused as refusal:
            return self._refuse(batch or self._created(batch_id(bucket, key, etag), source), refusal)
        except (PromptFileGone, PromptFileChanged) as lost:
            # If the file was replaced and not deleted, the new content has an event of its own.
            if batch is None:
                return Ingested(None)
            message = "The file was deleted or replaced while being read; requests that had not started were cancelled."
            return _ingested(self.enrol.cancel_batch(batch.id, BatchError(lost.code, message)))

    def retry(self, name: str) -> Ingested:
        """Queue the requests of a batch that retries the failures of another one."""
        batch = self.batches.get(name)
        source = batch.retry_of
        if source is None or batch.status not in _BEING_READ:
            return _ingested(batch)
        with Survey() as survey:
            failures = self.failures_of(source, capped=batch.capped)
            self.enrol.survey(survey, batch.owner, batch.daily_seconds, failures)
            return _ingested(self.enrol(batch, survey, lambda: self.failures_of(source, capped=batch.capped)))

    def _read(self, file: PromptFile, survey: Survey, batch: Batch | None) -> tuple[str, PromptFileRefused | None]:
        """Check all rows of a file; return its digest and, if it cannot be read as a whole, the reason."""
        owner, daily_seconds = (batch.owner, batch.daily_seconds) if batch else (self.owner, None)
        content = Content(file.metadata)
        chunks = content.through(file.chunks())
        refusal = None
        try:
            self.enrol.survey(survey, owner, daily_seconds, self._rows(file, chunks, owner))
        except PromptFileRefused as error:
            refusal = error
        for _ in chunks:
            pass  # The digest covers the whole file, even if parsing it ended early.
        return content.digest, refusal

    def _rows(self, file: PromptFile, chunks: Iterable[bytes], owner: str) -> Iterator[Row]:
        """Yield the rows of a file; those with images that they may not name are invalid."""
        for row in self.format.parse(file, chunks):
            problems = self._image_problems(row, file.bucket, owner)
            yield Row(row.number, problems=problems, line=row.line) if problems else row

    def _image_problems(self, row: Row, bucket: str, owner: str) -> list[Problem]:
        """Return a problem for each image in S3 that is not in the prompts bucket, or that is not the owner's."""
        if row.fields is None:
            return []
        images = ((FIRST_FRAME, row.fields.first_frame), (LAST_FRAME, row.fields.last_frame))
        named = [(name, image.source) for name, image in images if image is not None and image.is_in_prompts_bucket]
        if named and owner != self.owner:
            detail = "only files of the owner of file uploads may name images in S3; send an https URL."
            return [Problem(f"/{name}", f"{name}: {detail}") for name, _ in named]
        detail = f"an image in S3 must be below s3://{bucket}/{FILE_IMAGES}, without empty segments, '.' and '..'."
        return [Problem(f"/{name}", f"{name}: {detail}") for name, key in named if file_image_key(key, bucket) is None]

    def _announced(self, source: Source) -> Batch | None:
        """Return the batch that the API created for a file, marked as received; None for a file without one.

        Raises PromptFileRefused if that batch does not exist, or does not wait for this file.
        """
        name = uploaded_id(source.key)
        if name is None:
            return None
        try:
            if not VIDEO_ID.fullmatch(name):
                raise BatchNotFound(name)
            batch = self.batches.get(name)
        except BatchNotFound:
            raise PromptFileRefused(f"There is no batch {quoted(name)} that waits for a file.") from None
        if batch.status is BatchStatus.WAITING_FOR_FILE:
            try:
                return self.batches.save(batch, batch.receive(self.clock.unix_seconds(), source))
            except BatchChanged:
                return self._announced(source)
        if batch.source is None or batch.source.etag != source.etag:
            raise PromptFileRefused(f"The batch {name!r} does not wait for a file; it is {batch.status}.")
        return batch

    def _created(self, name: str, source: Source) -> Batch:
        """Return the batch of a file for which the API did not create one; create it if the file is new."""
        now = self.clock.unix_seconds()
        batch = Batch(
            id=name,
            owner=self.owner,
            name=PurePosixPath(source.key).name[-MAX_NAME:],
            status=BatchStatus.VALIDATING,
            source=source,
            created_at=now,
            updated_at=now,
        )
        try:
            self.batches.create(batch)
        except BatchExists:
            return self.batches.get(name)
        return batch

    def _refuse(self, batch: Batch, refusal: PromptFileRefused) -> Ingested:
        return _ingested(self.enrol.refuse(batch, BatchError(refusal.code, str(refusal))))


def _ingested(batch: Batch) -> Ingested:
    return Ingested(batch.id, batch.accepted, batch.refused)
