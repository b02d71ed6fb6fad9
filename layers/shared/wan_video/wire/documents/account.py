"""The documents of models, usage and health."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wan_video.wire.documents.document import Document


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


class HealthDocument(Document):
    """The state of the API."""

    status: Literal["ok"] = "ok"
