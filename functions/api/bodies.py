"""Strict reading of request bodies: JSON or a form is converted to plain JSON."""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from wan_video.errors import InvalidRequest, Problem, WanVideoError
from wan_video.wire.body import MAX_BODY_BYTES, MAX_BODY_WITH_IMAGES_BYTES, read_object
from wan_video.wire.images import IMAGE_FIELDS, without_images
from wan_video.wire.multipart import read_multipart


class BodyRefused(WanVideoError):
    """Raised when a body is not read because it is too large or has an unsupported media type."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def read_body(event: Mapping[str, Any], *, optional: bool = False, images: bool = False) -> dict[str, Any]:
    """Return the event with its body as a JSON object; raises BodyRefused and InvalidRequest.

    If the body is `optional` and missing, it becomes an empty object. If it may contain `images`, they may be as long
    as Lambda allows.
    """
    if optional and not event.get("body"):
        event = {**event, "body": "{}", "headers": _as_json(event.get("headers") or {}), "isBase64Encoded": False}
    headers: dict[str, str] = event.get("headers") or {}
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("application/json", "multipart/form-data"):
        detail = "The content type is not supported; send application/json or multipart/form-data."
        raise BodyRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    body = _bytes(event)
    if len(body) > (MAX_BODY_WITH_IMAGES_BYTES if images else MAX_BODY_BYTES):
        raise _too_large(images=images)
    fields = read_multipart(content_type, body) if kind == "multipart/form-data" else read_object(_text(body))
    if len(body) > MAX_BODY_BYTES and _length(without_images(fields)) > MAX_BODY_BYTES:
        raise _too_large(images=any(name in fields for name in IMAGE_FIELDS))
    return {
        **event,
        "headers": _as_json(headers),
        "multiValueHeaders": None,
        "body": json.dumps(fields),
        "isBase64Encoded": False,
    }


def _length(fields: Mapping[str, Any]) -> int:
    return len(json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _too_large(*, images: bool) -> BodyRefused:
    detail = f"The body is too large; it may have at most {MAX_BODY_BYTES} bytes"
    if images:
        detail += " without its images. Upload a large image with POST /v1/inputs, and send the id of the input"
    return BodyRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"{detail}.")


def _as_json(headers: Mapping[str, str]) -> dict[str, str]:
    others = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return {**others, "Content-Type": "application/json"}


def _bytes(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise InvalidRequest([Problem("", "The body is not valid base64.")]) from None


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest([Problem("", "The body is not UTF-8 text.")]) from None
