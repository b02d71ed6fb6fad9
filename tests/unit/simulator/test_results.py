"""Results as OSS serves them, in ranges."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastcrc import crc64
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from wan_simulator.films import Film, free_box
from wan_simulator.links import LinkError
from wan_simulator.results import film_answer

CONTENT = bytes(range(100))


@pytest.fixture
def film(tmp_path: Path) -> Film:
    path = tmp_path / "film.mp4"
    path.write_bytes(CONTENT)
    return Film.at(path)


def answer(film: Film, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return film_answer(film, Headers(named), 784_111_777, "r-1")


def test_a_whole_film_has_headers_that_identify_it(film: Film) -> None:
    whole = answer(film)

    assert (whole.status_code, whole.data, whole.content_type) == (200, CONTENT, "video/mp4")
    assert whole.headers["x-oss-hash-crc64ecma"] == str(crc64.xz(CONTENT))
    assert whole.headers["Last-Modified"] == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert whole.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=90-", 90, 99), ("bytes=-10", 90, 99), ("bytes=99-99", 99, 99)],
)
def test_a_range_within_the_film_is_a_partial_answer(film: Film, asked: str, first: int, last: int) -> None:
    part = answer(film, Range=asked)

    assert (part.status_code, part.data) == (206, CONTENT[first : last + 1])
    assert part.headers["Content-Range"] == f"bytes {first}-{last}/100"
    assert part.headers["x-oss-hash-crc64ecma"] == str(crc64.xz(CONTENT))


@pytest.mark.parametrize("asked", ["bytes=50-100", "bytes=100-", "bytes=-0", "bytes=9-3", "bytes=0-1,5-6", "pages=1-2"])
def test_any_other_range_returns_the_whole_film(film: Film, asked: str) -> None:
    whole = answer(film, Range=asked)

    assert (whole.status_code, whole.data) == (200, CONTENT)


def test_in_standard_mode_a_range_is_cut_to_the_film_and_one_beyond_it_is_refused(film: Film) -> None:
    assert answer(film, Range="bytes=50-1000", x_oss_range_behavior="standard").data == CONTENT[50:]

    with pytest.raises(LinkError) as caught:
        answer(film, Range="bytes=100-", x_oss_range_behavior="standard")

    assert (caught.value.status, caught.value.code) == (416, "InvalidRange")


def test_if_match_keeps_a_download_to_one_version(film: Film) -> None:
    assert answer(film, If_Match=film.etag).status_code == 200

    with pytest.raises(LinkError) as caught:
        answer(film, If_Match='"0"')

    assert caught.value.status == 412


def test_a_mark_gives_a_film_its_own_bytes(film: Film, tmp_path: Path) -> None:
    marked = film.marked("task-1")
    path = tmp_path / "marked.mp4"
    path.write_bytes(CONTENT + free_box(b"task-1"))
    same = Film.at(path)

    assert marked.read(0, marked.size - 1) == path.read_bytes()
    assert (marked.size, marked.crc64, marked.etag, marked.sha256) == (same.size, same.crc64, same.etag, same.sha256)
