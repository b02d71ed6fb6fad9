"""Wait for a condition that other processes or threads bring about, on a machine of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 300.0
"""Seconds after which a test stops waiting: far more than a machine under a load of 15 needs."""

LOOK_SECONDS: Final = 0.05


def until(found: Callable[[], T | None], what: str, *, every: float = LOOK_SECONDS, within: float = PATIENCE) -> T:
    """Call `found` every `every` seconds until it returns something other than `False` and `None`, and return that.

    Raises AssertionError, which names `what`, after `within` seconds.
    """
    deadline = time.monotonic() + within
    while (result := found()) is None or result is False:
        assert time.monotonic() < deadline, f"{what} did not happen within {within:.0f} seconds"
        time.sleep(every)
    return result
