"""How long a stack keeps what has ended: for ever, or for some days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wan_video.domain.periods import DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that something is kept after its end; 0 keeps it for ever. Times are Unix seconds."""

    days: int = 0

    def expires_at(self, ended_at: int | None) -> int | None:
        """When what ended then is kept no longer; None for what has not ended, or is kept for ever."""
        return ended_at + self.days * DAY_SECONDS if self.days and ended_at is not None else None

    def is_over(self, ended_at: int | None, now: float) -> bool:
        """Whether what ended then is kept no longer."""
        until = self.expires_at(ended_at)
        return until is not None and now >= until


FOR_EVER: Final = Retention()
