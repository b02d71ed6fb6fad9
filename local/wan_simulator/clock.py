"""The simulator's clock: real time, or time that runs faster, is stopped, or is moved by a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

WAN_ZONE: Final = timezone(timedelta(hours=8))
"""The zone of the times in Wan's answers, which do not name it (UTC+8)."""


@dataclass(slots=True)
class Clock:
    """Epoch seconds that pass `speed` times as fast as real ones since `origin`; speed 0 stops the clock."""

    speed: float = 1.0
    origin: float = 0.0
    real: Callable[[], float] = field(default=time.time, repr=False)
    _moved: float = field(default=0.0, init=False)

    @classmethod
    def parse(cls, text: str) -> Clock:
        """Read `<speed>@<origin epoch seconds>`; an empty text is real time. Raises ValueError for anything else."""
        if not text:
            return cls()
        speed, _, origin = text.partition("@")
        clock = cls(float(speed), float(origin))
        if not clock.speed >= 0:
            raise ValueError(text)
        return clock

    def now(self) -> float:
        """Return the current time in epoch seconds of this clock."""
        return self.origin + (self.real() - self.origin) * self.speed + self._moved if self.speed else self._still()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds` at once; raises ValueError for a negative number."""
        if not seconds >= 0:
            raise ValueError(seconds)
        self._moved += seconds

    def _still(self) -> float:
        return self.origin + self._moved


def wan_time(moment: float) -> str:
    """Format `moment` (epoch seconds) as Wan does: `YYYY-MM-DD HH:mm:ss.SSS`, in UTC+8 without a zone."""
    return datetime.fromtimestamp(moment, WAN_ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def http_date(moment: float) -> str:
    """Format `moment` (epoch seconds) as in an HTTP header."""
    return datetime.fromtimestamp(moment, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
