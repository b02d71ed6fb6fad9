"""The time of the stack."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The time of the stack."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def real(self) -> float:
        """Unix seconds of real time, in which callers and their SDKs live."""
        ...

    def real_seconds(self, seconds: float) -> float:
        """How long so many of its seconds last for whoever waits outside."""
        ...
