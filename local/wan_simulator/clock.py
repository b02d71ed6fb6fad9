"""The simulator's clock: real time, or time that runs faster, stands still, or is moved by a test."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

WAN_ZONE: Final = timezone(timedelta(hours=8))
"""The zone of the times in Wan's answers (UTC+8), which they do not state."""


@dataclass(slots=True)
class Clock:
    """Epoch seconds that pass `speed` times as fast as real ones since `origin`; speed 0 stands still."""

    speed: float = 1.0
    origin: float = 0.0
    real: Callable[[], float] = field(default=time.time, repr=False)
    _moved: float = field(default=0.0, init=False)

    @classmethod
    def parse(cls, text: str) -> Clock:
        """Read `<speed>@<origin epoch seconds>`, empty for real time; raises ValueError for anything else."""
        if not text:
            return cls()
        speed, _, origin = text.partition("@")
        clock = cls(float(speed), float(origin))
        if not clock.speed >= 0:
            raise ValueError(text)
        return clock

    def now(self) -> float:
        """The present moment in epoch seconds of this clock."""
        return self.origin + (self.real() - self.origin) * self.speed + self._moved if self.speed else self._still()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds` at once; raises ValueError for a step back."""
        if not seconds >= 0:
            raise ValueError(seconds)
        self._moved += seconds

    def _still(self) -> float:
        return self.origin + self._moved


def wan_time(moment: float) -> str:
    """The way Wan writes `moment` (epoch seconds): `YYYY-MM-DD HH:mm:ss.SSS`, in UTC+8 and without saying so."""
    return datetime.fromtimestamp(moment, WAN_ZONE).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def http_date(moment: float) -> str:
    """`moment` (epoch seconds) as HTTP headers write it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
