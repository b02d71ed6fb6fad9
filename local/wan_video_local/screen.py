"""What the user sees: one line for each stage with the seconds elapsed, and on a terminal a live line below."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text


class Screen:
    """Stage lines on standard output; plain ones where it is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._started = time.monotonic()
        self._live: Status | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = self._console.status("")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def stage(self, text: str) -> None:
        """Say that a stage is done."""
        self._console.print(Text(f"{time.monotonic() - self._started:6.1f} s  {text}"), soft_wrap=True)

    def now(self, text: str) -> None:
        """Say on the live line what is going on; nothing is shown where there is none."""
        if self._live:
            self._live.update(Text(f"{text} ({time.monotonic() - self._started:.0f} s)"))

    def say(self, text: str = "") -> None:
        """Print a line of its own."""
        self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the live line away while the user is asked something."""
        if self._live:
            self._live.stop()
        yield
        if self._live:
            self._live.start()
