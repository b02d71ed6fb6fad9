"""The bounds of a copy: sizes, counts and times."""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

from wan_video.errors import DeliveryInterrupted

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, times (seconds) and counts; the defaults are for the product, and tests use others."""

    video_bytes: int = 1024 * MIB
    head_bytes: int = 8 * MIB
    """The size of the first range of a near source; a video that fits into it is stored with one PUT."""
    far_head_bytes: int = MIB
    """The size of the first range of a far source, while whose bytes arrive the other connections open."""
    near_seconds: float = 0.03
    """The longest time in which a connection to a near source opens, which takes two round trips and a handshake."""
    part_bytes: int = 16 * MIB
    """The longest part, which has to be fetched again if S3 refuses it; a far video that fits into one is one PUT."""
    smallest_part: int = 5 * MIB
    """The smallest part that S3 accepts, except for the last one ("Multipart upload limits")."""
    chunk_bytes: int = MIB // 4
    chunk_seconds: float = 5.0
    """With `chunk_bytes`: the bytes, or the time, after which a connection passes data on; S3 ends silent uploads."""
    streams: int = 8
    fewest_streams: int = 2
    enough: int = 200_000_000
    """Bytes a second that all streams from a near source together have to reach, judging by the first chunk."""
    connect: float = 5.0
    source_silence: float = 20.0
    store_silence: float = 60.0
    fruitless: int = 4
    """Successive requests to the source that return no byte; the pause between them starts at `pause` and doubles.

    A host that asks for a longer pause (`Retry-After`) gets it, up to `longest_pause`.
    """
    longest_pause: float = 10.0
    resumptions: int = 1000
    """Connections of one copy that were cut and resumed."""
    renewals: int = 2
    """Links that are requested again because one was refused."""
    part_attempts: int = 4
    pause: float = 0.2

    def head(self, opening: float) -> int:
        """Return the size of the first range if a connection opened in this time."""
        return self.head_bytes if self.is_near(opening) else min(self.head_bytes, self.far_head_bytes)

    def is_near(self, opening: float) -> bool:
        """Return whether a source is near if a connection to it opened in this time."""
        return opening <= self.near_seconds

    def streams_at(self, rate: float) -> int:
        """Return how many streams to use if one reads `rate` bytes a second from a near source."""
        wanted = math.ceil(self.enough / rate) if rate else self.streams
        return min(self.streams, max(self.fewest_streams, wanted))


class Tally:
    """The counts of retries by name, shared by threads."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, most: int | None = None, code: str = "") -> None:
        """Add one to the count; raises DeliveryInterrupted with `code` above `most`."""
        with self._lock:
            self.counts[name] += 1
            if most is not None and self.counts[name] > most:
                raise DeliveryInterrupted(code, f"{name}: more than {most} times.")


def spans(total: int, head: int, streams: int, limits: Limits) -> list[tuple[int, int]]:
    """Split `total` bytes evenly for all streams into parts of at least `head`, each as its first and last byte."""
    rounds = max(1, -(-total // (streams * limits.part_bytes)))
    size = max(limits.smallest_part, head, -(-total // (rounds * streams)))
    return _cut(0, total, size)


def ranges(first: int, total: int, limits: Limits) -> list[tuple[int, int]]:
    """Split what follows the `first` bytes evenly for all streams, in ranges of at least a chunk."""
    return _cut(first, total, max(limits.chunk_bytes, -(-(total - first) // limits.streams)))


def _cut(first: int, total: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, total) - 1) for start in range(first, total, size)]
