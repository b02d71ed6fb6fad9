"""Waiting for a condition: how a test meets what other processes and threads do, on a machine of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 300.0
"""Seconds after which what a test waits for will not come: far more than a machine under a load of 15 needs."""

LOOK_SECONDS: Final = 0.05


def until(found: Callable[[], T | None], what: str, *, every: float = LOOK_SECONDS, within: float = PATIENCE) -> T:
    """Look every `every` seconds until there is something to return; `False` and `None` are nothing.

    Raises AssertionError, which names `what`, after `within` seconds.
    """
    deadline = time.monotonic() + within
    while (result := found()) is None or result is False:
        assert time.monotonic() < deadline, f"{what} has not come within {within:.0f} seconds"
        time.sleep(every)
    return result
