"""Lasting links: each opens one video until it expires."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_video.domain.links import file_name, opens

KEY = "00112233445566778899aabbccddeeff"
UNTIL = 1_780_000_000


def test_a_link_opens_its_video_until_it_ends() -> None:
    name = file_name(KEY, "video_1", UNTIL)
    assert opens(KEY, "video_1", name, UNTIL)
    assert not opens(KEY, "video_1", name, UNTIL + 1)


def test_a_link_opens_no_other_video_and_not_with_another_key() -> None:
    name = file_name(KEY, "video_1", UNTIL)
    assert not opens(KEY, "video_2", name, 0)
    assert not opens(KEY[::-1], "video_1", name, 0)


def test_a_video_without_a_key_is_opened_by_no_link() -> None:
    assert not opens("", "video_1", file_name(KEY, "video_1", UNTIL), 0)


def test_the_end_of_a_link_cannot_be_moved() -> None:
    _, _, signature = file_name(KEY, "video_1", UNTIL).partition("-")
    assert not opens(KEY, "video_1", f"{UNTIL + 1}-{signature}", 0)


@pytest.mark.parametrize(
    "name", ["", ".mp4", "1-.mp4", "../video.mp4", "٣-" + "0" * 64 + ".mp4", "9" * 13 + "-" + "0" * 64]
)
def test_a_malformed_link_opens_nothing(name: str) -> None:
    assert not opens(KEY, "video_1", name, 0)


@given(st.text())
def test_a_guessed_link_opens_no_video(name: str) -> None:
    assert not opens(KEY, "video_1", name, 0)
