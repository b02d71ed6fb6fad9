"""The time of the stack."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The time of the stack."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def unix_seconds(self) -> int:
        """Unix seconds without their fraction, as rows and records keep them."""
        ...

    def real(self) -> float:
        """Unix seconds of real time, by which callers and their SDKs go."""
        ...

    def real_seconds(self, seconds: float) -> float:
        """Convert seconds of this clock to real seconds."""
        ...
