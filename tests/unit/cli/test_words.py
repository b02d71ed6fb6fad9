"""A video in words, and the characters that those words may contain."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from wan_video_cli.options import read_metadata, read_span
from wan_video_cli.words import price, printable, span, standing, trouble


def video(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "video_1", "status": status, **more}


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (video("queued", queue_position=0, waiting_for="place"), "queued, next in line"),
        (video("queued", queue_position=7, waiting_for="place"), "queued, 7 before it"),
        (video("queued", queue_position="1000+", waiting_for="place"), "queued, 1000+ before it"),
        (video("queued", queue_position=2, waiting_for="budget"), "queued, waits for room in the day's budget"),
        (video("queued", queue_position=None, waiting_for="place"), "queued, about to start"),
        (video("in_progress", upstream=None), "in progress"),
        (video("in_progress", upstream={"status": "PENDING"}), "waiting at Wan"),
        (video("in_progress", upstream={"status": "RUNNING"}), "Wan is making it"),
        (video("in_progress", upstream={"status": "SUCCEEDED"}), "made, being stored"),
        (video("in_progress", upstream={"status": "NEW WORD"}), "in progress"),
        (video("expired"), "expired"),
    ],
)
def test_every_state_has_its_words(shown: dict[str, Any], words: str) -> None:
    assert standing(shown) == words


def test_the_error_is_shown_or_else_the_condition() -> None:
    condition = {"code": "submission_uncertain", "message": "Wan's answer was lost.", "since": 1}
    assert (
        trouble(video("in_progress", condition=condition, error=None))
        == "Wan's answer was lost. (submission_uncertain)"
    )
    assert trouble(video("queued", condition=None, error=None)) == ""


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain", "plain"),
        ("a\x1b[31mb\x07c", "a [31mb c"),
        ("one\ntwo\r\tthree", "one two  three"),
        ("\u202eabc\u2066", " abc "),
        ("lone \ud800 half", "lone   half"),
        ("👩\u200d🚀 می\u200cخواهم", "👩\u200d🚀 می\u200cخواهم"),
    ],
)
def test_nothing_that_is_shown_can_move_the_cursor(given: str, shown: str) -> None:
    assert printable(given) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ({"price": "3.669620", "currency": "CNY"}, "3.67 CNY"),
        ({"price": "0", "currency": "CNY"}, "0.00 CNY"),
        ({"price": "much", "currency": "CNY"}, "much CNY"),
        (None, ""),
    ],
)
def test_money_is_shown_to_the_cent(amount: dict[str, str] | None, shown: str) -> None:
    assert price(amount) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (119.4, "119s"), (120, "2m"), (3600, "1h"), (3900, "1h 5m"), (86400, "24h")]
)
def test_a_duration_is_shown_in_words(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("0.5s", 0.5), ("10m", 600), ("24h", 86400), ("2d", 172800)]
)
def test_a_duration_is_read_in_common_notations(text: str, seconds: float) -> None:
    assert read_span(text) == seconds


@pytest.mark.parametrize("text", ["", "-1s", "1w", "1h30", "nan", "inf", "1e9", "s", "٣s"])
def test_anything_else_than_a_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_span(text)


def test_metadata_are_pairs_and_a_value_may_contain_an_equals_sign() -> None:
    assert read_metadata(["a=b=c", "d="]) == {"a": "b=c", "d": ""}
    assert read_metadata([]) is read_metadata(None) is None
    with pytest.raises(typer.BadParameter):
        read_metadata(["a=1", "a=2"])
