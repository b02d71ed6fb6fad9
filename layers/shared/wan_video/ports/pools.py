"""Places, lines and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wan_video.domain.budget import DayUsage
    from wan_video.domain.pool import Line, Place, Pool
    from wan_video.domain.queue import QueueItem
    from wan_video.domain.video import Video


class Pools(Protocol):
    """Places and queues, read strongly unless said otherwise."""

    def read(self, names: Sequence[str]) -> Sequence[Pool]:
        """Return the named pools; each takes one query, or two if places were ever taken. Unused pools are empty."""
        ...

    def head(self, name: str, owner: str) -> QueueItem | None:
        """Return the queue item of the owner's next video, or None."""
        ...

    def remove_item(self, name: str, owner: str, item: QueueItem) -> None:
        """Remove a queue item whose video no longer waits, and count it out of its line."""
        ...

    def remove_line(self, name: str, line: Line) -> None:
        """Remove a line in which no video waits, unless it has changed since it was read."""
        ...

    def pass_over(self, name: str, line: Line, used_at_most: int) -> None:
        """Record how much the owner may have used for the next video to fit, unless the line has changed since."""
        ...

    def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        """Take the lease of a pool until a time (Unix seconds); return whether `holder` has it.

        If another dispatcher holds the lease, that one is asked to look again. A holder that takes its own lease again
        extends it, and is no longer asked.
        """
        ...

    def release(self, name: str, holder: str, *, asked: bool = False) -> bool:
        """End a lease; return False if the holder was asked to look again, or no longer holds the lease.

        With `asked` the lease ends even if the holder was asked, and the result is True.
        """
        ...

    def note_begun(self, name: str, video_id: str) -> None:
        """Record that the execution of a video was started; does nothing if the video no longer holds a place."""
        ...

    def give_back(self, name: str, video_id: str) -> None:
        """Free a place whose video does not hold it; freeing it again changes nothing."""
        ...

    def recount(self, pool: Pool) -> None:
        """Set a pool's count to the number of its places, unless a start or an end has changed it since."""
        ...

    def move(self, name: str, earlier: frozenset[str], places: Sequence[Place]) -> None:
        """Replace ids that an earlier release recorded by `places`, as many as fit into one transaction.

        Does nothing if the recorded ids are no longer `earlier`. The next read returns the ids that remain.
        """
        ...

    def used_by(self, owners: Sequence[str], day: str) -> Mapping[str, int]:
        """Return the seconds of a day's budget that are spent or reserved, by owner; 0 if nothing is."""
        ...

    def usage(self, owner: str, first: str, last: str) -> Sequence[DayUsage]:
        """Return what an owner used from the first to the last day (at most 31), without days without usage."""
        ...

    def position(self, video: Video) -> int:
        """Return the number of the owner's videos ahead of this one in its queue, at most POSITION_LIMIT.

        The number is eventually consistent, and only shown to users.
        """
        ...
