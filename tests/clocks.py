"""Moving the clock of a running stack: days of waiting that a test need not wait for."""

from __future__ import annotations


def ahead(clock: str, seconds: float) -> str:
    """The clock `<speed>@<origin>`, whose speed is not 1, so much further ahead (`seconds` of its own)."""
    speed, _, origin = clock.partition("@")
    return f"{speed}@{float(origin) - seconds / (float(speed) - 1):.3f}"
