"""The documents that the API returns: they make the OpenAPI schemas, and every answer is validated against them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _all_of_them(schema: dict[str, Any]) -> None:
    """Mark every member as required, because the answers include members that have a default too."""
    schema["required"] = list(schema["properties"])
    for member in schema["properties"].values():
        member.pop("default", None)


LINK_END = (
    "The latest time at which the link works. It stops earlier if the credentials that signed it expire, which the "
    "API cannot know in advance; S3 then answers `ExpiredToken`. Repeat the request for a new link."
)


class Document(BaseModel):
    """An answer with exactly these members."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_all_of_them, defer_build=True)


class EstimateDocument(Document):
    """The list price of a request."""

    seconds: int = Field(
        description="The length in seconds; if the model chooses the length, the longest that is possible."
    )
    price: str = Field(description="A decimal number as text.")
    currency: str
    priced_on: str | None = Field(
        description="The date of the price list, as YYYY-MM-DD; null if the price is from the settings of the stack."
    )
    confirmed: bool = Field(description="False if the price was published by a third party and not by Wan.")


class UsageDocument(Document):
    """What Wan bills for the video, compared with the estimate."""

    seconds: int = Field(description="The billed seconds, rounded up to whole seconds, as budgets count them.")
    price: str | None = Field(description="The list price of `stated_seconds`; null if no price is known.")
    currency: str
    stated_seconds: str = Field(description="The seconds as Wan states them: a decimal number as text.")
    estimated_seconds: int
    differs: bool = Field(
        description="Whether Wan bills a different number of seconds than estimated; if the model chose the length, "
        "whether it bills more."
    )
    aspect_ratio: str | None = Field(
        description="The aspect ratio that Wan chose for a request with the aspect ratio `adaptive`."
    )


class ConditionDocument(Document):
    """A problem from which the video may still recover."""

    code: str
    message: str
    since: int


class FailureDocument(Document):
    """Why a video ended without content."""

    code: str
    message: str
    stage: str = Field(description="The part of the stack that reported the failure.")
    retryable: bool


class UpstreamDocument(Document):
    """The task at Wan. Its times are text as Wan writes it, in UTC+8."""

    task_id: str
    request_id: str | None
    status: str
    region: str
    submit_time: str | None
    scheduled_time: str | None
    end_time: str | None


class ImageDocument(Document):
    """An image of a request; what is null is not known, because the stack has not read the image."""

    id: str | None = Field(description="The id of the input that contains it, as long as the stack keeps it.")
    sha256: str | None = Field(description="The SHA-256 of its bytes in hexadecimal.")
    format: Literal["jpeg", "png", "bmp", "webp"] | None
    width: int | None
    height: int | None
    bytes: int | None


class VideoDocument(Document):
    """A video. Times are Unix seconds."""

    id: str
    object: Literal["video"]
    status: Literal["queued", "in_progress", "completed", "failed", "cancelled", "expired"]
    condition: ConditionDocument | None
    waiting_for: Literal["place", "budget"] | None = Field(
        description="What a queued video is waiting for: a place among the running videos, or the daily budget."
    )
    waiting_until: int | None = Field(
        description="When the budget of the next day begins, for a video that is waiting for the budget."
    )
    progress: int = Field(
        ge=0, le=100, description="An estimate from the usual duration of the model; 100 only for a completed video."
    )
    queue_position: int | Literal["1000+"] | None = Field(
        default=None,
        description="The number of your videos that are ahead in the queue; null in lists and once the video has "
        "started.",
    )
    model: str
    prompt: str
    seconds: str = Field(description="The requested length in seconds; -1 means that the model chooses it.")
    size: str | None = Field(
        description="Width and height in pixels, such as `1280x720`; null if the size of this shape is not known."
    )
    resolution: str
    aspect_ratio: str = Field(description="The aspect ratio; `adaptive` means that the model chooses it.")
    negative_prompt: str | None
    audio_url: str | None
    audio: bool | None = Field(description="Whether the video has sound, for models with this switch; null for others.")
    prompt_extend: bool
    watermark: bool
    seed: int = Field(description="The seed that Wan uses, chosen by the stack if the request has none.")
    shot_type: str | None
    input_reference: ImageDocument | None = Field(description="The image that the video begins with.")
    last_frame: ImageDocument | None = Field(description="The image that the video ends with.")
    region: str
    actual_prompt: str | None = Field(description="The prompt after Wan has extended it.")
    created_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None = Field(
        description="When the video will be deleted; null until it has ended, or if the stack keeps videos "
        "indefinitely."
    )
    error: FailureDocument | None
    estimate: EstimateDocument | None = Field(description="The list price; null if no price is known.")
    usage: UsageDocument | None
    metadata: dict[str, str]
    custom_id: str | None
    batch_id: str | None
    remixed_from_video_id: None = Field(
        default=None, description="Always null; the member is part of OpenAI's schema, and videos cannot be remixed."
    )
    polling_url: str | None = Field(default=None, description="The URL at which to poll this video.")
    thumbnail: Literal["ready", "pending"] | None = Field(
        default=None,
        description="Whether the completed video has a thumbnail, or will get one shortly; null if it has none, and "
        "until the video is completed.",
    )
    upstream: UpstreamDocument | None


class VideoListDocument(Document):
    """One page of videos."""

    object: Literal["list"] = "list"
    data: list[VideoDocument]
    has_more: bool
    first_id: str | None
    last_id: str | None


class FileDocument(Document):
    """The file of a completed video, with links to it. Times are Unix seconds."""

    object: Literal["video.file"] = "video.file"
    bucket: str
    key: str
    bytes: int
    etag: str
    crc64nvme: str | None = Field(description="The CRC-64/NVME checksum in hexadecimal.")
    crc64xz: str | None = Field(description="The CRC-64/XZ checksum in hexadecimal.")
    url: str = Field(description="A link that plays the video; it works until `expires_at` at the latest.")
    download_url: str = Field(
        description="A link that saves the video under its id; it works until `expires_at` at the latest."
    )
    thumbnail_url: str | None = Field(
        description="A link that shows the thumbnail, which works until `expires_at` at the latest; null unless the "
        "`thumbnail` of the video is `ready`."
    )
    expires_at: int = Field(description=LINK_END)
    lasting_url: str | None = Field(
        description="A link that works for anyone who has it, for seven days or until the video is deleted."
    )


class DeletedDocument(Document):
    """The confirmation that a video was deleted."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


class DeletedInputDocument(Document):
    """The confirmation that an input was deleted."""

    id: str
    object: Literal["input.deleted"] = "input.deleted"
    deleted: Literal[True] = True


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


class UploadDocument(Document):
    """The request that uploads a file: send it once, with the file as its body."""

    method: Literal["PUT"]
    url: str = Field(description="A signed URL. Keep it secret: anyone who has it can upload the file.")
    headers: dict[str, str] = Field(description="The headers to send, all of them and unchanged.")
    expires_at: int = Field(description=LINK_END)


class InputDocument(Document):
    """An input that waits for its file, and how to upload that."""

    id: str = Field(description="The value of `input_reference` or `last_frame` in a request for a video.")
    object: Literal["input"] = "input"
    upload: UploadDocument


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


class QuoteDocument(Document):
    """The answer to a dry run."""

    valid: Literal[True] = True
    estimate: EstimateDocument | None = Field(description="The list price; null if no price is known.")


class LimitDocument(Document):
    """How many videos of a model Wan processes at the same time in a region, and the source of this limit."""

    concurrency: int = Field(
        description="The number of videos that Wan processes at the same time. The stack starts a fifth "
        "more, at least one, which wait at Wan."
    )
    source: Literal["parameter", "workspace", "account", "registry", "assumed"] = Field(
        description=(
            "`parameter`: the stack's `WanQuotas`. `workspace` or `account`: Wan's quota API, whose smaller limit "
            "counts. `registry`: what Alibaba publishes for every account. `assumed`: no limit is stated."
        )
    )
    read_at: int | None = Field(
        description="When Wan's quota API last answered, in Unix seconds; null if it has never answered."
    )


class ImagesDocument(Document):
    """What a model accepts as the first and the last frame of a video."""

    required: bool = Field(description="Whether a request must contain `input_reference`.")
    last_frame: bool = Field(description="Whether a request can also contain `last_frame`.")
    sets_aspect_ratio: bool = Field(
        description="Whether the first frame decides the aspect ratio, so that requests specify only `resolution`."
    )
    least_side: int = Field(description="The shortest side in pixels.")
    most_side: int = Field(description="The longest side in pixels.")
    most_bytes: int = Field(description="The largest file in bytes.")
    most_ratio: int = Field(description="The longer side divided by the shorter one, at most.")
    formats: list[str] = Field(description="The formats of files; a PNG must not be transparent.")


class ModelDocument(Document):
    """What a model can make, its regions, its prices and its limits."""

    id: str
    object: Literal["model"] = "model"
    sizes: dict[str, dict[str, str]] = Field(description="Sizes in pixels by resolution and aspect ratio.")
    aspect_ratios: dict[str, list[str]] = Field(
        description="Aspect ratios by resolution: those of `sizes`, and those that have no size, such as `adaptive`."
    )
    default_size: str | None = Field(description="Wan's default size; null if it has none.")
    seconds: list[int]
    auto_seconds: int | None = Field(
        description="The longest video if the model chooses the length (`seconds` is -1); null if it cannot."
    )
    usual_seconds: int = Field(description="The usual seconds of a generation; `progress` is based on them.")
    prompt_limit: int = Field(description="The longest prompt in characters.")
    negative_prompt: bool = Field(description="Whether the model accepts `negative_prompt`.")
    fps: int
    audio: bool = Field(description="Whether videos of the model have sound.")
    audio_switch: bool = Field(description="Whether the model accepts `audio`.")
    audio_url: bool = Field(description="Whether the model accepts `audio_url`.")
    shot_types: list[str]
    images: ImagesDocument | None = Field(
        description="What the model accepts as the first and the last frame; null if it makes videos from text only."
    )
    regions: dict[str, dict[str, str]] = Field(
        description="The price of one second by region and resolution, as far as it is known."
    )
    silent_regions: dict[str, dict[str, str]] = Field(
        description="The price of one second without sound, in the regions where it is different."
    )
    limits: dict[str, LimitDocument] = Field(description="The current limits by region.")
    retires_at: dict[str, int] = Field(
        description="When Wan takes the model offline, by region, in Unix seconds; only where Wan has announced it."
    )
    unconfirmed: dict[str, list[str]] = Field(
        description="Resolutions by region whose prices were published by a third party and not by Wan."
    )
    currency: str
    priced_on: str | None = Field(
        description="The date of the oldest of these prices; null if all of them are from the settings of the stack, "
        "or if there are none."
    )
    price_warning: str | None = Field(description="A warning if prices are old or not confirmed by Wan.")


class UnreachableModel(Document):
    """A model that Wan offers in the stack's regions but that the stack cannot use."""

    id: str
    reason: str = Field(description="Why the stack cannot use the model.")


class DefaultsDocument(Document):
    """The values that the stack uses for fields that a request leaves out."""

    model: str
    size: str
    seconds: int
    region: str


class ModelListDocument(Document):
    """The models of the regions this stack is configured for."""

    object: Literal["list"] = "list"
    data: list[ModelDocument]
    unreachable: list[UnreachableModel]
    defaults: DefaultsDocument


class SpendingDocument(Document):
    """The seconds and the list price of a day, or of a month so far."""

    reserved_seconds: int = Field(description="Seconds reserved for videos that are running.")
    spent_seconds: int = Field(description="Seconds of videos that Wan has billed or may have billed.")
    estimated_seconds: int = Field(description="The estimated seconds of the same videos.")
    spent_price: str
    unpriced_seconds: int = Field(
        description="Spent seconds whose price is not known; `spent_price` does not include them."
    )
    currency: str


class DayDocument(SpendingDocument):
    """The usage of one day."""

    day: str


class AccountDocument(Document):
    """The usage of the caller's owner. Days are UTC."""

    object: Literal["usage"] = "usage"
    owner: str
    day: str
    today: SpendingDocument
    this_month: SpendingDocument
    month: str = Field(description="The month of `days`.")
    days: list[DayDocument] = Field(description="The days of the month that have any usage, in order.")
    daily_seconds: int | None = Field(
        description="The seconds of video that the token may start in one day; null if the token has no limit."
    )


class WebhookEndpointDocument(Document):
    """A webhook endpoint."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    url: str | None = Field(description="Where events are sent; null if the endpoint only signs callbacks.")
    event_types: list[str] | None = Field(description="The types of events that are sent; null for all.")
    description: str
    status: Literal["enabled", "paused", "disabled"] = Field(
        description="`paused`: the last 20 requests failed, and one a minute is tried until one succeeds. "
        "`disabled`: the receiver answered 410."
    )
    failures: int = Field(description="The number of requests in a row that have failed.")
    created_at: int
    secret: str | None = Field(
        description="The secret that signs the events. Only the answers to the creation and to a rotation contain it."
    )
    previous_secret_valid_until: int | None = Field(
        description="Until when events are also signed with the secret before the last rotation; null after that."
    )


class WebhookEndpointListDocument(Document):
    """The webhook endpoints of the caller's owner, the oldest first."""

    object: Literal["list"] = "list"
    data: list[WebhookEndpointDocument]


class DeletedEndpointDocument(Document):
    """The answer to the deletion of a webhook endpoint."""

    id: str
    object: Literal["webhook_endpoint.deleted"] = "webhook_endpoint.deleted"
    deleted: Literal[True] = True


class AttemptDocument(Document):
    """The last request of a delivery."""

    at: int
    status_code: int | None = Field(description="The status of the answer; null without one.")
    error: str | None = Field(
        description="Why there was no answer: `timeout`, `not_resolved`, `address_not_public`, `tls_failed` or "
        "`connection_failed`."
    )


class WebhookDeliveryDocument(Document):
    """The delivery of one event to one endpoint."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    endpoint_id: str
    event_id: str
    event_type: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int = Field(description="The number of requests, without those that probe a paused receiver.")
    created_at: int = Field(description="When the delivery was created, or replayed.")
    next_attempt_at: int | None = Field(description="When the next request is due; null once the delivery has ended.")
    last_attempt: AttemptDocument | None
    error: str | None = Field(
        description="Why the delivery failed: `attempts_exhausted`, `receiver_paused` for a whole day, `gone` (410), "
        "`endpoint_disabled` or `endpoint_deleted`."
    )
    ended_at: int | None


class WebhookDeliveryListDocument(Document):
    """Deliveries of a webhook endpoint."""

    object: Literal["list"] = "list"
    data: list[WebhookDeliveryDocument]


class HealthDocument(Document):
    """The state of the API."""

    status: Literal["ok"] = "ok"


class FieldProblem(Document):
    """One thing wrong with a request."""

    pointer: str = Field(description="A JSON pointer to the member that is wrong; empty for the whole request.")
    detail: str


class SdkError(Document):
    """The error as SDKs of the `/v1/videos` convention read it."""

    message: str
    type: str
    param: str | None
    code: str


class ProblemDocument(Document):
    """An error, as problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The id of the request.")
    errors: list[FieldProblem]
    retryable: bool = Field(description="Whether the same request may succeed later.")
    error: SdkError


def schema_of(document: type[Document]) -> dict[str, Any]:
    """Return a document as the `content` of an OpenAPI response."""
    return {"application/json": {"model": document}}
