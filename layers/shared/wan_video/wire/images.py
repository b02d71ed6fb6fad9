"""Images in requests: `https` URLs, data URLs, ids of inputs, `oss://` names, and files of a form.

A file of a form becomes a data URL, because the routes read forms as JSON.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from wan_video.domain.image import (
    FIRST_FRAME,
    INPUT_ID,
    LAST_FRAME,
    MAX_IMAGE_URL,
    UPLOADED_TO_WAN,
    ImageReference,
    ImageReferences,
)
from wan_video.errors import InvalidRequest, Problem

IMAGE_FIELDS: Final = (FIRST_FRAME, LAST_FRAME)

_DATA_URL: Final = re.compile(r"data:[\w!#$&^.+/-]{0,127}(?:;[\w.+-]{1,60}=[\w.+-]{1,60})*;base64,", re.ASCII)


_MUST_BE: Final = (
    "must be an image: an https URL, a data URL (data:image/png;base64,...), a file of a form, the id of an input from "
    "POST /v1/inputs, or an object with image_url or file_id"
)


class ImageObject(BaseModel):
    """An image as an object, as OpenAI's SDK sends it: one of the two members."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    image_url: str | None = Field(default=None, description="An `https` URL or a data URL.")
    file_id: str | None = Field(default=None, description="The id of an uploaded input.")


ImageField = str | ImageObject


def data_url_of(content: bytes | bytearray) -> str:
    """Return the data URL of a file; its type is recognized later by its bytes."""
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"


def references_of(first: ImageField | None, last: ImageField | None) -> ImageReferences:
    """Return how a request states its images. Raises InvalidRequest with every problem."""
    problems: list[Problem] = []
    found: dict[str, ImageReference | None] = {}
    for name, value in ((FIRST_FRAME, first), (LAST_FRAME, last)):
        try:
            found[name] = None if value is None else _reference(name, value)
        except InvalidRequest as error:
            problems += error.problems
    if problems:
        raise InvalidRequest(problems)
    return ImageReferences(found[FIRST_FRAME], found[LAST_FRAME])


def _reference(name: str, value: ImageField) -> ImageReference:
    if isinstance(value, str):
        return reference_of(name, value)
    stated = [text for text in (value.image_url, value.file_id) if text is not None]
    if len(stated) != 1:
        raise _wrong(name, "must have either image_url or file_id")
    if value.file_id is not None and not INPUT_ID.fullmatch(value.file_id):
        raise _wrong(name, "must have the id of an input from POST /v1/inputs as its file_id")
    return reference_of(name, stated[0])


def reference_of(name: str, text: str) -> ImageReference:
    """Return an image that the field `name` states as text. Raises InvalidRequest."""
    if text.startswith("data:"):
        return ImageReference(content=_decoded(name, text))
    if INPUT_ID.fullmatch(text) or UPLOADED_TO_WAN.fullmatch(text):
        return ImageReference(text)
    if text.lower().startswith(("https://", "http://")):
        if len(text) > MAX_IMAGE_URL:
            raise _wrong(name, f"is longer than {MAX_IMAGE_URL} characters")
        return ImageReference(text)
    raise _wrong(name, _MUST_BE)


def not_an_image(name: str) -> Problem:
    """Return the problem of a value that is neither text nor an `ImageObject`."""
    return Problem(f"/{name}", f"{name} {_MUST_BE}.")


def _decoded(name: str, text: str) -> bytes:
    head = _DATA_URL.match(text)
    if head is None:
        raise _wrong(name, "is not a data URL of base64, such as data:image/png;base64,...")
    try:
        return binascii.a2b_base64(text[head.end() :].encode("ascii"), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        raise _wrong(name, "is a data URL whose base64 is damaged") from None


def without_images(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without its images, which are the only members that may be long."""
    return {name: value for name, value in body.items() if name not in IMAGE_FIELDS}


def _wrong(name: str, detail: str) -> InvalidRequest:
    return InvalidRequest([Problem(f"/{name}", f"{name} {detail}.")])
