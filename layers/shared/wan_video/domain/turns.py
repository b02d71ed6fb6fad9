"""Turns: the decision which owner's video starts next in a pool.

The owner with the fewest running videos goes first. Among equals, owners with an interactive video go first, and then
the owner whose last turn, or whose arrival, is longest ago. An owner with thousands of videos therefore cannot starve
another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from wan_video.domain.queue import BATCH, INTERACTIVE, waits_since

if TYPE_CHECKING:
    from wan_video.domain.pool import Line


Order = tuple[int, int, int, str]
"""The running videos of an owner, whether only batch videos wait, since when the owner waits, and the owner."""


class Turns:
    """The lines of one pool as they were read, updated with every start; finding the next turn reads nothing."""

    def __init__(self, lines: Collection[Line], running: Counter[str]) -> None:
        self._lines = {line.owner: line for line in lines}
        self._running = running
        self._passed_over = {line.owner for line in lines if not line.waits}
        # The first entry is next. A line that has moved back since has another entry, and its old entry is skipped.
        self._orders = [self._order(line) for line in lines if line.waits]
        heapify(self._orders)

    def next(self) -> Line | None:
        """Return the line whose turn it is; None if all owners with waiting videos were skipped."""
        while self._orders:
            owner = self._orders[0][-1]
            line = self._lines[owner]
            if owner not in self._passed_over and self._orders[0] == self._order(line):
                return line
            heappop(self._orders)
        return None

    def pass_over(self, owner: str) -> None:
        """Skip an owner from now on."""
        self._passed_over.add(owner)

    def started(self, line: Line, queue_key: str, now: int) -> None:
        """Record that a video of this line was started at `now` (Unix seconds)."""
        self._running[line.owner] += 1
        after = line.with_more(-1, queue_key, waits_since(now))
        self._lines[line.owner] = after
        if after.waits:
            heappush(self._orders, self._order(after))
        else:
            self.pass_over(line.owner)

    def empty(self) -> Iterator[Line]:
        """Return the lines without waiting videos."""
        return (line for line in self._lines.values() if not line.waits)

    def _order(self, line: Line) -> Order:
        return self._running[line.owner], INTERACTIVE if line.interactive else BATCH, line.since, line.owner
