"""The display of a wait: one live line on a terminal, and one line for each change elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Self

from wan_video_cli.api import Document
from wan_video_cli.errors import CommandError
from wan_video_cli.screen import notes
from wan_video_cli.waiting import Watcher
from wan_video_cli.words import VIDEO, Words, is_final

if TYPE_CHECKING:
    from rich.console import Console

STEP: Final = 10
"""The step of progress, in percent, that is worth a line."""


def watcher(words: Words = VIDEO) -> AbstractContextManager[Watcher]:
    """Choose the watcher that suits standard error."""
    console = notes()
    live = console.is_terminal and not console.is_dumb_terminal
    return LiveLine(console, words) if live else PlainLines(console, words)


class PlainLines:
    """Prints a line for every change."""

    def __init__(self, console: Console, words: Words = VIDEO) -> None:
        self._console = console
        self._words = words
        self._last: tuple[str, str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def seen(self, now: Document) -> None:
        percent = self._words.progress(now)
        trouble = self._words.trouble(now)
        change = (self._words.stage(now), trouble, (percent or 0) // STEP)
        if change == self._last or is_final(now):
            return
        self._last = change
        shown = "" if percent is None else f", {percent} %"
        amiss = f"; {trouble}" if trouble else ""
        self._console.print(f"{now['id']}: {self._words.standing(now)}{shown}{amiss}", markup=False)

    def missed(self, error: CommandError) -> None:
        self._console.print(f"{error.what} Trying again.", markup=False)


class LiveLine:
    """Shows a spinner, the status, the progress that the API reports, and the time of this wait."""

    def __init__(self, console: Console, words: Words = VIDEO) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self._console = console
        self._words = words
        self._live = Progress(
            # The dots of the usual spinner exist only in Unicode.
            SpinnerColumn("line" if console.options.ascii_only else "dots"),
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

    def seen(self, now: Document) -> None:
        percent = self._words.progress(now)
        # An indeterminate bar shows only that the command is running.
        self._live.update(
            self._line,
            description=self._words.standing(now),
            completed=percent or 0,
            total=None if percent is None else 100,
            refresh=True,
        )
        amiss = self._words.trouble(now)
        if amiss and amiss != self._amiss and not is_final(now):
            self._console.print(amiss, style="yellow", markup=False)
        self._amiss = amiss

    def missed(self, error: CommandError) -> None:
        self._live.update(self._line, description="no connection, trying again", refresh=True)
