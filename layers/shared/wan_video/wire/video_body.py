"""The body that asks for a video, at the API and in prompt files alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from wan_video.domain.models import MAX_SEED, NEGATIVE_PROMPT_LIMIT
from wan_video.domain.names import TASK_ID
from wan_video.domain.request import MAX_CUSTOM_ID, MAX_METADATA_KEYS, UNKNOWN_PROMPT, VideoFields
from wan_video.errors import InvalidRequest, Problem, pointer, shortened


def _whole_number(value: object) -> object:
    """`seconds` may be text, as the convention of `/v1/videos` has it."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value


def _decimal(value: object) -> object:
    """Money is read as written: a JSON number by its text, never by its binary form."""
    if isinstance(value, str) and not value.isascii():
        raise PydanticCustomError("not_a_price", "Input should be a number with the digits 0 to 9")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _told(description: str, **limits: Any) -> Any:
    """An optional field as the OpenAPI document tells of it; its `limits` are held where all values are checked."""
    return Field(default=None, description=description, json_schema_extra=limits or None)


Seconds = Annotated[
    int,
    BeforeValidator(_whole_number),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{1,5}$"}]}),
]
Money = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    Field(strict=False, ge=0, allow_inf_nan=False),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$"}]}
    ),
]


class VideoBody(BaseModel):
    """A request for a video: types are checked here, values against the model registry."""

    model_config = ConfigDict(strict=True, extra="forbid")

    prompt: str = Field(
        description="What the video should show; each model has its limit.", json_schema_extra={"minLength": 1}
    )
    model: str | None = _told("One of `GET /v1/models`; the stack has a default.")
    size: str | None = _told("Width x height in pixels, such as `1280x720`; `1280*720` is the same.")
    resolution: str | None = _told("In place of `size`: `480P`, `720P` or `1080P`.")
    aspect_ratio: str | None = _told("With `resolution`, or alone: `16:9`, `9:16`, `1:1` and what else the model has.")
    seconds: Seconds | None = _told("The length, as a number or as text.")
    duration: Seconds | None = _told("Another name of `seconds`.")
    region: str | None = _told("Where Wan makes it: one of the regions that the stack has a key for.")
    negative_prompt: str | None = _told("What the video should not show.", maxLength=NEGATIVE_PROMPT_LIMIT)
    audio_url: str | None = _told("A public link to a sound file that goes with the video.")
    prompt_extend: bool | None = _told("Whether Wan may elaborate the prompt; it does unless told otherwise.")
    watermark: bool | None = _told("Whether the video is marked as made by AI; it is not unless asked for.")
    seed: int | None = _told(
        "The same seed makes similar videos; drawn where none is given.", minimum=0, maximum=MAX_SEED
    )
    shot_type: str | None = _told("`single` or `multi`, for models that tell stories in several shots.")
    metadata: dict[str, str] = Field(
        default_factory=dict,
        description="Yours, returned as it is; keys of up to 64 characters, values of up to 512.",
        json_schema_extra={"maxProperties": MAX_METADATA_KEYS},
    )
    custom_id: str | None = _told("Your own name for it.", minLength=1, maxLength=MAX_CUSTOM_ID)
    max_price: Money | None = _told("Refuse it where the list price is higher.")


class ImportBody(VideoBody):
    """A task that exists at Wan, and what it was asked for as far as that is known."""

    task_id: str = Field(description="As Wan gave it.", json_schema_extra={"pattern": f"^{TASK_ID.pattern}$"})
    prompt: str = Field(default=UNKNOWN_PROMPT, description="Wan tells it once the task has succeeded.")


class RetryBody(BaseModel):
    """What a video may cost that is made again."""

    model_config = ConfigDict(strict=True, extra="forbid")

    max_price: Money | None = _told("Refuse it where today's list price is higher.")


def read_fields(body: Mapping[str, Any]) -> VideoFields:
    """Check the types of a body; raises InvalidRequest with every problem found."""
    try:
        return fields_of(VideoBody.model_validate(body))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise InvalidRequest([problem_of(detail["loc"], detail["type"], detail["msg"]) for detail in details]) from None


def fields_of(body: VideoBody) -> VideoFields:
    """The fields of a body; raises InvalidRequest where `seconds` and `duration` disagree."""
    fields = body.model_dump(exclude={"duration", "task_id"})
    if body.duration is not None:
        if body.seconds not in (None, body.duration):
            raise InvalidRequest([Problem("/duration", "duration is another name of seconds; give one of them.")])
        fields["seconds"] = body.duration
    return VideoFields(**fields)


def problem_of(location: Sequence[int | str], kind: str, message: str, body: type[BaseModel] = VideoBody) -> Problem:
    """Tell one of pydantic's findings in a `body`; `location` is where it was found."""
    name = shortened(str(location[0])) if location else "the body"
    if kind == "extra_forbidden":
        return Problem(pointer(*location), f"Unknown field {name!r}; the fields are {', '.join(body.model_fields)}.")
    if kind == "missing":
        return Problem(pointer(*location), f"The field {name!r} is missing." if location else "The body is missing.")
    return Problem(pointer(*location), f"{name}: {message}.")
