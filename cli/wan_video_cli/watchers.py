"""What a wait looks like: one live line on a terminal, plain lines of what has changed everywhere else."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Self

from wan_video_cli.api import Document
from wan_video_cli.errors import CommandError
from wan_video_cli.screen import notes
from wan_video_cli.waiting import Watcher
from wan_video_cli.words import is_final, standing, trouble

if TYPE_CHECKING:
    from rich.console import Console

STEP: Final = 10
"""Percent of progress that are worth a plain line."""


def watcher() -> AbstractContextManager[Watcher]:
    """The one that fits where the notes go."""
    console = notes()
    return LiveLine(console) if console.is_terminal and not console.is_dumb_terminal else PlainLines(console)


class PlainLines:
    """A line for every change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[str, str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def seen(self, video: Document) -> None:
        percent = video["progress"]
        now = (standing(video), trouble(video), percent // STEP)
        if now == self._last or is_final(video):
            return
        self._last = now
        shown = f", {percent} %" if video["status"] == "in_progress" else ""
        amiss = f"; {now[1]}" if now[1] else ""
        self._console.print(f"{video['id']}: {now[0]}{shown}{amiss}", markup=False)

    def missed(self, error: CommandError) -> None:
        self._console.print(f"{error.what} Trying again.", markup=False)


class LiveLine:
    """A spinner, how the video stands, the API's own progress, and the time this wait has taken."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self._console = console
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._line = self._live.add_task("", total=None)
        self._amiss = ""

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def seen(self, video: Document) -> None:
        # Nothing can be said of how far a queued video is: its bar only shows that somebody is there.
        total = None if video["status"] == "queued" else 100
        self._live.update(
            self._line, description=standing(video), completed=video["progress"], total=total, refresh=True
        )
        amiss = trouble(video)
        if amiss and amiss != self._amiss and not is_final(video):
            self._console.print(amiss, style="yellow", markup=False)
        self._amiss = amiss

    def missed(self, error: CommandError) -> None:
        self._live.update(self._line, description="no connection, trying again", refresh=True)
