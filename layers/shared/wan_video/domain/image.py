"""Images of requests: where they are, what their header says, and whether a model accepts them.

Only the header is read, so no library for images is needed, and an image that claims to be enormous is never decoded.
Sources: the PNG specification (W3C), "Windows bitmap headers" (Microsoft), ITU-T T.81 (JPEG), the WebP container
specification (Google); the limits are Wan's (D1, D4 and D5 in docs/wan-api.md).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

MAX_IMAGE_BYTES: Final = 20 * 1024 * 1024
"""The largest image that is read, which is also the largest that any model accepts."""

MAX_IMAGE_URL: Final = 8192
"""The most characters of the URL of an image: a link that temporary credentials of AWS have signed can have 3,000."""

MAX_HEADER_BYTES: Final = 2 * 1024 * 1024
"""The number of bytes at the beginning of an image in which its header must end."""

FIRST_FRAME: Final = "input_reference"
LAST_FRAME: Final = "last_frame"
"""The names of the fields of a request that contain its images."""

INPUT_ID: Final = re.compile(r"input_[0-9a-f]{32}", re.ASCII)
"""The pattern of the ids of uploaded images."""

UPLOADED_TO_WAN: Final = re.compile(r"oss://[a-z0-9-]{3,63}/[^\x00-\x1f\x7f]{1,900}")
"""The name of a file that was uploaded with Wan's upload API; it belongs to the account that uploaded it."""


FILE_IMAGES: Final = "images/"
"""The prefix of images in the prompts bucket. Objects below it are no prompt files."""

MAX_OBJECT_NAME: Final = 1024
"""The most bytes of a key (Amazon S3, "Naming Amazon S3 objects")."""


class ImageFormat(StrEnum):
    """The formats of images that Wan accepts."""

    JPEG = "jpeg"
    PNG = "png"
    BMP = "bmp"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header of an image says: its sides in pixels; `alpha` says whether pixels may be transparent."""

    format: ImageFormat
    width: int
    height: int
    bytes: int
    alpha: bool = False


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a model accepts: each side in pixels, the longer side as a multiple of the shorter, and the bytes.

    `opaque` contains the formats in which the model does not accept transparent pixels.
    """

    least_side: int
    most_side: int
    most_bytes: int
    ratio: int = 8
    opaque: frozenset[ImageFormat] = frozenset({ImageFormat.PNG})


class BadImage(ValueError):
    """Raised for bytes that are not an image that can be used; the text is a sentence for the caller."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a request.

    `source` is the key of an input in the inputs bucket, the `oss://` name of a file that was uploaded to Wan, or, only
    in requests of prompt files, the `https` URL or `s3://` name from which `submit` reads it. `digest` is the SHA-256
    of the bytes (lower-case hex), or of `source` if the bytes were never read; the other fields are then None.
    """

    source: str = field(repr=False)
    digest: str
    format: ImageFormat | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    alpha: bool | None = None

    @classmethod
    def unread(cls, source: str) -> Image:
        """Return an image whose bytes are unknown."""
        return cls(source, hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest())

    @classmethod
    def stored(cls, key: str, digest: str, header: ImageHeader) -> Image:
        """Return an image that was read and is stored under a key of the inputs bucket."""
        return cls(key, digest, header.format, header.width, header.height, header.bytes, header.alpha or None)

    @property
    def header(self) -> ImageHeader | None:
        """What the header says; None if the image was never read."""
        if self.format is None or self.width is None or self.height is None or self.bytes is None:
            return None
        return ImageHeader(self.format, self.width, self.height, self.bytes, self.alpha or False)

    @property
    def is_input(self) -> bool:
        """Whether the image is in the inputs bucket."""
        return "://" not in self.source

    @property
    def input_id(self) -> str | None:
        """The id of the input that contains the image; None if it is not in the inputs bucket."""
        return self.source.rpartition("/")[2] if self.is_input else None

    @property
    def is_in_prompts_bucket(self) -> bool:
        """Whether the image is an object that a prompt file names."""
        return self.source.startswith("s3://")

    @property
    def is_at_wan(self) -> bool:
        """Whether the image was uploaded to Wan; its name is passed on unchanged."""
        return self.source.startswith("oss://")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """How a request states an image: as its bytes, or as a name, which is a URL, an `oss://` name or an input's id."""

    name: str = field(default="", repr=False)
    content: bytes | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """What the digest of a request contains for the image: the digest of its bytes, or its name.

        It depends only on what the caller sends, so that a repetition is recognized although a URL serves another
        image by then, or nothing.
        """
        return self.name if self.content is None else f"sha256:{hashlib.sha256(self.content).hexdigest()}"


@dataclass(frozen=True, slots=True)
class ImageReferences:
    """The images of a request as the caller states them."""

    first_frame: ImageReference | None = None
    last_frame: ImageReference | None = None

    def __bool__(self) -> bool:
        return bool(self.by_field)

    @property
    def by_field(self) -> Mapping[str, ImageReference]:
        """The images by the names of their fields in a request."""
        pairs = ((FIRST_FRAME, self.first_frame), (LAST_FRAME, self.last_frame))
        return {name: reference for name, reference in pairs if reference is not None}


NO_REFERENCES: Final = ImageReferences()
"""The images of a request of text only."""


@dataclass(frozen=True, slots=True)
class ImageAddresses:
    """What is sent to Wan for the images of one submission: data URLs, signed links, or `oss://` names.

    They are made right before the submission and never stored.
    """

    first_frame: str | None = field(default=None, repr=False)
    last_frame: str | None = field(default=None, repr=False)


NO_ADDRESSES: Final = ImageAddresses()
"""The addresses of a request without images."""


def image_problem(header: ImageHeader, limits: ImageLimits, model: str) -> str | None:
    """Return why a model does not accept an image, as a sentence that names the limit, or None if it does."""
    sides = (header.width, header.height)
    if header.bytes > limits.most_bytes:
        return f"The image has {header.bytes} bytes; {model} accepts at most {_megabytes(limits.most_bytes)}."
    if min(sides) < limits.least_side or max(sides) > limits.most_side:
        return (
            f"The image is {header.width}x{header.height} pixels; "
            f"{model} accepts sides of {limits.least_side} to {limits.most_side} pixels."
        )
    if max(sides) > limits.ratio * min(sides):
        return (
            f"The image is {header.width}x{header.height} pixels; "
            f"{model} accepts aspect ratios from 1:{limits.ratio} to {limits.ratio}:1."
        )
    if header.alpha and header.format in limits.opaque:
        return (
            f"The image is a {header.format.upper()} with transparency, which {model} does not accept; "
            "remove its alpha channel, or send it as JPEG."
        )
    return None


def _megabytes(count: int) -> str:
    return f"{count // (1024 * 1024)} MB"


def file_image_key(source: str, bucket: str) -> str | None:
    """Return the key that an `s3://` name states, or None unless it is below FILE_IMAGES in that bucket.

    Keys with the segments `.` and `..` are refused, because clients of HTTP resolve them before they send a link.
    """
    prefix = f"s3://{bucket}/"
    key = source.removeprefix(prefix)
    if not source.startswith(prefix + FILE_IMAGES) or not 0 < len(key.encode("utf-8", "replace")) <= MAX_OBJECT_NAME:
        return None
    return None if {"", ".", ".."} & set(key.split("/")) else key


def read_header(head: bytes, total: int) -> ImageHeader:
    """Return what the header of an image says; `head` are its first bytes and `total` is the number of all.

    Raises BadImage for other files, for files that end within their header, and for sides of 0.
    """
    if total == 0 or not head:
        raise BadImage("The image is empty (0 bytes).")
    read = next((read for matches, read in _READERS if matches(head)), None)
    if read is None:
        raise BadImage("The file is not an image that Wan accepts; send JPEG, PNG, BMP or WEBP.")
    try:
        image_format, width, height, alpha = read(head, total)
    except _Cut:
        if len(head) < total:
            raise BadImage(f"The header of the image does not end within its first {len(head)} bytes.") from None
        raise BadImage("The image is cut off: the file ends within its header.") from None
    if not (width and height):
        raise BadImage(f"The header of the image states {width}x{height} pixels.")
    return ImageHeader(image_format, width, height, total, alpha)


class _Cut(Exception):
    """Raised if the bytes end before the header does."""


def _part(head: bytes, at: int, count: int) -> bytes:
    part = head[at : at + count]
    if len(part) < count:
        raise _Cut
    return part


def _big(head: bytes, at: int, count: int) -> int:
    return int.from_bytes(_part(head, at, count), "big")


def _little(head: bytes, at: int, count: int, *, signed: bool = False) -> int:
    return int.from_bytes(_part(head, at, count), "little", signed=signed)


_Header = tuple[ImageFormat, int, int, bool]

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_COLOURS: Final = {0: False, 2: False, 3: False, 4: True, 6: True}
"""The colour types of PNG, and whether they have an alpha channel."""


def _is_png(head: bytes) -> bool:
    return head.startswith(_PNG_SIGNATURE[:4])


def _png(head: bytes, total: int) -> _Header:
    if _part(head, 0, 8) != _PNG_SIGNATURE:
        raise BadImage("The image is a PNG that was damaged on the way: its signature is wrong.")
    if _part(head, 12, 4) != b"IHDR" or _big(head, 8, 4) != 13:
        raise BadImage("The image is a damaged PNG: it does not begin with its header.")
    width, height, colours = _big(head, 16, 4), _big(head, 20, 4), _big(head, 25, 1)
    if colours not in _PNG_COLOURS:
        raise BadImage("The image is a damaged PNG: its colour type does not exist.")
    alpha = _PNG_COLOURS[colours]
    at = 33
    while not alpha:
        length, kind = _big(head, at, 4), _part(head, at + 4, 4)
        if kind in (b"IDAT", b"IEND"):
            break
        alpha = kind == b"tRNS"
        at += 12 + length
    return ImageFormat.PNG, width, height, alpha


def _is_jpeg(head: bytes) -> bool:
    return head.startswith(b"\xff\xd8")


_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""The markers that begin a frame and state its sides (SOF0 to SOF15, without DHT, JPG and DAC)."""

_JPEG_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})


def _jpeg(head: bytes, total: int) -> _Header:
    at = 2
    while True:
        if _big(head, at, 1) != 0xFF:
            raise BadImage("The image is a damaged JPEG: its header has bytes between two segments.")
        marker = _big(head, at + 1, 1)
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_FRAMES:
            return ImageFormat.JPEG, _big(head, at + 7, 2), _big(head, at + 5, 2), False
        elif marker in (0xD9, 0xDA):
            raise BadImage("The image is a damaged JPEG: it has no frame before its data.")
        elif marker in _JPEG_WITHOUT_LENGTH:
            at += 2
        else:
            length = _big(head, at + 2, 2)
            if length < 2:
                raise BadImage("The image is a damaged JPEG: a segment of its header has no length.")
            at += 2 + length


def _is_bmp(head: bytes) -> bool:
    return head.startswith(b"BM")


_BMP_CORE: Final = 12
_BMP_INFO: Final = 40
_BMP_ALPHA_MASK_FROM: Final = 56
"""The lengths of the headers of BMP: the oldest, the usual one, and the first that states a mask for alpha."""


def _bmp(head: bytes, total: int) -> _Header:
    length = _little(head, 14, 4)
    if length == _BMP_CORE:
        return ImageFormat.BMP, _little(head, 18, 2), _little(head, 20, 2), False
    if not _BMP_INFO <= length <= 124:
        raise BadImage("The image is a damaged BMP: its header has an unknown length.")
    # A negative height means that the first row is the top one.
    width, height = _little(head, 18, 4, signed=True), abs(_little(head, 22, 4, signed=True))
    if width < 0:
        raise BadImage("The image is a damaged BMP: its width is negative.")
    alpha = length >= _BMP_ALPHA_MASK_FROM and _little(head, 28, 2) == 32 and _little(head, 66, 4) != 0
    return ImageFormat.BMP, width, height, alpha


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _webp(head: bytes, total: int) -> _Header:
    if _little(head, 4, 4) + 8 > total:
        raise BadImage("The image is cut off: the file is shorter than its header says.")
    kind = _part(head, 12, 4)
    if kind == b"VP8X":
        alpha = bool(_big(head, 20, 1) & 0x10)
        return ImageFormat.WEBP, 1 + _little(head, 24, 3), 1 + _little(head, 27, 3), alpha
    if kind == b"VP8L":
        if _big(head, 20, 1) != 0x2F:
            raise BadImage("The image is a damaged WEBP: its signature is wrong.")
        bits = _little(head, 21, 4)
        return ImageFormat.WEBP, 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
    if kind == b"VP8 ":
        if _part(head, 23, 3) != b"\x9d\x01\x2a":
            raise BadImage("The image is a damaged WEBP: it does not begin with a whole frame.")
        return ImageFormat.WEBP, _little(head, 26, 2) & 0x3FFF, _little(head, 28, 2) & 0x3FFF, False
    raise BadImage("The image is a damaged WEBP: it begins with an unknown chunk.")


_READERS: Final = ((_is_jpeg, _jpeg), (_is_png, _png), (_is_bmp, _bmp), (_is_webp, _webp))
