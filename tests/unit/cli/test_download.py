"""Saving a video when the download or the existing file is not as expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from anycrc import Model
from requests.exceptions import ChunkedEncodingError

from wan_video_cli.download import TRIES, Stored, download
from wan_video_cli.errors import NotUsable, Unreachable

FILM = bytes(range(256)) * 64


@dataclass
class Answer:
    """One answer of the storage; the connection ends after `breaks_after` bytes."""

    status_code: int
    headers: dict[str, str]
    body: bytes
    breaks_after: int | None = None

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        yield self.body[: self.breaks_after]
        if self.breaks_after is not None:
            raise ChunkedEncodingError


@dataclass
class Storage:
    """A storage with one object; it calls `meanwhile` before it sends; `breaks` are the bytes per connection."""

    body: bytes = b"a film"
    length: int | None = None
    crc64nvme: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    meanwhile: Callable[[], object] = lambda: None
    breaks: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def stored(self, object_id: str, variant: str) -> Stored:
        return Stored("a link", self.length, self.crc64nvme)

    @contextmanager
    def fetch(self, link: str, start: int, etag: str | None) -> Iterator[Answer]:
        self.starts.append(start)
        self.meanwhile()
        first = start if self.ranges and etag == '"1"' else 0
        body = self.body[first:]
        headers = {"Content-Length": str(len(body)), "ETag": '"1"', **self.headers}
        yield Answer(206 if first else 200, headers, body, self.breaks.pop(0) if self.breaks else None)


def crc_of(body: bytes) -> str:
    return f"{Model('CRC64-NVME').calc(body):016x}"


@pytest.mark.parametrize("known", [None, len(FILM)])
def test_an_interrupted_download_continues_at_the_byte_where_it_stopped(tmp_path: Path, known: int | None) -> None:
    storage = Storage(FILM, length=known, crc64nvme=crc_of(FILM), breaks=[1000, 500, 1])
    assert download(storage, "video_1", tmp_path / "fox.mp4") == len(FILM)
    assert storage.starts == [0, 1000, 1500, 1501]
    assert (tmp_path / "fox.mp4").read_bytes() == FILM


def test_without_ranges_the_whole_file_is_sent_again(tmp_path: Path) -> None:
    storage = Storage(FILM, crc64nvme=crc_of(FILM), ranges=False, breaks=[1000])
    assert download(storage, "video_1", tmp_path / "fox.mp4") == len(FILM)
    assert storage.starts == [0, 1000]
    assert (tmp_path / "fox.mp4").read_bytes() == FILM


def test_bytes_with_another_checksum_are_refused(tmp_path: Path) -> None:
    storage = Storage(FILM, length=len(FILM), crc64nvme=crc_of(b"another film"))
    with pytest.raises(Unreachable, match="damaged"):
        download(storage, "video_1", tmp_path / "fox.mp4")
    assert storage.starts == [0] * TRIES
    assert list(tmp_path.iterdir()) == []


def test_more_bytes_than_the_video_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="damaged"):
        download(Storage(FILM, length=len(FILM) - 1), "video_1", tmp_path / "fox.mp4")
    assert list(tmp_path.iterdir()) == []


def test_fewer_bytes_than_announced_are_refused(tmp_path: Path) -> None:
    storage = Storage(length=7)
    with pytest.raises(Unreachable, match="after 6 of 7 bytes"):
        download(storage, "video_1", tmp_path / "fox.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", ["abc", "", "-1", "6, 6", "\u0666", "9" * 5000])
def test_a_length_that_is_not_a_number_is_ignored(tmp_path: Path, length: str) -> None:
    assert download(Storage(headers={"Content-Length": length}), "video_1", tmp_path / "fox.mp4") == 6


def test_only_connections_that_deliver_no_bytes_count_as_failed_attempts(tmp_path: Path) -> None:
    storage = Storage(FILM, length=len(FILM), breaks=[0, 0, 5, 0, 0, 5, 0, 0, 0])
    with pytest.raises(Unreachable, match="was interrupted after 10 bytes"):
        download(storage, "video_1", tmp_path / "fox.mp4")
    assert storage.starts == [0, 0, 0, 5, 5, 5, 10, 10, 10]


def test_a_download_ends_even_if_each_connection_delivers_only_a_little(tmp_path: Path) -> None:
    storage = Storage(FILM, length=len(FILM), breaks=[1] * 1000)
    with pytest.raises(Unreachable, match="incomplete"):
        download(storage, "video_1", tmp_path / "fox.mp4")
    assert len(storage.starts) == 100


def test_a_file_that_appears_during_the_download_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "fox.mp4"
    with pytest.raises(NotUsable, match="already exists"):
        download(Storage(meanwhile=lambda: target.write_text("mine")), "video_1", target)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_that_appears_during_the_download_is_replaced_with_overwrite(tmp_path: Path) -> None:
    target = tmp_path / "fox.mp4"
    download(Storage(meanwhile=lambda: target.write_text("mine")), "video_1", target, force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["a film"]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(Storage(meanwhile=interrupt), "video_1", tmp_path / "fox.mp4")
    assert list(tmp_path.iterdir()) == []
