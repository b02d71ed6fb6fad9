"""A clock that is moved from event to event, and what is to happen when."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import count

from tests.fakes.world import FakeClock

Act = Callable[[], object]
Process = Generator[float, None, None]
"""Something that goes on by itself, and yields for how many seconds it waits."""


@dataclass
class Agenda:
    """Lets things happen in the order of their times, and no time pass otherwise."""

    clock: FakeClock
    _due: list[tuple[float, int, Act]] = field(default_factory=list, init=False)
    _numbers: count[int] = field(default_factory=count, init=False)

    def after(self, seconds: float, act: Act) -> None:
        """Have something happen in so many seconds."""
        heapq.heappush(self._due, (self.clock.now() + seconds, next(self._numbers), act))

    def go(self, process: Process) -> None:
        """Let a process go on until it waits, and again when it has."""
        seconds = next(process, None)
        if seconds is not None:
            self.after(seconds, lambda: self.go(process))

    def run(self, is_over: Callable[[], bool]) -> None:
        """Let everything happen until it is over; raises RuntimeError where nothing more will."""
        while not is_over():
            if not self._due:
                raise RuntimeError("nothing more will happen")
            at, _, act = heapq.heappop(self._due)
            self.clock.advance(max(0.0, at - self.clock.now()))
            act()
