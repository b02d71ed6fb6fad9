"""A pool: the videos that hold its places, and the lines of the owners whose videos wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wan_video.domain.queue import BATCH, priority
from wan_video.domain.quota import NOTHING_STATED, Stated


@dataclass(frozen=True, slots=True)
class Line:
    """The number of an owner's videos that wait in a pool, counted by the transactions that queue and start them.

    `since` is when the owner joined, or was last served (Unix milliseconds). Every change increases `version`, which
    never repeats, not even in a line that was removed and created again. `used_at_most` is set if its next video did
    not fit the budget: the video can start when the owner has used at most this number of seconds in a day.
    """

    owner: str
    interactive: int = 0
    batch: int = 0
    since: int = 0
    version: int = field(default=0, compare=False)
    used_at_most: int | None = None

    @property
    def waits(self) -> int:
        """The number of videos that wait."""
        return self.interactive + self.batch

    def with_more(self, number: int, key: str, since: int | None = None) -> Line:
        """Return the line after `number` videos of this queue key's priority have joined, or have left if negative."""
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
    """The places that are taken, the lines of the owners whose videos wait for one, and Wan's statements about it.

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
        """The owners with a waiting video."""
        return frozenset(line.owner for line in self.lines if line.waits)
