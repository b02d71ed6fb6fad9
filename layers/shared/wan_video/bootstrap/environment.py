"""What the environment decides, read when it is first asked for."""

from __future__ import annotations

from functools import cache

from wan_video.adapters.clock import ScaledClock
from wan_video.settings import Settings


@cache
def settings() -> Settings:
    """The function's environment."""
    return Settings.from_environment()


@cache
def clock() -> ScaledClock:
    """The stack's clock."""
    return ScaledClock.parse(settings().optional("CLOCK"))
