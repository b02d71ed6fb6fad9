"""The first row of each custom_id: exact for the longest file, in constant memory."""

from __future__ import annotations

import tracemalloc

import pytest

from wan_video.domain.prompt_file import MAX_ROWS
from wan_video.wire import custom_ids
from wan_video.wire.custom_ids import CustomIds


def test_in_the_longest_file_each_id_belongs_to_its_first_row() -> None:
    ids = CustomIds()
    rows = range(1, MAX_ROWS + 1)
    assert [ids.first(f"row-{row}", row) for row in rows] == list(rows)
    assert [ids.first(f"row-{row}", MAX_ROWS) for row in rows[::99]] == list(rows[::99])


def test_ids_that_meet_in_one_slot_are_distinguished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom_ids, "_SLOTS", 4)
    ids = CustomIds()
    assert [ids.first(name, row) for row, name in enumerate("abc", start=1)] == [1, 2, 3]
    assert [ids.first(name, 9) for name in "cab"] == [3, 1, 2]


def test_ids_that_agree_in_four_bytes_of_their_digest_are_distinguished() -> None:
    ids = CustomIds()
    assert [ids.first("row-36006", 1), ids.first("row-101186", 2)] == [1, 2]


@pytest.mark.parametrize("name", ["", "a", "\ud800", "狐狸", "x" * 100_000])
def test_any_text_can_be_an_id(name: str) -> None:
    ids = CustomIds()
    assert (ids.first(name, 1), ids.first(f"{name}.", 2), ids.first(name, 3)) == (1, 2, 1)


def test_many_long_ids_use_no_more_memory_than_one() -> None:
    tracemalloc.start()
    try:
        ids = CustomIds()
        ids.first("x" * 128, 1)
        one, _ = tracemalloc.get_traced_memory()
        for row in range(2, 20_001):
            ids.first(f"{row:0128}", row)
        many, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert many < one + 10_000
