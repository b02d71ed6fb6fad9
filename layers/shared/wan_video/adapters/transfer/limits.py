"""The bounds of a copy: sizes, counts and times."""

from __future__ import annotations

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
    """The size of the first range; a video that fits into it is held in memory and stored with one PUT."""
    part_bytes: int = 16 * MIB
    """The longest part, which has to be fetched again if S3 refuses it."""
    smallest_part: int = 5 * MIB
    """The smallest part that S3 accepts, except for the last one ("Multipart upload limits")."""
    chunk_bytes: int = MIB // 2
    chunk_seconds: float = 5.0
    """With `chunk_bytes`: the bytes, or the time, after which a connection passes data on; S3 ends silent uploads."""
    streams: int = 8
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


def spans(total: int, limits: Limits) -> list[tuple[int, int]]:
    """Split `total` bytes into parts, as first and last byte: the head, and the rest evenly for all streams."""
    rest = total - limits.head_bytes
    # The head is one of the first round's parts.
    rounds = 1
    while rest > (rounds * limits.streams - 1) * limits.part_bytes:
        rounds += 1
    size = max(limits.smallest_part, -(-rest // max(1, rounds * limits.streams - 1)))
    firsts = [0, *range(limits.head_bytes, total, size)]
    return [(first, end - 1) for first, end in zip(firsts, [*firsts[1:], total], strict=True)]
