"""What an order brings besides its text: its images and its audio, read from `img_url` or from `media`.

A wrong set of them is found when the task runs, not by the create call. Sources: Model Studio, "Wan image-to-video API
reference" (2.7; first frame, up to 2.6) and "Wan 3.0 API reference". The message for most wrong sets is not documented.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wan_simulator.errors import RefusalError
from wan_simulator.models import WanModel

LARGEST_BODY: Final = 16 * 1024 * 1024
"""Bytes of a body that Wan's gateway passes on, with base64 decoded. Source: Model Studio, "Rate limits"."""
LARGEST_ENCODED_BODY: Final = 64 * 1024 * 1024
"""Bytes of a body with base64 in it, as it is sent."""
_LARGEST_CONTENT: Final = 20 * 1024 * 1024
"""Characters of one content in base64."""

_MIXED_MODES: Final = (
    "The two modes are mutually exclusive. Do not pass reference_xx and first_frame/last_frame at the same time."
)
_OUT_OF_DEFINITION: Final = "The type or value of media is out of definition."
_FIRST: Final = "first_frame"
_LAST: Final = "last_frame"
_AUDIO: Final = "driving_audio"
_NOT_SIMULATED: Final = ("reference_image", "reference_video", "reference_audio", "file", "link", "first_clip")
_SCHEMES: Final = ("http://", "https://", "oss://")


@dataclass(frozen=True, slots=True)
class Media:
    """The images and the audio of an order, each a URL or base64, and the message of what is wrong with their set."""

    first_frame: str | None = field(default=None, repr=False)
    last_frame: str | None = field(default=None, repr=False)
    audio_url: str | None = field(default=None, repr=False)
    fault: str = ""

    @property
    def images(self) -> tuple[str, ...]:
        """The images in the order of the video."""
        return tuple(image for image in (self.first_frame, self.last_frame) if image is not None)


def read_media(given: Mapping[str, Any], model: WanModel) -> Media:
    """Return the media in the `input` of an order; raises RefusalError for a value of the wrong type."""
    rules = model.images
    if rules is None:
        return Media()
    if rules.member == "img_url":
        return _image_url(given.get("img_url"))
    media = given.get("media")
    if media is None or media == []:
        return Media(fault="Field required: input.media" if rules.required else "")
    if not isinstance(media, list) or not all(isinstance(item, dict) for item in media):
        raise RefusalError("InvalidParameter", _OUT_OF_DEFINITION)
    return _of_list(media, rules.media)


def is_too_large(body: bytes) -> bool:
    """Return whether Wan's gateway refuses the body of a create call because of its size."""
    if len(body) <= LARGEST_BODY:
        return False
    contents = [text for text in _texts(body) if not text.lower().startswith(_SCHEMES)]
    if len(body) > LARGEST_ENCODED_BODY or any(len(text) > _LARGEST_CONTENT for text in contents):
        return True
    return len(body) - sum(len(text) // 4 for text in contents) > LARGEST_BODY


def _image_url(url: object) -> Media:
    if url is None or url == "":
        return Media(fault="Field required: input.img_url")
    if not isinstance(url, str):
        raise RefusalError("InvalidParameter", "The type or value of img_url is out of definition.")
    return Media(first_frame=url)


def _of_list(media: list[dict[str, Any]], known: tuple[str, ...]) -> Media:
    kinds = Counter(str(item.get("type")) for item in media)
    frames = _FIRST in kinds or _LAST in kinds
    if frames and any(kind.startswith("reference_") for kind in kinds):
        return Media(fault=_MIXED_MODES)
    if not frames and all(kind in _NOT_SIMULATED and kind in known for kind in kinds):
        raise RefusalError("InvalidParameter", f"The simulator does not make videos from {', '.join(kinds)}.")
    if _FIRST not in kinds or not set(kinds).issubset({_FIRST, _LAST, _AUDIO} & set(known)) or max(kinds.values()) > 1:
        return Media(fault=_OUT_OF_DEFINITION)
    urls = {item["type"]: item.get("url") for item in media}
    if not all(isinstance(url, str) and url for url in urls.values()):
        return Media(fault="Field required: input.media.url")
    audio = urls.get(_AUDIO)
    if audio is not None and not audio.lower().startswith(_SCHEMES):
        return Media(fault="url error, please check url！")
    return Media(urls[_FIRST], urls.get(_LAST), audio)


def _texts(body: bytes) -> Iterator[str]:
    """Yield the texts of a body that may be the content of an image."""
    try:
        given = json.loads(body)["input"]
        media = [item.get("url") for item in given.get("media") or ()]
        yield from (text for text in (given.get("img_url"), *media) if isinstance(text, str))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return
