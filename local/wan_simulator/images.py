"""The images that a caller brings for a video: they are fetched, decoded and checked against Wan's limits.

Sources: Model Studio, "Wan image-to-video API reference", "Wan 3.0 API reference" and "Error codes". Which code a fault
gets is not documented; here each has the one whose text fits best.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from dataclasses import dataclass, field
from math import isqrt
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from wan_simulator.errors import ERROR_CODES, RefusalError
from wan_simulator.fetching import fetch
from wan_simulator.models import ImageRules
from wan_video.domain.models import Size

_FORMATS: Final = ("JPEG", "PNG", "BMP", "WEBP")
_DATA_URL: Final = re.compile(r"data:image/[\w.+-]+;base64,", re.ASCII | re.IGNORECASE)
_MEBIBYTE: Final = 1024 * 1024
_WIDEST: Final = 8
"""The longer side over the shorter one, at most."""
_MULTIPLE: Final = 16

_MESSAGES: Final = ERROR_CODES["InvalidParameter"].messages
_WRONG_FORMAT: Final = next(text for text in _MESSAGES if text.startswith("The media format is not supported"))
_WRONG_SIZE: Final = "the size of input image is too small or too large."


@dataclass(frozen=True, slots=True)
class Still:
    """An image that Wan accepts: its bytes and its size in pixels."""

    content: bytes = field(repr=False)
    size: Size

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def read_image(source: str | bytes, rules: ImageRules, *, anywhere: bool) -> Still:
    """Return the image of `source`: a http or https URL, a data URL, base64, or a file's content.

    Hosts other than this machine are asked only with `anywhere`. Raises RefusalError with the documented code.
    """
    most = rules.largest_mebibytes * _MEBIBYTE
    content = source if isinstance(source, bytes) else _content_of(source, most, anywhere=anywhere)
    if len(content) > most:
        message = f"Invalid file size. The video/audio/image file size must be less than {rules.largest_mebibytes}MB."
        raise RefusalError("InvalidFile.Size", message)
    size = _decoded_size(content, rules)
    return Still(content, size)


def shape(pixels: int, like: Size) -> Size:
    """Return the size with the shape of `like` and about `pixels`, whose sides are multiples of 16.

    Source: the page's example, where 750x1000 at 720P gave 816x1104.
    """
    width, height = isqrt(pixels * like.width // like.height), isqrt(pixels * like.height // like.width)
    return Size(max(width // _MULTIPLE, 1) * _MULTIPLE, max(height // _MULTIPLE, 1) * _MULTIPLE)


def cover(content: bytes, width: int, height: int) -> Image.Image:
    """Return an image in RGB that is scaled to cover `width` x `height`, and cut evenly where it is larger."""
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        return ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)


def _content_of(source: str, most: int, *, anywhere: bool) -> bytes:
    if source.lower().startswith(("http://", "https://")):
        download = fetch(source, most, anywhere=anywhere)
        if not download.content_type.lower().startswith("image/"):
            # Wan's pages ask for the right Content-Type.
            raise _wrong_format()
        return download.content
    prefix = _DATA_URL.match(source)
    if prefix is None and source.lower().startswith("data:"):
        raise _wrong_format()
    try:
        return base64.b64decode(source[prefix.end() if prefix else 0 :], validate=True)
    except (binascii.Error, ValueError):
        raise RefusalError("InvalidParameter", "url error, please check url！") from None


def _decoded_size(content: bytes, rules: ImageRules) -> Size:
    """Decode an image and return its size, which must be within the limits."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            size = Size(*image.size)
            least, most = rules.sides
            if not (least <= min(image.size) and max(image.size) <= most):
                raise RefusalError("InvalidParameter", _WRONG_SIZE)
            if max(image.size) > _WIDEST * min(image.size):
                raise RefusalError("InvalidFile.AspectRatio")
            image.load()
            if image.format == "PNG" and image.has_transparency_data:
                raise RefusalError("InvalidImage.FileFormat")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RefusalError("InvalidParameter", _WRONG_SIZE) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise _wrong_format() from None
    return size


def _wrong_format() -> RefusalError:
    return RefusalError("InvalidParameter", _WRONG_FORMAT)
