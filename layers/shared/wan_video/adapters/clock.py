"""The stack's clock: real time, or the local stack's faster one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """Time that runs `speed` times as fast since `origin` (Unix seconds); speed 1 is real time."""

    speed: float = 1.0
    origin: float = 0.0
    real: Callable[[], float] = time.time

    @classmethod
    def parse(cls, text: str) -> ScaledClock:
        """Read `<speed>@<origin>`; an empty text is real time. Raises ValueError for anything else."""
        if not text:
            return cls()
        speed, _, origin = text.partition("@")
        return cls(float(speed), float(origin))

    def now(self) -> float:
        """Return the time in Unix seconds."""
        return self.at(self.real())

    def unix_seconds(self) -> int:
        """Return the time in whole Unix seconds, as rows and records store it."""
        return int(self.now())

    def at(self, real: float) -> float:
        """Return what this clock shows at a real time; both are in Unix seconds."""
        return self.origin + (real - self.origin) * self.speed

    def real_seconds(self, seconds: float) -> float:
        """Convert stack seconds to real seconds; a stopped clock converts one to one."""
        return seconds / (self.speed or 1.0)
