"""What is reserved and spent: seconds of video and their list price, by UTC days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from wan_video.domain.periods import DAY_SECONDS

STACK: Final = "*"
"""The owner under which the budget of the whole stack is kept."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Seconds set aside in the budgets of one UTC day."""

    day: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What Wan bills: seconds of video, and their list price."""

    seconds: int
    price: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What one owner uses of one UTC day: seconds reserved by what runs, seconds spent, and their list price."""

    day: str
    reserved: int
    spent: int
    price: Decimal


def utc_day(now: float) -> str:
    """The day that budgets go by, of a moment in Unix seconds."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def next_day(now: float) -> int:
    """When the next day's budget begins, in Unix seconds."""
    return int(now // DAY_SECONDS + 1) * DAY_SECONDS
