"""The documents of videos."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wan_video.wire.documents.document import Document


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


class DeletedDocument(Document):
    """The confirmation that a video was deleted."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


class QuoteDocument(Document):
    """The answer to a dry run."""

    valid: Literal[True] = True
    estimate: EstimateDocument | None = Field(description="The list price; null if no price is known.")
