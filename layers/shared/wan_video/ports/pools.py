"""Places, lines and queues."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from wan_video.domain.queue import BATCH, priority

if TYPE_CHECKING:
    from wan_video.domain.budget import DayUsage
    from wan_video.domain.video import Video

POSITION_LIMIT: Final = 1000


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


@dataclass(frozen=True, slots=True)
class QueueItem:
    """The next video of one owner in one pool."""

    video_id: str
    key: str


class Pools(Protocol):
    """Places and queues, read strongly unless said otherwise."""

    def read(self, names: Collection[str]) -> Sequence[Pool]:
        """The named pools, each in one query; those that nobody uses are empty."""
        ...

    def head(self, name: str, owner: str) -> QueueItem | None:
        """The owner's next video, or None."""
        ...

    def drop(self, name: str, owner: str, item: QueueItem) -> None:
        """Remove a queue item whose video waits no more, and count it out of its line."""
        ...

    def forget(self, name: str, line: Line) -> None:
        """Remove a line in which nobody waits, unless it has changed since it was read."""
        ...

    def pass_over(self, name: str, line: Line, used_at_most: int) -> None:
        """Note what the next video of a line needs of its owner's day, unless the line has changed meanwhile."""
        ...

    def give_back(self, name: str, video_id: str) -> None:
        """Free a place that a video no longer has a claim to."""
        ...

    def used_by(self, owners: Collection[str], day: str) -> Mapping[str, int]:
        """Seconds of a day's budget that are spent or reserved, by owner; 0 where there are none yet."""
        ...

    def usage(self, owner: str, first: str, last: str) -> Sequence[DayUsage]:
        """What an owner used from the first to the last day (at most 31), days without any left out."""
        ...

    def position(self, video: Video) -> int:
        """How many of the owner's videos are before this one in its queue, counted to POSITION_LIMIT.

        Eventually consistent: it is shown, and decides nothing.
        """
        ...
