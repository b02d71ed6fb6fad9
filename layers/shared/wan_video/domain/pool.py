"""A pool: the videos that hold its places, and the lines of the owners whose videos wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wan_video.domain.queue import BATCH, priority
from wan_video.domain.quota import NOTHING_STATED, Stated


@dataclass(frozen=True, slots=True)
class Line:
    """How many videos of one owner wait for a pool, counted in the transactions that queue and start them.

    `since` is when it joined, or was last served (Unix milliseconds). Every change increases `version`, which
    never repeats, not even in a line that was removed and created again.
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
class Place:
    """A place that a video holds; `begun` says that the start of the video's execution is recorded."""

    video_id: str
    owner: str
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """The places that are taken, the lines of the owners whose videos wait for one, and what Wan has stated of it.

    `taken` is the pool's own count of places that are taken, and `changes` counts the changes of that count. `earlier`
    contains the ids of videos whose places were recorded by a release before 0.3; None if none remain to be moved.
    """

    name: str
    places: Sequence[Place] = ()
    lines: Sequence[Line] = ()
    taken: int = field(default=0, compare=False)
    changes: int = field(default=0, compare=False)
    earlier: frozenset[str] | None = None
    stated: Stated = NOTHING_STATED

    @property
    def running(self) -> frozenset[str]:
        """The ids of the videos that hold a place."""
        return frozenset(place.video_id for place in self.places)

    @property
    def waiting(self) -> frozenset[str]:
        """The owners of whom a video waits."""
        return frozenset(line.owner for line in self.lines if line.waits)
