"""The body that asks for a video, at the API and in prompt files alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from wan_video.domain.request import UNKNOWN_PROMPT, VideoFields
from wan_video.errors import InvalidRequest, Problem


def _whole_number(value: object) -> object:
    """`seconds` may be text, as the convention of `/v1/videos` has it."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value


def _decimal(value: object) -> object:
    """Money is read as written: a JSON number by its text, never by its binary form."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Seconds = Annotated[int, BeforeValidator(_whole_number)]
Money = Annotated[Decimal, BeforeValidator(_decimal), Field(strict=False, ge=0, allow_inf_nan=False)]


class VideoBody(BaseModel):
    """A request for a video: types are checked here, values against the model registry."""

    model_config = ConfigDict(strict=True, extra="forbid")

    prompt: str
    model: str | None = None
    size: str | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    seconds: Seconds | None = None
    duration: Seconds | None = None
    region: str | None = None
    negative_prompt: str | None = None
    audio_url: str | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None
    seed: int | None = None
    shot_type: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    custom_id: str | None = None
    max_price: Money | None = None


class ImportBody(VideoBody):
    """A task that exists at Wan, and what it was asked for as far as that is known."""

    task_id: str
    prompt: str = UNKNOWN_PROMPT


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


def problem_of(location: Sequence[int | str], kind: str, message: str) -> Problem:
    """Tell one of pydantic's findings; `location` is where it was found."""
    pointer = "".join(f"/{part}" for part in location)
    name = str(location[0]) if location else "the body"
    if kind == "extra_forbidden":
        return Problem(pointer, f"Unknown field {name!r}; the fields are {', '.join(VideoBody.model_fields)}.")
    if kind == "missing":
        return Problem(pointer, f"The field {name!r} is missing." if location else "The body is missing.")
    return Problem(pointer, f"{name}: {message}.")
