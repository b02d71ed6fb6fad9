"""The order of a queue: interactive before batch, then by time, then by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

POSITION_LIMIT: Final = 1000
"""The maximum number of videos ahead of a queued video that are counted for its position."""

INTERACTIVE: Final = 0
BATCH: Final = 1


@dataclass(frozen=True, slots=True)
class QueueItem:
    """The next video of one owner in one pool."""

    video_id: str
    key: str


def queue_key(priority: int, now: float, video_id: str, row: int = 0) -> str:
    """Return the sort key of a video in its queue: interactive before batch, then by time (Unix seconds) and row."""
    return f"{priority}#{int(now * 1000):015d}#{row:06d}#{video_id}"


def priority(key: str) -> int:
    """Return the priority in a queue key: INTERACTIVE or BATCH."""
    return int(key.split("#", 1)[0])


def queued_at(key: str) -> int:
    """Return when the video with a queue key joined its queue, in Unix milliseconds."""
    return int(key.split("#", 2)[1])


def waits_since(started_at: int) -> int:
    """Return since when an owner waits, in Unix milliseconds, whose video was started at `started_at`.

    The time (Unix seconds) is rounded up, so the owner waits behind all others who began to wait in that second.
    """
    return 1000 * (started_at + 1)
