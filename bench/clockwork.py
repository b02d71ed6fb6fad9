"""Threads that share one virtual clock: one of them runs at a time, and waiting costs no real time.

So the order of events depends on the waits and not on the machine, and the same seed gives the same run.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

Work = Callable[[], object]


@dataclass
class Clockwork:
    """The virtual clock; `now` is in seconds."""

    now: float = 0.0
    _due: list[tuple[float, int, threading.Event]] = field(default_factory=list, init=False)
    _numbers: count[int] = field(default_factory=count, init=False)

    def run(self, works: Sequence[Work]) -> list[BaseException]:
        """Run some works side by side, each in a thread of its own, until all have ended; returns what they raised."""
        raised: list[BaseException] = []

        def begin(work: Work, turn: threading.Event) -> None:
            turn.wait()
            try:
                work()
            except BaseException as error:  # noqa: BLE001  (the next thread must have its turn)
                raised.append(error)
            self._next()

        threads = [threading.Thread(target=begin, args=(work, self._wake_up_in(0.0))) for work in works]
        for thread in threads:
            thread.start()
        self._next()
        for thread in threads:
            thread.join()
        return raised

    def wait(self, seconds: float) -> None:
        """Let others run for some virtual seconds; called by a work that `run` has begun."""
        turn = self._wake_up_in(seconds)
        self._next()
        turn.wait()

    def _wake_up_in(self, seconds: float) -> threading.Event:
        turn = threading.Event()
        heapq.heappush(self._due, (self.now + seconds, next(self._numbers), turn))
        return turn

    def _next(self) -> None:
        """Give the turn to the thread whose time comes first."""
        if self._due:
            self.now, _, turn = heapq.heappop(self._due)
            turn.set()
