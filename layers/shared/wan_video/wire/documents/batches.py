"""The documents of batches."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wan_video.wire.documents.document import Document
from wan_video.wire.documents.inputs import UploadDocument


class BatchFileDocument(Document):
    """The file of a batch, once it has been uploaded."""

    bucket: str
    key: str
    etag: str


class RequestCountsDocument(Document):
    """The number of requests in a file, by status."""

    total: int
    queued: int
    in_progress: int
    completed: int
    failed: int
    cancelled: int
    expired: int
    refused: int = Field(description="Requests that were not accepted; the errors report says why.")


class BatchErrorDocument(Document):
    """Why a batch as a whole failed."""

    code: str
    message: str


class ReportsDocument(Document):
    """Links to the reports, which work for several minutes. Repeat the request for new links."""

    results: str = Field(description="A link to JSON Lines with the outcome of each accepted request.")
    errors: str = Field(description="A link to JSON Lines with the requests that failed or were refused, and why.")
    manifest: str = Field(description="A link to the document of the batch and the list of its report objects.")


class BatchDocument(Document):
    """The requests of one prompt file. Times are Unix seconds."""

    id: str
    object: Literal["batch"]
    status: Literal[
        "waiting_for_file",
        "validating",
        "in_progress",
        "cancelling",
        "finalizing",
        "completed",
        "failed",
        "cancelled",
        "expired",
    ]
    name: str
    file: BatchFileDocument | None
    retry_of: str | None = Field(description="The batch whose failures this batch retries.")
    request_counts: RequestCountsDocument
    error: BatchErrorDocument | None
    created_at: int
    in_progress_at: int | None
    cancel_requested_at: int | None
    completed_at: int | None
    ended_at: int | None
    expires_at: int | None = Field(
        description="When the batch will be deleted; null if the stack keeps batches indefinitely."
    )
    upload: UploadDocument | None = Field(
        description="How to upload the file; present in the answer that creates the batch, and null otherwise."
    )
    reports: ReportsDocument | None = Field(
        description="Links to the reports of a batch that has ended; null before and in lists."
    )


class BatchListDocument(Document):
    """One page of batches."""

    object: Literal["list"] = "list"
    data: list[BatchDocument]
    has_more: bool
    first_id: str | None
    last_id: str | None
