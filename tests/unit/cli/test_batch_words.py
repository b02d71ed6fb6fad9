"""A batch in words, and the display while waiting for it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from wan_video_cli.batch_words import BATCH, all_made, outcome, standing, summary
from wan_video_cli.watchers import LiveLine, PlainLines

NONE = dict.fromkeys(
    ("total", "queued", "in_progress", "completed", "failed", "cancelled", "expired", "refused"), 0
)  # fmt: skip


def batch(status: str, **counts: int) -> dict[str, Any]:
    return {"id": "batch_1", "status": status, "request_counts": {**NONE, **counts}, "error": None}


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, soft_wrap=True, highlight=False, _environ={})


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (batch("waiting_for_file"), "waits for its file"),
        (batch("validating"), "its file is being read"),
        (
            batch("in_progress", total=12000, refused=2000, completed=2900, in_progress=6),
            "2,900 of 10,000 done, 6 in progress",
        ),
        (batch("in_progress", total=9, completed=1, failed=1, expired=1), "3 of 9 done (2 failed), 0 in progress"),
        (batch("cancelling", total=9, in_progress=4), "being cancelled, 4 still in progress"),
        (batch("finalizing"), "all have ended, its reports are being written"),
        (batch("completed"), "completed"),
    ],
)
def test_the_state_of_a_batch_in_words(now: dict[str, Any], words: str) -> None:
    assert standing(now) == words


def test_the_outcome_of_a_batch_names_only_counts_above_zero() -> None:
    assert summary(batch("completed", total=1200, completed=1197, failed=2, refused=1)) == (
        "1,200 requests: 1,197 completed, 2 failed, 1 refused"
    )
    assert summary(batch("failed")) == "0 requests: none ended"
    assert summary(batch("completed", total=1, completed=1)) == "1 request: 1 completed"


def test_the_list_shows_the_progress_of_a_running_batch() -> None:
    assert outcome(batch("in_progress", total=1, in_progress=1)) == "0 of 1 done, 1 in progress"
    assert outcome(batch("completed", total=1, completed=1)) == "1 request: 1 completed"


@pytest.mark.parametrize(
    ("now", "whole"),
    [
        (batch("completed", total=2, completed=2), True),
        (batch("completed", total=2, completed=1, failed=1), False),
        (batch("completed", total=2, completed=1, refused=1), False),
        (batch("cancelled", total=2, completed=2), False),
    ],
)
def test_a_batch_succeeded_only_if_every_request_of_its_file_did(now: dict[str, Any], whole: bool) -> None:
    assert all_made(now) is whole


def test_on_a_terminal_a_bar_shows_how_many_requests_have_ended() -> None:
    screen = console(terminal=True)
    with LiveLine(screen, BATCH) as line:
        line.seen(batch("validating"))
        assert "%" not in text(screen)
        line.seen(batch("in_progress", total=10, completed=2, failed=1, in_progress=5))
    assert "3 of 10 done (1 failed), 5 in progress" in text(screen)
    assert "30%" in text(screen)


def test_without_a_terminal_each_tenth_and_each_stage_is_one_line() -> None:
    screen = console(terminal=False)
    with PlainLines(screen, BATCH) as lines:
        for ended in (0, 50, 99, 100, 110):
            lines.seen(batch("in_progress", total=1000, completed=ended, in_progress=6))
        lines.seen(batch("finalizing", total=1000, completed=1000))
        lines.seen(batch("completed", total=1000, completed=1000))
    assert text(screen).splitlines() == [
        "batch_1: 0 of 1,000 done, 6 in progress, 0 %",
        "batch_1: 100 of 1,000 done, 6 in progress, 10 %",
        "batch_1: all have ended, its reports are being written, 100 %",
    ]
