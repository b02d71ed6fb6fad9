"""The period for which a stack keeps videos and batches that have ended: a number of days, or indefinitely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wan_video.domain.periods import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Retention:
    """The number of days for which something is kept after its end; 0 keeps it indefinitely. Times are Unix seconds."""

    days: int = 0

    def expires_at(self, ended_at: int | None) -> int | None:
        """Return when the retention ends; None for something that has not ended, or is kept indefinitely."""
        return ended_at + self.days * DAY_SECONDS if self.days and ended_at is not None else None

    def is_over(self, ended_at: int | None, now: float) -> bool:
        """Return whether something that ended then is no longer kept."""
        until = self.expires_at(ended_at)
        return until is not None and now >= until


FOR_EVER: Final = Retention()
