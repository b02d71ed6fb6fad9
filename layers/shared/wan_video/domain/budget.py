"""Budgets: reserved and spent seconds of video, and their list price, by UTC day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from wan_video.domain.models import CURRENCY
from wan_video.domain.periods import DAY_SECONDS

STACK: Final = "*"
"""The name under which the budget of the whole stack is stored."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The seconds that are reserved in the budgets of one UTC day."""

    day: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The seconds of video that Wan bills, rounded up to whole ones, and the list price of the seconds that it states.

    `exact` contains the seconds if they are not a whole number. `price` is None if the price of a second is not known.
    `aspect_ratio` is the one that Wan chose if the request left the shape to it.
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
    """The usage of one owner on one UTC day: seconds reserved by running videos, seconds spent, and their list price.

    `beyond_estimate` is the number of seconds spent minus the number estimated for the same videos. `unpriced` is the
    number of spent seconds whose price is not known; `price` does not include them.
    """

    day: str
    reserved: int
    spent: int
    price: Decimal
    beyond_estimate: int = 0
    unpriced: int = 0


def utc_day(now: float) -> str:
    """Return the UTC day (YYYY-MM-DD) of a time in Unix seconds."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def next_day(now: float) -> int:
    """Return when the next day's budget begins, in Unix seconds."""
    return int(now // DAY_SECONDS + 1) * DAY_SECONDS
