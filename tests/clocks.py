"""Move the clock of a running stack, so that tests do not have to wait for days."""

from __future__ import annotations


def ahead(clock: str, seconds: float) -> str:
    """Return the clock `<speed>@<origin>`, whose speed is not 1, moved ahead by `seconds` of its own."""
    speed, _, origin = clock.partition("@")
    return f"{speed}@{float(origin) - seconds / (float(speed) - 1):.3f}"
