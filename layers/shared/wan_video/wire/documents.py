"""The documents the API answers with: what the OpenAPI document says of them, and what every answer is held to."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _all_of_them(schema: dict[str, Any]) -> None:
    """A member with a default is in every answer too."""
    schema["required"] = list(schema["properties"])
    for member in schema["properties"].values():
        member.pop("default", None)


LINK_END = (
    "When the link ends at the latest. It ends earlier where the credentials that signed it do, and a "
    "function cannot find out when that is; S3 then answers `ExpiredToken`. Ask again for another link."
)


class Document(BaseModel):
    """An answer has these members, all of them and no others."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_all_of_them, defer_build=True)


class EstimateDocument(Document):
    """The list price of a request."""

    seconds: int
    price: str = Field(description="A decimal number, as text.")
    currency: str
    priced_on: str = Field(description="The day of the price list, YYYY-MM-DD.")


class UsageDocument(Document):
    """What Wan bills for the video."""

    seconds: int
    price: str
    currency: str


class ConditionDocument(Document):
    """Trouble that may still end well."""

    code: str
    message: str
    since: int


class FailureDocument(Document):
    """Why a video ended without content."""

    code: str
    message: str
    stage: str = Field(description="The part of the stack that found out.")
    retryable: bool


class UpstreamDocument(Document):
    """The task at Wan; its times are Wan's own text, in UTC+8."""

    task_id: str
    request_id: str | None
    status: str
    region: str
    submit_time: str | None
    scheduled_time: str | None
    end_time: str | None


class VideoDocument(Document):
    """A video. Times are Unix seconds."""

    id: str
    object: Literal["video"]
    status: Literal["queued", "in_progress", "completed", "failed", "cancelled", "expired"]
    condition: ConditionDocument | None
    waiting_for: Literal["place", "budget"] | None = Field(description="What a queued video waits for.")
    waiting_until: int | None = Field(description="When the next day's budget begins, for one that waits for budget.")
    progress: int = Field(ge=0, le=100, description="By the model's usual time; 100 only once it is completed.")
    queue_position: int | Literal["1000+"] | None = Field(
        default=None, description="How many of yours go before it; null in lists and once it has started."
    )
    model: str
    prompt: str
    seconds: str
    size: str = Field(description="Width x height in pixels.")
    negative_prompt: str | None
    audio_url: str | None
    prompt_extend: bool
    watermark: bool
    seed: int = Field(description="The one that is used.")
    shot_type: str | None
    region: str
    actual_prompt: str | None = Field(description="What Wan made of the prompt.")
    created_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None = Field(
        description="Until when it is kept; null until it has ended, and where the stack keeps videos for ever."
    )
    error: FailureDocument | None
    estimate: EstimateDocument
    usage: UsageDocument | None
    metadata: dict[str, str]
    custom_id: str | None
    batch_id: str | None
    remixed_from_video_id: None = Field(
        default=None, description="Always null: nothing is remixed here, and OpenAI's schema has it."
    )
    polling_url: str | None = Field(default=None, description="Where to ask for this video again.")
    upstream: UpstreamDocument | None


class VideoListDocument(Document):
    """One page of videos."""

    object: Literal["list"] = "list"
    data: list[VideoDocument]
    has_more: bool
    first_id: str | None
    last_id: str | None


class FileDocument(Document):
    """The file of a completed video: what it is, and links to it. Times are Unix seconds."""

    object: Literal["video.file"] = "video.file"
    bucket: str
    key: str
    bytes: int
    etag: str
    crc64nvme: str | None = Field(description="Hexadecimal.")
    crc64xz: str | None
    url: str = Field(description="Shows it; works until `expires_at` at the latest.")
    download_url: str = Field(description="Saves it under its id; works until `expires_at` at the latest.")
    expires_at: int = Field(description=LINK_END)
    lasting_url: str | None = Field(description="Opens it to whoever has it, for seven days or until it is deleted.")


class DeletedDocument(Document):
    """What is left of a deleted video."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


class BatchFileDocument(Document):
    """The file of a batch, once it has come."""

    bucket: str
    key: str
    etag: str


class RequestCountsDocument(Document):
    """How many requests a file has, and how they stand."""

    total: int
    queued: int
    in_progress: int
    completed: int
    failed: int
    cancelled: int
    expired: int
    refused: int = Field(description="Not accepted; the errors report says why.")


class BatchErrorDocument(Document):
    """Why nothing came of a batch as a whole."""

    code: str
    message: str


class UploadDocument(Document):
    """How the file is sent: this request with the file as its body, once."""

    method: Literal["PUT"]
    url: str = Field(description="A credential: whoever has it can send the file.")
    headers: dict[str, str] = Field(description="All of them, as they are.")
    expires_at: int = Field(description=LINK_END)


class ReportsDocument(Document):
    """Links to the reports that work for some minutes; ask again for others."""

    results: str = Field(description="JSON Lines: what became of each accepted request.")
    errors: str = Field(description="JSON Lines: what failed or was refused, and why.")
    manifest: str = Field(description="The batch, and the objects of its reports.")


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
    retry_of: str | None = Field(description="The batch whose failures it makes again.")
    request_counts: RequestCountsDocument
    error: BatchErrorDocument | None
    created_at: int
    in_progress_at: int | None
    cancel_requested_at: int | None
    completed_at: int | None
    ended_at: int | None
    expires_at: int | None = Field(description="Until when it is kept; null where the stack keeps batches for ever.")
    upload: UploadDocument | None = Field(description="In the answer that opens a batch, while it waits for its file.")
    reports: ReportsDocument | None = Field(description="Once it has ended; null in lists.")


class BatchListDocument(Document):
    """One page of batches."""

    object: Literal["list"] = "list"
    data: list[BatchDocument]
    has_more: bool
    first_id: str | None
    last_id: str | None


class QuoteDocument(Document):
    """The answer of a dry run."""

    valid: Literal[True] = True
    estimate: EstimateDocument


class ModelDocument(Document):
    """What a model makes, where, and at which price."""

    id: str
    object: Literal["model"] = "model"
    sizes: dict[str, dict[str, str]] = Field(description="Tier, aspect ratio, pixels.")
    default_size: str
    seconds: list[int]
    prompt_limit: int = Field(description="In characters.")
    fps: int
    audio: bool
    shot_types: list[str]
    regions: dict[str, dict[str, str]] = Field(description="Region, tier, price of a second.")
    currency: str
    priced_on: str


class DefaultsDocument(Document):
    """What a request is filled in with where it says nothing."""

    model: str
    size: str
    seconds: int
    region: str


class ModelListDocument(Document):
    """The models of the regions this stack is configured for."""

    object: Literal["list"] = "list"
    data: list[ModelDocument]
    defaults: DefaultsDocument


class SpendingDocument(Document):
    """Seconds and list price of a day, or of a month so far."""

    reserved_seconds: int = Field(description="For what runs.")
    spent_seconds: int = Field(description="For what was made.")
    spent_price: str
    currency: str


class DayDocument(SpendingDocument):
    """What was used on one day."""

    day: str


class AccountDocument(Document):
    """What the caller's owner uses; days are UTC."""

    object: Literal["usage"] = "usage"
    owner: str
    day: str
    today: SpendingDocument
    this_month: SpendingDocument
    month: str = Field(description="The one whose days follow.")
    days: list[DayDocument] = Field(description="Those on which something was used, the first one first.")
    daily_seconds: int | None = Field(description="What the token allows in a day; null for no limit of its own.")


class HealthDocument(Document):
    """The API is up."""

    status: Literal["ok"] = "ok"


class FieldProblem(Document):
    """One thing wrong with a request."""

    pointer: str = Field(description="The member that is wrong, as a JSON pointer; empty for the whole request.")
    detail: str


class SdkError(Document):
    """The member that SDKs of the `/v1/videos` convention read."""

    message: str
    type: str
    param: str | None
    code: str


class ProblemDocument(Document):
    """An error, by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The id of the request.")
    errors: list[FieldProblem]
    retryable: bool = Field(description="Whether the same request may succeed later.")
    error: SdkError


def schema_of(document: type[Document]) -> dict[str, Any]:
    """How OpenAPI's `content` names a document."""
    return {"application/json": {"model": document}}
