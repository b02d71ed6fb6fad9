"""Places, lines and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from wan_video.domain.budget import DayUsage
    from wan_video.domain.pool import Line, Place, Pool
    from wan_video.domain.queue import QueueItem
    from wan_video.domain.video import Video


class Pools(Protocol):
    """Places and queues, read strongly unless said otherwise."""

    def read(self, names: Collection[str]) -> Sequence[Pool]:
        """The named pools, each in one query, or in two where places are taken; unused ones are empty."""
        ...

    def head(self, name: str, owner: str) -> QueueItem | None:
        """The owner's next video, or None."""
        ...

    def remove_item(self, name: str, owner: str, item: QueueItem) -> None:
        """Remove a queue item whose video no longer waits, and count it out of its line."""
        ...

    def remove_line(self, name: str, line: Line) -> None:
        """Remove a line in which no video waits, unless it has changed since it was read."""
        ...

    def pass_over(self, name: str, line: Line, used_at_most: int) -> None:
        """Note what the next video of a line needs of its owner's day, unless the line has changed meanwhile."""
        ...

    def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        """Become the one dispatcher that starts videos of a pool, until a time (Unix seconds); whether that succeeded.

        Where another dispatcher holds the lease it is asked to look again. The holder may extend its own lease, which
        also forgets what it was asked.
        """
        ...

    def release(self, name: str, holder: str, *, asked: bool = False) -> bool:
        """End a lease; False where the holder was asked to look again, or no longer holds it.

        With `asked` it ends although the holder was asked; that is always True.
        """
        ...

    def note_begun(self, name: str, video_id: str) -> None:
        """Note that the execution of a video that holds a place was started, unless it no longer holds one."""
        ...

    def give_back(self, name: str, video_id: str) -> None:
        """Free a place that a video no longer has a claim to; giving it back again changes nothing."""
        ...

    def recount(self, pool: Pool) -> None:
        """Set a pool's count to the number of its places, unless a start or an end has changed it since it was read."""
        ...

    def move(self, name: str, earlier: frozenset[str], places: Sequence[Place]) -> None:
        """Write `places` in place of what an earlier release noted, as many as go into one transaction.

        Nothing is done if the pool's note is no longer `earlier`. The next reading shows what is left to move.
        """
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
