"""How an invocation of a function may end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from wan_video.domain.video import InvalidTransition

FAULTS_OF_CODE: Final = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    IndexError,
    InvalidTransition,
)
"""Errors of a function that no fault of a neighbour excuses."""


@dataclass(frozen=True)
class Outcome:
    """How an invocation ended: its value, or the name of its error."""

    value: Any = None
    error: str | None = None
    message: str = ""
