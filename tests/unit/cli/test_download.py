"""Saving a video, when what arrives or what is there is not what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wan_video_cli.download import TRIES, download
from wan_video_cli.errors import NotUsable, Unreachable


@dataclass
class Storage:
    """Gives the same bytes at every try; `meanwhile` happens while they arrive."""

    body: bytes = b"a film"
    headers: dict[str, str] = field(default_factory=dict)
    meanwhile: Callable[[], object] = lambda: None
    tries: int = 0

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        self.meanwhile()
        yield self.body

    @contextmanager
    def content(self, video_id: str, variant: str) -> Iterator[Storage]:
        self.tries += 1
        yield self


def test_fewer_bytes_than_were_announced_are_no_video(tmp_path: Path) -> None:
    storage = Storage(headers={"Content-Length": "7"})
    with pytest.raises(Unreachable, match="after 6 of 7 bytes"):
        download(storage, "video_1", tmp_path / "fox.mp4")
    assert storage.tries == TRIES
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_is_not_announced_is_not_missed(tmp_path: Path) -> None:
    assert download(Storage(), "video_1", tmp_path / "fox.mp4") == 6


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "fox.mp4"
    with pytest.raises(NotUsable, match="is there already"):
        download(Storage(meanwhile=lambda: target.write_text("mine")), "video_1", target)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_file_that_appears_meanwhile_is_replaced_where_that_is_wanted(tmp_path: Path) -> None:
    target = tmp_path / "fox.mp4"
    download(Storage(meanwhile=lambda: target.write_text("mine")), "video_1", target, force=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["a film"]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(Storage(meanwhile=interrupt), "video_1", tmp_path / "fox.mp4")
    assert list(tmp_path.iterdir()) == []
