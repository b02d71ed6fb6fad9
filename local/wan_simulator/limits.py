"""Rate limits: a number of calls within any period of the clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

QUERIES_PER_SECOND: Final = 20
"""Queries an account may make per second for all its tasks (Model Studio, "Manage asynchronous tasks")."""


@dataclass(slots=True)
class RateLimit:
    """A sliding window of `period` seconds that admits `most` calls; both may change. None admits any number."""

    most: int | None
    period: float = 1.0
    _admitted: deque[float] = field(default_factory=deque, init=False)

    def has_room(self, now: float) -> bool:
        """Whether a call at `now` (epoch seconds) is within the limit."""
        while self._admitted and self._admitted[0] <= now - self.period:
            self._admitted.popleft()
        return self.most is None or len(self._admitted) < self.most

    def count(self, now: float) -> None:
        """Count a call that was admitted at `now`."""
        self._admitted.append(now)
