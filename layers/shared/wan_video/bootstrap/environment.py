"""The objects that the environment configures, created when they are first used."""

from __future__ import annotations

from functools import cache

from wan_video.adapters.clock import ScaledClock
from wan_video.settings import Settings


@cache
def settings() -> Settings:
    """Return the settings of the function."""
    return Settings.from_environment()


@cache
def clock() -> ScaledClock:
    """Return the stack's clock."""
    return ScaledClock.parse(settings().optional("CLOCK"))
