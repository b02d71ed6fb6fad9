"""Films on disk: read in any pieces, with the length that a prompt asks for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fastcrc.crc64 import xz

from wan_simulator.films import Film, lengthen

CLIP = b"\x00\x00\x00\x18ftypisom" + b"clip" * 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "film.mp4"
    made.write_bytes(CLIP)
    return made


def test_a_marked_film_can_be_read_in_any_pieces(path: Path) -> None:
    film = Film.at(path).marked("task-1")
    whole = film.read(0, film.size - 1)
    assert whole.startswith(CLIP)
    assert whole.endswith(b"free" + b"task-1")
    assert (film.crc64, film.sha256) == (xz(whole), hashlib.sha256(whole).hexdigest())
    for first in range(film.size):
        assert film.read(first, film.size - 1) == whole[first:]
        assert film.read(0, first) == whole[: first + 1]


@pytest.mark.parametrize("size", [1, len(CLIP), len(CLIP) + 1, len(CLIP) + 8, 3 * 1024 * 1024])
def test_a_lengthened_film_ends_in_a_box_that_players_skip(path: Path, size: int) -> None:
    lengthen(path, size)
    made = path.read_bytes()
    assert len(made) >= size
    assert made.startswith(CLIP)
    box = made[len(CLIP) :]
    assert not box or (int.from_bytes(box[:4], "big"), box[4:8]) == (len(box), b"free")
    film = Film.at(path)
    assert (film.size, film.crc64, film.sha256) == (len(made), xz(made), hashlib.sha256(made).hexdigest())
