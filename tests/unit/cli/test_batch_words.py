"""A batch in words, and what its wait looks like."""

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
    ("now", "told"),
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
def test_how_a_batch_stands(now: dict[str, Any], told: str) -> None:
    assert standing(now) == told


def test_what_came_of_it_names_only_what_there_is() -> None:
    assert summary(batch("completed", total=1200, completed=1197, failed=2, refused=1)) == (
        "1,200 requests: 1,197 completed, 2 failed, 1 refused"
    )
    assert summary(batch("failed")) == "0 requests: none ended"
    assert summary(batch("completed", total=1, completed=1)) == "1 request: 1 completed"


def test_the_list_says_of_a_batch_at_work_how_far_it_is() -> None:
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
def test_all_is_made_only_where_every_request_of_the_file_is(now: dict[str, Any], whole: bool) -> None:
    assert all_made(now) is whole


def test_on_a_terminal_a_bar_shows_how_many_have_ended() -> None:
    screen = console(terminal=True)
    with LiveLine(screen, BATCH) as line:
        line.seen(batch("validating"))
        assert "%" not in text(screen)
        line.seen(batch("in_progress", total=10, completed=2, failed=1, in_progress=5))
    assert "3 of 10 done (1 failed), 5 in progress" in text(screen)
    assert "30%" in text(screen)


def test_elsewhere_a_line_tells_of_each_tenth_and_of_each_stage() -> None:
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
