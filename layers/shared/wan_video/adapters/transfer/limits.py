"""How much, how often and how long: every bound of a copy."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

from wan_video.errors import DeliveryInterrupted

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, times (seconds) and counts; the defaults are the product's, others are for tests."""

    video_bytes: int = 1024 * MIB
    head_bytes: int = 8 * MIB
    """What is asked for first: a video that fits is held in memory and stored by one PUT."""
    part_bytes: int = 16 * MIB
    """The longest part: all that has to be fetched again where S3 refuses one."""
    smallest_part: int = 5 * MIB
    """The smallest that S3 takes, but for the last one ("Multipart upload limits")."""
    chunk_bytes: int = MIB // 2
    chunk_seconds: float = 5.0
    """What a line hands on at once: so many bytes, or those of so long, for S3 hangs up on a silent upload."""
    streams: int = 8
    connect: float = 5.0
    source_silence: float = 20.0
    store_silence: float = 60.0
    fruitless: int = 4
    """Requests to the source in a row that bring no byte; `pause`, doubled each time, lies between them.

    A host that names a longer time (`Retry-After`) gets it, up to `longest_pause`.
    """
    longest_pause: float = 10.0
    resumptions: int = 1000
    """Connections of one copy that broke off and were taken up again, fruitful or not."""
    renewals: int = 2
    """Links that are asked for again because one was refused."""
    part_attempts: int = 4
    pause: float = 0.2


class Tally:
    """How often what was tried again, by name; threads share it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, most: int | None = None, code: str = "") -> None:
        """Count one more; raises DeliveryInterrupted with `code` where that is too often."""
        with self._lock:
            self.counts[name] += 1
            if most is not None and self.counts[name] > most:
                raise DeliveryInterrupted(code, f"{name}: more than {most} times.")


def spans(total: int, limits: Limits) -> list[tuple[int, int]]:
    """Cut `total` bytes into parts, as first and last byte: the head, and the rest evenly for all streams."""
    rest = total - limits.head_bytes
    # The head is one of the first round's parts.
    rounds = 1
    while rest > (rounds * limits.streams - 1) * limits.part_bytes:
        rounds += 1
    size = max(limits.smallest_part, -(-rest // max(1, rounds * limits.streams - 1)))
    firsts = [0, *range(limits.head_bytes, total, size)]
    return [(first, end - 1) for first, end in zip(firsts, [*firsts[1:], total], strict=True)]
