"""Images of the caller: what is accepted, what is refused, and which shape they give to a video."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from wan_simulator.errors import RefusalError
from wan_simulator.images import cover, read_image, shape
from wan_simulator.media import LARGEST_BODY, is_too_large
from wan_simulator.models import ImageRules
from wan_simulator.testing import image
from wan_video.domain.models import Size

RULES = ImageRules("media", ("first_frame",), required=True, sides=(240, 8000), largest_mebibytes=20)
OLD_RULES = ImageRules("img_url", (), required=True, sides=(360, 2000), largest_mebibytes=10)
GOOD = image(320, 240)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that claims to have `width` x `height` pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def with_alpha(mode: str) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (300, 300)).save(file, "PNG")
    return file.getvalue()


def refusal(source: str | bytes, rules: ImageRules = RULES) -> tuple[str, str]:
    with pytest.raises(RefusalError) as caught:
        read_image(source, rules, anywhere=False)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_each_documented_format_is_accepted(kind: str) -> None:
    assert read_image(image(320, 240, kind), RULES, anywhere=False).size == Size(320, 240)


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "DATA:IMAGE/PNG;BASE64,", ""])
def test_base64_is_accepted_with_and_without_its_prefix(prefix: str) -> None:
    assert read_image(prefix + base64.b64encode(GOOD).decode(), RULES, anywhere=False).content == GOOD


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "InvalidParameter", "The media format is not supported"),
        (b"no image", "InvalidParameter", "The media format is not supported"),
        (GOOD[: len(GOOD) // 2], "InvalidParameter", "The media format is not supported"),
        (image(320, 240, "GIF"), "InvalidParameter", "The media format is not supported"),
        (image(320, 239), "InvalidParameter", "the size of input image"),
        (bomb(8001, 300), "InvalidParameter", "the size of input image"),
        (bomb(60_000, 60_000), "InvalidParameter", "the size of input image"),
        (image(2400, 240), "InvalidFile.AspectRatio", "Invalid file aspect ratio."),
        (with_alpha("RGBA"), "InvalidImage.FileFormat", "Invalid image file format."),
        (with_alpha("LA"), "InvalidImage.FileFormat", "Invalid image file format."),
        (b"\x89PNG" * (5 * 1024 * 1024 + 1), "InvalidFile.Size", "Invalid file size."),
        ("data:image/png;base64,!!", "InvalidParameter", "url error"),
        ("not a URL", "InvalidParameter", "url error"),
        ("data:text/plain;base64,QUJD", "InvalidParameter", "The media format is not supported"),
        ("https://example.com/a.png", "InvalidURL.ConnectionRefused", "Connection to example.com refused"),
        ("http://[", "InvalidURL", "Required URL is missing or invalid"),
    ],
)  # fmt: skip
def test_an_unsuitable_image_is_refused_with_a_documented_code(content: str | bytes, code: str, message: str) -> None:
    found = refusal(content)
    assert found[0] == code
    assert found[1].startswith(message)


def test_models_before_wan27_have_narrower_limits() -> None:
    assert refusal(image(400, 359), OLD_RULES)[1] == "the size of input image is too small or too large."
    assert refusal(image(2001, 400), OLD_RULES)[1] == "the size of input image is too small or too large."
    assert refusal(b"x" * (10 * 1024 * 1024 + 1), OLD_RULES)[0] == "InvalidFile.Size"
    assert read_image(image(400, 360), OLD_RULES, anywhere=False).size == Size(400, 360)


def test_a_video_takes_the_shape_of_its_image_in_multiples_of_16() -> None:
    assert shape(1280 * 720, Size(750, 1000)) == Size(816, 1104)
    assert shape(1280 * 720, Size(1600, 900)) == Size(1280, 720)
    assert shape(832 * 480, Size(8000, 1000)) == Size(1776, 208)


def test_an_image_covers_a_frame_of_another_shape() -> None:
    covered = cover(image(400, 300), 320, 320)
    assert (covered.size, covered.mode) == ((320, 320), "RGB")


def test_the_gateway_counts_base64_by_what_it_decodes_to() -> None:
    def body(text: str) -> bytes:
        return b'{"input": {"media": [{"type": "first_frame", "url": "%s"}]}}' % text.encode()

    assert not is_too_large(body("A" * (LARGEST_BODY + 1000)))
    assert is_too_large(body("A" * (20 * 1024 * 1024 + 4)))
    assert is_too_large(body("https://" + "a" * LARGEST_BODY))
    assert is_too_large(b"x" * (LARGEST_BODY + 1))
