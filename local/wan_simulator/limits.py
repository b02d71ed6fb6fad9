"""Rate limits: so many calls within any one second of the clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

QUERIES_PER_SECOND: Final = 20
"""Queries an account may make per second over all its tasks (Model Studio, "Manage asynchronous tasks")."""


@dataclass(slots=True)
class RateLimit:
    """A sliding window of one second that admits `per_second` calls."""

    per_second: int
    _admitted: deque[float] = field(default_factory=deque, init=False)

    def admits(self, now: float) -> bool:
        """Whether a call at `now` (epoch seconds) is within the limit; if so, it is counted."""
        while self._admitted and self._admitted[0] <= now - 1.0:
            self._admitted.popleft()
        if len(self._admitted) >= self.per_second:
            return False
        self._admitted.append(now)
        return True
