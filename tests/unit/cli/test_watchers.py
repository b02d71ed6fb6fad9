"""The display while waiting, on a terminal and elsewhere."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from wan_video_cli.errors import Unreachable
from wan_video_cli.watchers import LiveLine, PlainLines

UNCERTAIN = {"code": "submission_uncertain", "message": "Wan's answer was lost.", "since": 1}


def video(status: str, progress: int = 0, task: str | None = None, **more: Any) -> dict[str, Any]:
    upstream = {"status": task} if task else None
    return {"id": "video_1", "status": status, "progress": progress, "queue_position": 3, "upstream": upstream, **more}


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, soft_wrap=True, highlight=False, _environ={})


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def test_without_a_terminal_each_change_is_one_line() -> None:
    screen = console(terminal=False)
    with PlainLines(screen) as lines:
        for one in (
            video("queued"),
            video("queued"),
            video("in_progress", 1, "PENDING"),
            video("in_progress", 12, "RUNNING"),
            video("in_progress", 19, "RUNNING"),
            video("in_progress", 20, "RUNNING", condition=UNCERTAIN),
        ):
            lines.seen(one)
        lines.missed(Unreachable("The API cannot be reached."))
        lines.seen(video("completed", 100))
    assert text(screen).splitlines() == [
        "video_1: queued, 3 before it",
        "video_1: waiting at Wan, 1 %",
        "video_1: Wan is making it, 12 %",
        "video_1: Wan is making it, 20 %; Wan's answer was lost. (submission_uncertain)",
        "The API cannot be reached. Trying again.",
    ]


def test_on_a_terminal_one_line_shows_the_apis_progress_and_errors_stay_above_it() -> None:
    screen = console(terminal=True)
    with LiveLine(screen) as line:
        line.seen(video("queued"))
        assert "queued, 3 before it" in text(screen)
        assert "%" not in text(screen)
        line.seen(video("in_progress", 37, "RUNNING", condition=UNCERTAIN))
        line.seen(video("in_progress", 37, "RUNNING", condition=UNCERTAIN))
    assert "Wan is making it" in text(screen)
    assert "37%" in text(screen)
    assert text(screen).count("Wan's answer was lost. (submission_uncertain)") == 1


def test_on_a_terminal_an_outage_is_shown_until_it_ends() -> None:
    screen = console(terminal=True)
    with LiveLine(screen) as line:
        line.missed(Unreachable("The API cannot be reached."))
    assert "no connection, trying again" in text(screen)
