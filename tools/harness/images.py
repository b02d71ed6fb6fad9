"""Images for tests: good ones, and bad ones with what the API says of them.

Pillow makes them; the layer itself reads only their headers.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from PIL import Image as Pillow

RED: Final = (200, 30, 40)
BLUE: Final = (20, 40, 210)


@cache
def image_bytes(
    kind: str = "PNG",
    size: tuple[int, int] = (640, 360),
    colour: tuple[int, ...] = RED,
    mode: str = "RGB",
    **options: Any,
) -> bytes:
    """Return an image in one colour, encoded as Pillow's format `kind`."""
    picture = Pillow.new(mode, size, colour if mode not in ("L", "P", "1") else 1)
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def png_header(width: int, height: int, colours: int = 2) -> bytes:
    """Return a PNG that claims to have these sides and has almost no content, however large it claims to be."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(b"\0"))
        + png_chunk(b"IEND", b"")
    )


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def jpeg_header(width: int, height: int, *segments: bytes) -> bytes:
    """Return a JPEG that claims to have these sides, with application segments before its frame."""
    applications = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part for part in segments)
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + applications + frame + b"\xff\xda\x00\x02\xff\xd9"


def bmp_header(width: int, height: int, *, length: int = 40, bits: int = 24, alpha_mask: int = 0) -> bytes:
    """Return the headers of a BMP with these sides."""
    info = struct.pack("<IiiHH", length, width, height, 1, bits) + bytes(max(length - 16, 0))
    if length >= 56:
        info = info[:52] + struct.pack("<I", alpha_mask) + info[56:]
    return b"BM" + struct.pack("<IHHI", 14 + length, 0, 0, 14 + length) + info


@dataclass(frozen=True)
class BadBytes:
    """Bytes that no model of the native API's tests accepts, and a part of the sentence that says why."""

    name: str
    content: bytes
    sentence: str


def bad_bytes() -> list[BadBytes]:
    """Return files that wan3.0 does not accept as a first frame, each with what the API says."""
    png, jpeg, webp, bmp = (image_bytes(kind) for kind in ("PNG", "JPEG", "WEBP", "BMP"))
    unusable = "send JPEG, PNG, BMP or WEBP"
    cut = "the file ends within its header"
    return [
        BadBytes("0 bytes", b"", "The image is empty (0 bytes)"),
        BadBytes("text", b"a fox in a trench coat", unusable),
        BadBytes("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", unusable),
        BadBytes("a GIF", image_bytes("GIF", mode="P"), unusable),
        BadBytes("a TIFF", image_bytes("TIFF"), unusable),
        BadBytes("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="360"/>', unusable),
        BadBytes("an MP4", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", unusable),
        BadBytes("an AVIF", b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1", unusable),
        BadBytes("a RIFF that is no WEBP", b"RIFF\x24\x00\x00\x00WAVEfmt ", unusable),
        BadBytes("one byte of a JPEG", jpeg[:1], unusable),
        BadBytes("a PNG cut in its signature", png[:6], cut),
        BadBytes("a PNG cut in its header", png[:20], cut),
        BadBytes("a PNG cut before its data", png[:33], cut),
        BadBytes("a JPEG cut after its first marker", jpeg[:2], cut),
        BadBytes("a JPEG cut in a segment", jpeg[:30], cut),
        BadBytes("a WEBP cut in its header", webp[:14], "the file is shorter than its header says"),
        BadBytes("a WEBP cut in its data", webp[:-4], "the file is shorter than its header says"),
        BadBytes("a BMP cut in its header", bmp[:20], cut),
        BadBytes("a PNG damaged by a text transfer", png.replace(b"\r\n", b"\n", 1), "its signature is wrong"),
        BadBytes("a PNG without a header", png[:8] + png_chunk(b"IDAT", bytes(40)), "does not begin with its header"),
        BadBytes("a PNG of an unknown colour type", png_header(640, 360, 7), "its colour type does not exist"),
        BadBytes("a JPEG without a frame", b"\xff\xd8\xff\xda\x00\x02" + bytes(40), "has no frame before its data"),
        BadBytes("a JPEG with bytes between segments", b"\xff\xd8\x00\x00" + bytes(40), "between two segments"),
        BadBytes("a JPEG segment without a length", b"\xff\xd8\xff\xe1\x00\x00" + bytes(40), "has no length"),
        BadBytes("a BMP with an unknown header", bmp_header(640, 360, length=20), "unknown length"),
        BadBytes("a WEBP with an unknown chunk", b"RIFF\x10\x00\x00\x00WEBPVP9X" + bytes(8), "unknown chunk"),
        BadBytes("a PNG without a width", png_header(0, 360), "states 0x360 pixels"),
        BadBytes("a bomb", png_header(2**31 - 1, 2**31 - 1), "sides of 240 to 8000 pixels"),
        BadBytes("a JPEG bomb", jpeg_header(65535, 65535), "sides of 240 to 8000 pixels"),
        BadBytes("too small", image_bytes(size=(239, 360)), "sides of 240 to 8000 pixels"),
        BadBytes("too wide", png_header(8001, 4000), "sides of 240 to 8000 pixels"),
        BadBytes("9:1", image_bytes(size=(2169, 241)), "aspect ratios from 1:8 to 8:1"),
        BadBytes("1:9", image_bytes("JPEG", size=(241, 2169)), "aspect ratios from 1:8 to 8:1"),
        BadBytes("alpha", image_bytes(mode="RGBA", colour=(*RED, 128)), "with transparency"),
        BadBytes("grey and alpha", image_bytes(mode="LA", colour=(9, 128)), "with transparency"),
        BadBytes("a transparent colour", image_bytes(mode="P", transparency=1), "with transparency"),
    ]
