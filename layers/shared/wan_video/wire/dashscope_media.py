"""The images and the audio of DashScope's create calls: `img_url`, and the list `media`.

`img_url` names the first frame for every model that takes one, although Wan itself ignores it since wan2.7: code for
older models, and the SDKs, send it. Source: docs/wan-api.md.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wan_video.domain.image import FIRST_FRAME, LAST_FRAME, ImageReference, ImageReferences
from wan_video.domain.models import Model
from wan_video.errors import InvalidRequest, Problem
from wan_video.wire.images import reference_of

Json = dict[str, Any]

AUDIO: Final = "driving_audio"
_FRAMES: Final[Mapping[str, str]] = {"first_frame": FIRST_FRAME, "last_frame": LAST_FRAME}
"""The types of images in `media`, and our fields for them."""
_LEFT_OUT: Final = ("template", "first_frame_url", "last_frame_url")
"""Members of `input` that make another video than the rest of the request says."""
_NAMES: Final = ("data:", "http://", "https://", "oss://", "input_")


@dataclass(frozen=True, slots=True)
class Media:
    """What a create call contains besides text: its images, and the URL of an audio file among the media."""

    images: ImageReferences
    audio_url: str | None = None


def read_media(inputs: Mapping[str, Any], model: Model) -> Media:
    """Return the media in the `input` of a call to a model that takes images; raises InvalidRequest."""
    for name in _LEFT_OUT:
        if inputs.get(name):
            raise _wrong(name, f"{name} is not supported; send {_supported(model)}.")
    found: dict[str, ImageReference] = {}
    audio_url: str | None = None
    if (url := inputs.get("img_url")) not in (None, ""):
        found[FIRST_FRAME] = _reference("img_url", url)
    for item in _items(inputs.get("media"), model):
        kind, url = item.get("type"), item.get("url")
        name = AUDIO if kind == AUDIO else _FRAMES[str(kind)]
        if name in found or (name == AUDIO and audio_url is not None):
            raise _wrong("media", f"media has more than one {kind}.")
        if name == AUDIO:
            if not isinstance(url, str):
                raise _wrong("media", "The driving_audio in media needs a url.")
            audio_url = url
        else:
            found[name] = _reference(str(kind), url)
    return Media(ImageReferences(found.get(FIRST_FRAME), found.get(LAST_FRAME)), audio_url)


def with_digests(body: Json, images: ImageReferences) -> Json:
    """Return the body of a create call with the digests of its images in place of their bytes.

    A body without images stays as it is.
    """
    inputs = body["input"]
    if not images:
        return body
    digests = {name: reference.digest for name, reference in images.by_field.items()}
    changed = dict(inputs)
    if inputs.get("img_url") not in (None, ""):
        changed["img_url"] = digests[FIRST_FRAME]
    if isinstance(inputs.get("media"), list):
        changed["media"] = [
            {**item, "url": digests[_FRAMES[item["type"]]]} if item.get("type") in _FRAMES else item
            for item in inputs["media"]
        ]
    return {**body, "input": changed}


def _items(media: Any, model: Model) -> list[Json]:
    """Return the items of `media`, whose types the model takes."""
    if media is None or media == []:
        return []
    if not isinstance(media, list) or not all(isinstance(item, dict) for item in media):
        raise _wrong("media", "media must be a list of objects with a type and a url.")
    if model.image_member == "img_url":
        raise _wrong("media", f"{model.name} does not take media; send {_supported(model)}.")
    kinds = _kinds(model)
    for item in media:
        if item.get("type") not in kinds:
            kind = str(item.get("type"))[:40]
            raise _wrong("media", f"media of the type {kind!r} are not supported; send {_supported(model)}.")
    return media


def _kinds(model: Model) -> tuple[str, ...]:
    last = ("last_frame",) if model.last_frame else ()
    return ("first_frame", *last, *((AUDIO,) if model.takes_audio_url else ()))


def _supported(model: Model) -> str:
    return "img_url" if model.image_member == "img_url" else f"media of the types {', '.join(_kinds(model))}"


def _reference(name: str, url: Any) -> ImageReference:
    """Return an image that a call names by a URL or contains as base64, with or without `data:`."""
    if not isinstance(url, str) or not url:
        raise _wrong(name, f"{name} needs a URL or base64.")
    if url.lower().startswith(_NAMES):
        return reference_of(name, url)
    try:
        return ImageReference(content=binascii.a2b_base64(url.encode("ascii"), strict_mode=True))
    except (ValueError, UnicodeEncodeError):
        raise _wrong(name, f"{name} is neither a URL (https, oss or data) nor base64.") from None


def _wrong(name: str, detail: str) -> InvalidRequest:
    return InvalidRequest([Problem(f"/input/{name}", detail)])
