"""Which text is blank, and which text cannot be stored."""

from __future__ import annotations

import pytest

from wan_video.domain.text import is_blank, text_problem, without_halves


@pytest.mark.parametrize(
    "text",
    ["", " ", "\t\n\r", "\u200b\u200c\u200d", "\ufeff", "\u2060 \u00ad", "\u3000", "\0", "\u3164 \u2800"]
    + [chr(control) for control in (*range(0x20), *range(0x7F, 0xA0))]
    + ["\ufe0f", "\ufe00\ufe0e", "\U000e0100\U000e01ef", "\u180b\u180f", "\U000e0020\U000e007f", "\u2065\ufff0"],
)
def test_invisible_text_is_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize(
    "text", ["a", "狐", "🦊", "\u200ba", "\u0301", "☂\ufe0f", "葛\U000e0100", "=cmd|' /C calc'!A0"]
)
def test_visible_text_is_not_blank(text: str) -> None:
    assert not is_blank(text)


@pytest.mark.parametrize(
    "text", ["", "a fox", "一只狐狸", "🦊👩‍👩‍👧", "line\nline\ttab", "\u202eright to left", "<script>"]
)
def test_text_of_any_script_can_be_stored(text: str) -> None:
    assert text_problem(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [("a\0b", "NUL"), ("\ud800", "surrogate"), ("a\udfffb", "surrogate"), ("\udc00\ud800", "surrogate")],
)
def test_text_that_utf8_or_the_table_cannot_store_is_reported(text: str, problem: str) -> None:
    assert problem in (text_problem(text) or "")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("a fox", "a fox"),
        ("", ""),
        ("🦊", "🦊"),
        ("\ud83d", "\ufffd"),
        ("a\ud83d fox", "a\ufffd fox"),
        ("\udd8a\ud83d", "\ufffd\ufffd"),
        ("\ud83e\ud83e\udd8a", "\ufffd🦊"),
        ("\ud83e\udd8a", "🦊"),
        ("\udd8a fox", "\ufffd fox"),
        ("🦊\ud83d", "🦊\ufffd"),
    ],
)
def test_each_half_of_a_surrogate_pair_is_replaced_and_the_rest_stays(text: str, whole: str) -> None:
    assert without_halves(text) == whole
    assert text_problem(without_halves(text)) is None
