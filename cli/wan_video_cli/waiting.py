"""Wait for a video or a batch to end: at the API's pace, through short outages, and always with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from wan_video_cli.api import Document, Reading
from wan_video_cli.errors import CommandError, Interrupted, Refused, StillUnderWay, Unreachable
from wan_video_cli.words import VIDEO, Words, is_final, span

DAY: Final = 24 * 3600.0
PACE: Final = 15.0
"""Seconds between two reads if neither the user nor the API sets an interval."""

SOON: Final = 1.0
"""Seconds before the first read, which returns the API's own interval."""

MISSES: Final = 20
"""The most reads in a row that may fail; at the usual interval, five minutes without a connection."""


class Watcher(Protocol):
    """Receives every read."""

    def seen(self, now: Document) -> None:
        """Receive the current state."""
        ...

    def missed(self, error: CommandError) -> None:
        """Receive the error of a failed read, which will be repeated."""
        ...


def wait(
    read: Callable[[], Reading],
    now: Document,
    watcher: AbstractContextManager[Watcher],
    *,
    words: Words = VIDEO,
    timeout: float = DAY,
    every: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Document:
    """Read a video or batch, `now` at first, until it has ended or `timeout` seconds have passed.

    `every` replaces the API's own interval in seconds. Raises StillUnderWay, Interrupted, Refused and
    Unreachable, each of which says how to continue.
    """
    deadline = clock() + timeout
    misses = 0
    next_reading: float | None = every if every is not None else SOON
    try:
        with watcher as shown:
            shown.seen(now)
            while not is_final(now):
                left = deadline - clock()
                if left <= 0:
                    raise StillUnderWay(
                        f"{now['id']} is still under way after {span(timeout)}: {words.standing(now)}.",
                        words.go_on(now),
                        document=now,
                    )
                pause(min(next_reading if next_reading is not None else PACE, left))
                try:
                    reading = read()
                except (Refused, Unreachable) as error:
                    misses += 1
                    if misses > MISSES or (isinstance(error, Refused) and not error.passing):
                        error.remedy = f"{error.remedy} {words.go_on(now)}".strip()
                        raise
                    shown.missed(error)
                    continue
                now, misses = reading.document, 0
                next_reading = every if every is not None else reading.ask_again
                shown.seen(now)
    except KeyboardInterrupt:
        raise Interrupted(
            f"{now['id']} continues without this command: {words.standing(now)}.", words.go_on(now), document=now
        ) from None
    return now
