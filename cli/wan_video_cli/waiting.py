"""Waiting for a video to end: at the API's pace, through short outages, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Protocol

from wan_video_cli.api import Document, Reading
from wan_video_cli.errors import CommandError, Interrupted, Refused, StillUnderWay, Unreachable
from wan_video_cli.words import is_final, span, standing

DAY: Final = 24 * 3600.0
PACE: Final = 15.0
"""Seconds between two readings where neither the user nor the API says otherwise."""

MISSES: Final = 20
"""Readings in a row that may fail; at the usual pace that is five minutes without a connection."""


class Watcher(Protocol):
    """Is shown every reading."""

    def seen(self, video: Document) -> None:
        """The video as it is now."""
        ...

    def missed(self, error: CommandError) -> None:
        """It could not be read this time; it will be tried again."""
        ...


def wait(
    read: Callable[[], Reading],
    video: Document,
    watcher: AbstractContextManager[Watcher],
    *,
    timeout: float = DAY,
    every: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Document:
    """Read a video until it has ended, for at most `timeout` seconds; gives it as it ended, however that is.

    `every` is the pace in seconds instead of the API's own. Raises StillUnderWay, Interrupted, Refused and
    Unreachable, each of which says how to go on.
    """
    deadline = clock() + timeout
    misses, next_reading = 0, every
    try:
        with watcher as shown:
            shown.seen(video)
            while not is_final(video):
                left = deadline - clock()
                if left <= 0:
                    raise StillUnderWay(
                        f"{video['id']} is still under way after {span(timeout)}: {standing(video)}.",
                        _go_on(video),
                        document=video,
                    )
                pause(min(next_reading if next_reading is not None else PACE, left))
                try:
                    reading = read()
                except (Refused, Unreachable) as error:
                    misses += 1
                    if misses > MISSES or (isinstance(error, Refused) and not error.passing):
                        error.remedy = f"{error.remedy} {_go_on(video)}".strip()
                        raise
                    shown.missed(error)
                    continue
                video, misses = reading.video, 0
                next_reading = every if every is not None else reading.ask_again
                shown.seen(video)
    except KeyboardInterrupt:
        raise Interrupted(
            f"{video['id']} goes on without you: {standing(video)}.", _go_on(video), document=video
        ) from None
    return video


def _go_on(video: Document) -> str:
    stop = f" `wan-video cancel {video['id']}` ends it while it is queued." if video["status"] == "queued" else ""
    return f"`wan-video wait {video['id']}` goes on waiting.{stop}"
