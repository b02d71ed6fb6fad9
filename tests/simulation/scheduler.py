"""One virtual clock and everything that runs under it: greenlets that take turns at the moments they wait for."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, Final

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

MOST_TURNS: Final = 150_000
"""The number of turns after which a history counts as endless."""


class Killed(BaseException):
    """The end of a worker at a call, as by SIGKILL: no later call of it has any effect either."""


class Endless(Exception):
    """Raised if a history does not end."""


class Process(greenlet):  # type: ignore[misc]
    """Something that runs: a worker, an execution, a caller. `calls` counts its calls; `owner` is a function's word."""

    def __init__(self, run: Callable[[], Any], label: str, scheduler: Scheduler, word: str = "") -> None:
        super().__init__(run, scheduler.hub)
        self.label = label
        self.word = word
        self.calls = 0
        self.killed = False
        self.deadline = float("inf")
        self.waits_for: int = 0


class Scheduler:
    """The clock and the queue of what happens next. `now` is in Unix seconds."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.hub = getcurrent()
        self.turns = 0
        self.over = False
        self._heap: list[tuple[float, int, Any]] = []
        self._sequence = 0

    def at(self, moment: float, action: Callable[[], None] | Process) -> None:
        """Run an action, or continue a process, at a moment that is not before now."""
        self._sequence += 1
        heapq.heappush(self._heap, (max(moment, self.now), self._sequence, action))

    def spawn(self, label: str, run: Callable[[], Any], *, after: float = 0.0, word: str = "") -> Process:
        """Start a process."""
        process = Process(run, label, self, word)
        self.at(self.now + after, process)
        return process

    current: Callable[[], Process] = staticmethod(getcurrent)
    """Return the process that runs."""

    def sleep(self, seconds: float) -> None:
        """Let a process wait; others run meanwhile. Raises Killed after the end of the history."""
        if self.over:
            raise Killed
        moment = self.now + seconds if seconds > 0.0 else self.now
        heap = self._heap
        if (not heap or heap[0][0] > moment) and self.turns < MOST_TURNS:
            # Nothing happens before that moment, so it would be the next turn of this process.
            self.turns += 1
            self.now = moment
            return
        self._sequence += 1
        turn = moment, self._sequence, getcurrent()
        if heap and type(heap[0][2]) is Process and self.turns < MOST_TURNS:
            # The next one is not later than this one, so it can take its turn without the hub.
            self.turns += 1
            self.now, _, following = heapq.heapreplace(heap, turn)
            following.switch()
            return
        heapq.heappush(heap, turn)
        self.hub.switch()

    def park(self) -> Any:
        """Let a process wait until another one continues it by `at`; return nothing."""
        heap = self._heap
        if heap and type(heap[0][2]) is Process and self.turns < MOST_TURNS:
            self.turns += 1
            self.now, _, following = heapq.heappop(heap)
            return following.switch()
        return self.hub.switch()

    def run(self, until: Callable[[], bool]) -> None:
        """Let things happen until nothing is left or `until` says so. Raises Endless.

        `until` is asked after each action and after each process that ends, because only these change its answer.
        """
        heap, pop = self._heap, heapq.heappop
        while heap and not until():
            self.turns += 1
            if self.turns > MOST_TURNS:
                raise Endless(f"{self.turns} turns")
            self.now, _, action = pop(heap)
            if type(action) is Process:
                action.switch()
            else:
                action()

    def end(self) -> None:
        """End the history: drop what has not happened yet; what still runs dies at its next call."""
        self.over = True
        self._heap.clear()
