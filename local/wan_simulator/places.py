"""The places in which tasks run; their number can change in the meantime."""

from __future__ import annotations

import heapq
from math import inf


class Places:
    """A number of places, each free since a moment (epoch seconds of the clock) or taken; None is any number.

    When the number falls below that of the running tasks, these are not stopped, and their places end with them.
    """

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._free_since = [-inf] * (number or 0)
        self._excess = 0

    def free_since(self) -> float | None:
        """Return since when the next place has been free, or None while all are taken."""
        if self._number is None:
            return -inf
        return self._free_since[0] if self._free_since else None

    @property
    def free(self) -> float:
        """How many places are free."""
        return inf if self._number is None else len(self._free_since)

    def take(self) -> None:
        """Take the place that has been free for longest; raises IndexError if none is."""
        if self._number is not None:
            heapq.heappop(self._free_since)

    def give_back(self, moment: float) -> None:
        """Return one place at `moment`."""
        if self._number is None:
            return
        if self._excess:
            self._excess -= 1
        else:
            heapq.heappush(self._free_since, moment)

    def resize(self, number: int | None, taken: int, now: float) -> None:
        """Set the number of places at `now`, while `taken` tasks run."""
        if number == self._number:
            return
        free = 0 if number is None else max(0, number - taken)
        kept = sorted(self._free_since)[:free]
        self._free_since = kept + [now] * (free - len(kept))
        heapq.heapify(self._free_since)
        self._excess = 0 if number is None else max(0, taken - number)
        self._number = number
