"""The progress display: one line for each stage with the elapsed seconds, and on a terminal a live line below."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text


class Screen:
    """Stage lines on standard output; plain ones where it is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._live = Progress(*columns, console=self._console, transient=True)
        self._current = self._live.add_task("")

    def __enter__(self) -> Self:
        self._show_live()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hide_live()

    def stage(self, text: str) -> None:
        """Print that a stage is done."""
        self._console.print(Text(f"{time.monotonic() - self._started:6.1f} s  {text}"), soft_wrap=True)

    def now(self, text: str) -> None:
        """Show the current activity on the live line, if there is one."""
        self._live.update(self._current, description=text)

    def say(self, text: str = "") -> None:
        """Print a line of its own."""
        self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the live line while the user is asked a question."""
        self._hide_live()
        yield
        self._show_live()

    def _show_live(self) -> None:
        if self._console.is_terminal:
            self._live.start()

    def _hide_live(self) -> None:
        # Stopping a live line that was never shown would print an empty line.
        if self._console.is_terminal:
            self._live.stop()
