"""What a video costs: the price of a second, by Wan's price list or by the stack's own, times the seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from math import ceil
from typing import Final

from wan_video.domain.budget import Usage
from wan_video.domain.models import CURRENCY, Model, Region, Tier

OLD_DAYS: Final = 180
"""Days after which prices count as old."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a request is expected to cost, in `currency`; `seconds` are whole, as budgets count them.

    `price` is None if the price of a second is not known, `priced_on` empty where the stack's own parameter states
    it. `unconfirmed` is True where the price is not Wan's own statement.
    """

    seconds: int
    price: Decimal | None = None
    currency: str = CURRENCY
    priced_on: str = ""
    unconfirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one second; the other fields are those of an `Estimate`."""

    amount: Decimal
    priced_on: str = ""
    unconfirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The price of a second of everything; `own` are those that a stack states itself, which come first."""

    own: Mapping[tuple[Region, str, Tier], Decimal] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Read `region/model/tier=amount,...` (CNY per second); raises ValueError."""
        own: dict[tuple[Region, str, Tier], Decimal] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, amount = part.partition("=")
            parts = name.split("/")
            if not equals or len(parts) != 3 or not amount.replace(".", "", 1).isdecimal() or not amount.isascii():
                raise ValueError(f"not region/model/tier=amount: {part!r}")
            own[Region(parts[0]), parts[1], Tier(parts[2])] = Decimal(amount)
        return cls(own)

    def of(self, model: Model, region: Region, tier: Tier) -> UnitPrice | None:
        """The price of a second, or None where none is known.

        Raises KeyError where the region does not offer the model, or the model does not have the tier.
        """
        offer, _ = model.regions[region], model.sizes[tier]
        if (region, model.name, tier) in self.own:
            return UnitPrice(self.own[region, model.name, tier])
        amount = offer.prices.get(tier)
        return None if amount is None else UnitPrice(amount, offer.priced_on, None if offer.confirmed else True)


REGISTRY_PRICES: Final = Prices()
"""The prices of the registry, as they are."""


def estimate(model: Model, region: Region, tier: Tier, seconds: int, prices: Prices = REGISTRY_PRICES) -> Estimate:
    """Price `seconds` of video; raises KeyError where the region does not offer the model or the tier."""
    unit = prices.of(model, region, tier)
    if unit is None:
        return Estimate(seconds)
    return Estimate(seconds, unit.amount * seconds, CURRENCY, unit.priced_on, unit.unconfirmed)


def bill(unit: UnitPrice | None, stated: Decimal | int) -> Usage:
    """What Wan bills for the seconds that it states: whole ones, rounded up, for budgets; the price is exact."""
    seconds = ceil(stated)
    exact = None if stated == seconds else Decimal(stated).normalize()
    price = None if unit is None else unit.amount * (seconds if exact is None else exact)
    return Usage(seconds, price, CURRENCY, exact)


def days_old(priced_on: str, now: float) -> int:
    """Days from the day of a price list (YYYY-MM-DD) to `now` (Unix seconds)."""
    return (datetime.fromtimestamp(now, UTC).date() - date.fromisoformat(priced_on)).days


def is_old(priced_on: str, now: float) -> bool:
    """Whether a price list is so old that its prices should be compared with Wan's."""
    return days_old(priced_on, now) > OLD_DAYS
