"""The time of the stack."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The time of the stack."""

    def now(self) -> float:
        """Return the time in Unix seconds."""
        ...

    def unix_seconds(self) -> int:
        """Return the time in whole Unix seconds, as rows and records store it."""
        ...

    def real(self) -> float:
        """Return the real time in Unix seconds, which callers and their SDKs use."""
        ...

    def real_seconds(self, seconds: float) -> float:
        """Convert seconds of this clock to real seconds."""
        ...
