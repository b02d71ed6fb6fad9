"""Headers of images, the limits of models, and requests with images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.harness.images import BadBytes, bad_bytes, bmp_header, image_bytes, jpeg_header, png_chunk, png_header
from wan_video.domain.image import BadImage, Image, ImageFormat, ImageHeader, image_problem, read_header
from wan_video.domain.models import IMAGES_BEFORE_27, IMAGES_FROM_27

SIDES = (640, 360)


def header_of(content: bytes) -> ImageHeader:
    return read_header(content, len(content))


@pytest.mark.parametrize(
    ("content", "image_format", "alpha"),
    [
        (image_bytes("JPEG"), "jpeg", False),
        (image_bytes("JPEG", progressive=True, optimize=True), "jpeg", False),
        (image_bytes("JPEG", mode="CMYK", colour=(0, 9, 9, 9)), "jpeg", False),
        (image_bytes("PNG"), "png", False),
        (image_bytes("PNG", mode="L"), "png", False),
        (image_bytes("PNG", mode="P"), "png", False),
        (image_bytes("PNG", mode="1"), "png", False),
        (image_bytes("PNG", mode="P", transparency=0), "png", True),
        (image_bytes("PNG", mode="RGB", transparency=(1, 2, 3)), "png", True),
        (image_bytes("PNG", mode="RGBA", colour=(1, 2, 3, 4)), "png", True),
        (image_bytes("PNG", mode="LA", colour=(1, 2)), "png", True),
        (image_bytes("BMP"), "bmp", False),
        (image_bytes("BMP", mode="1"), "bmp", False),
        (image_bytes("WEBP"), "webp", False),
        (image_bytes("WEBP", lossless=True), "webp", False),
        (image_bytes("WEBP", mode="RGBA", colour=(1, 2, 3, 4)), "webp", True),
        (image_bytes("WEBP", mode="RGBA", colour=(1, 2, 3, 4), lossless=True), "webp", True),
        (image_bytes("WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"), "webp", False),
        (bmp_header(*SIDES), "bmp", False),
        (bmp_header(640, -360), "bmp", False),
        (bmp_header(*SIDES, length=56, bits=32, alpha_mask=0xFF000000), "bmp", True),
        (bmp_header(*SIDES, length=108, bits=32, alpha_mask=0xFF000000), "bmp", True),
        (bmp_header(*SIDES, length=124, bits=32, alpha_mask=0), "bmp", False),
        (b"BM" + bytes(12) + b"\x0c\x00\x00\x00\x80\x02\x68\x01\x01\x00\x18\x00", "bmp", False),
        (
            jpeg_header(640, 360, b"Exif\0\0" + bytes(60_000), b"http://ns.adobe.com/xap/1.0/\0" + bytes(65_000)),
            "jpeg",
            False,
        ),
    ],
)
def test_the_header_says_format_sides_and_transparency(content: bytes, image_format: str, alpha: bool) -> None:
    assert header_of(content) == ImageHeader(ImageFormat(image_format), *SIDES, len(content), alpha)


@pytest.mark.parametrize("bad", bad_bytes(), ids=lambda bad: bad.name)
def test_bad_bytes_are_refused_with_a_sentence_that_says_why(bad: BadBytes) -> None:
    try:
        problem = image_problem(header_of(bad.content), IMAGES_FROM_27, "wan3.0-video") or ""
    except BadImage as error:
        problem = str(error)
    assert bad.sentence in problem
    assert problem.endswith(".")


@given(st.sampled_from(["JPEG", "PNG", "BMP", "WEBP"]), st.data())
def test_a_file_that_is_cut_anywhere_has_its_header_or_a_sentence(kind: str, data: st.DataObject) -> None:
    content = image_bytes(kind)
    cut = content[: data.draw(st.integers(0, len(content)))]
    try:
        found = header_of(cut)
    except BadImage:
        return
    assert (found.width, found.height, found.bytes) == (*SIDES, len(cut))


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF\0\0\0\0WEBPVP8X"])
)
def test_any_bytes_are_read_or_refused(content: bytes, start: bytes) -> None:
    try:
        found = header_of(start + content)
    except BadImage:
        return
    assert found.width > 0
    assert found.height > 0


def test_a_header_that_is_longer_than_what_is_read_is_refused() -> None:
    content = jpeg_header(640, 360, *[bytes(65_000)] * 3)
    with pytest.raises(BadImage, match="does not end within its first 100000 bytes"):
        read_header(content[:100_000], len(content))
    assert read_header(content, len(content)).width == 640
    padded = png_header(640, 360)[:33] + png_chunk(b"iCCP", bytes(200_000)) + png_header(640, 360)[33:]
    with pytest.raises(BadImage, match="does not end within its first 100000 bytes"):
        read_header(padded[:100_000], len(padded))


@pytest.mark.parametrize(
    ("header", "before", "since"),
    [
        (ImageHeader(ImageFormat.JPEG, 360, 360, 1), None, None),
        (ImageHeader(ImageFormat.JPEG, 359, 359, 1), "360 to 2000", None),
        (ImageHeader(ImageFormat.JPEG, 239, 400, 1), "360 to 2000", "240 to 8000"),
        (ImageHeader(ImageFormat.JPEG, 2000, 360, 1), None, None),
        (ImageHeader(ImageFormat.JPEG, 2001, 400, 1), "360 to 2000", None),
        (ImageHeader(ImageFormat.JPEG, 8000, 1000, 1), "360 to 2000", None),
        (ImageHeader(ImageFormat.JPEG, 8000, 999, 1), "360 to 2000", "1:8 to 8:1"),
        (ImageHeader(ImageFormat.JPEG, 8001, 8001, 1), "360 to 2000", "240 to 8000"),
        (ImageHeader(ImageFormat.PNG, 500, 500, 10 * 1024 * 1024), None, None),
        (ImageHeader(ImageFormat.PNG, 500, 500, 10 * 1024 * 1024 + 1), "at most 10 MB", None),
        (ImageHeader(ImageFormat.PNG, 500, 500, 20 * 1024 * 1024 + 1), "at most 10 MB", "at most 20 MB"),
        (ImageHeader(ImageFormat.PNG, 500, 500, 1, alpha=True), "transparency", "transparency"),
        (ImageHeader(ImageFormat.WEBP, 500, 500, 1, alpha=True), None, None),
    ],
)
def test_the_limits_of_images_are_those_of_wans_pages(
    header: ImageHeader, before: str | None, since: str | None
) -> None:
    for limits, expected in ((IMAGES_BEFORE_27, before), (IMAGES_FROM_27, since)):
        problem = image_problem(header, limits, "wanX")
        assert (problem is None) == (expected is None), problem
        assert expected is None or expected in (problem or "")


def test_the_repr_of_an_image_shows_no_link() -> None:
    image = Image.unread("https://example.com/fox.png?token=CANARY-LINK")
    assert "CANARY" not in repr(image)
    assert (image.header, image.is_input, image.is_at_wan) == (None, False, False)
    assert Image.unread("oss://dashscope-instant/a.png").is_at_wan
    assert Image.unread("inputs/a/input_1").is_input
