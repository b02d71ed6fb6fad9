"""What is reserved and spent: seconds of video and their list price, by UTC days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from wan_video.domain.models import CURRENCY
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
    """What Wan bills: seconds of video, rounded up to whole ones, and the list price of those that it states.

    `exact` are those where they are no whole number. `price` is None if the price of a second is not known.
    `aspect_ratio` is what Wan made of a request that left the shape to it.
    """

    seconds: int
    price: Decimal | None = None
    currency: str = CURRENCY
    exact: Decimal | None = None
    aspect_ratio: str | None = None

    @property
    def stated(self) -> Decimal:
        """The seconds as Wan states them."""
        return Decimal(self.seconds) if self.exact is None else self.exact


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What one owner uses of one UTC day: seconds reserved by what runs, seconds spent, and their list price.

    `beyond_estimate` is by how much the seconds spent are more (or, below 0, less) than was estimated for the same
    videos; `unpriced` are spent seconds whose price is not known; `price` does not include them.
    """

    day: str
    reserved: int
    spent: int
    price: Decimal
    beyond_estimate: int = 0
    unpriced: int = 0


def utc_day(now: float) -> str:
    """The day that budgets go by, of a moment in Unix seconds."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def next_day(now: float) -> int:
    """When the next day's budget begins, in Unix seconds."""
    return int(now // DAY_SECONDS + 1) * DAY_SECONDS
