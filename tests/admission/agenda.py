"""A clock that moves from event to event, and the events to come."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from itertools import count

from tests.fakes.world import FakeClock

Act = Callable[[], object]
Process = Generator[float, None, None]
"""A process that yields the number of seconds for which it waits."""


@dataclass
class Agenda:
    """Runs events in the order of their times, and moves the clock to each of them."""

    clock: FakeClock
    _due: list[tuple[float, int, Act]] = field(default_factory=list, init=False)
    _numbers: count[int] = field(default_factory=count, init=False)

    def after(self, seconds: float, act: Act) -> None:
        """Run `act` in this number of seconds."""
        heapq.heappush(self._due, (self.clock.now() + seconds, next(self._numbers), act))

    def go(self, process: Process) -> None:
        """Run a process until it waits, and continue it after each wait."""
        seconds = next(process, None)
        if seconds is not None:
            self.after(seconds, lambda: self.go(process))

    def run(self, is_over: Callable[[], bool]) -> None:
        """Run events until `is_over` returns true; raises RuntimeError if there are no more events."""
        while not is_over():
            if not self._due:
                raise RuntimeError("nothing more will happen")
            at, _, act = heapq.heappop(self._due)
            self.clock.advance(max(0.0, at - self.clock.now()))
            act()
