"""A pool: the videos that hold its places, and the lines of the owners whose videos wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wan_video.domain.queue import BATCH, priority


@dataclass(frozen=True, slots=True)
class Line:
    """How many videos of one owner wait for a pool, counted in the transactions that queue and start them.

    `since` is when it joined, or was last served (Unix milliseconds). Whoever joins or leaves bumps `version`, which
    never comes again, not even in a line that was forgotten and joined anew.
    `used_at_most` is set where its next video found no room: that many seconds the owner's day may use for it to start.
    """

    owner: str
    interactive: int = 0
    batch: int = 0
    since: int = 0
    version: int = field(default=0, compare=False)
    used_at_most: int | None = None

    @property
    def waits(self) -> int:
        """How many wait."""
        return self.interactive + self.batch

    def with_more(self, number: int, key: str, since: int | None = None) -> Line:
        """The line after that many of this queue key's priority have joined; fewer than none have left."""
        is_batch = priority(key) == BATCH
        return Line(
            self.owner,
            interactive=self.interactive + (0 if is_batch else number),
            batch=self.batch + (number if is_batch else 0),
            since=self.since if since is None else since,
            version=self.version + 1,
        )


@dataclass(frozen=True, slots=True)
class Pool:
    """The videos that hold a place, and the lines of the owners that wait for one."""

    name: str
    running: frozenset[str] = frozenset()
    lines: Sequence[Line] = ()

    @property
    def waiting(self) -> frozenset[str]:
        """The owners of whom a video waits."""
        return frozenset(line.owner for line in self.lines if line.waits)
