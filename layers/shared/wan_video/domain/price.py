"""The price of a video: its seconds times the price of a second in Wan's price list or in the stack's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """The expected price of a request, in `currency`; `seconds` is a whole number, as in budgets.

    `price` is None if the price of a second is not known, and `priced_on` is empty if a parameter of the stack sets
    it. `unconfirmed` is True if the price was not published by Wan.
    """

    seconds: int
    price: Decimal | None = None
    currency: str = CURRENCY
    priced_on: str = ""
    unconfirmed: bool | None = None


def total(estimates: Sequence[Estimate]) -> Estimate | None:
    """Return the sum of estimates in one currency, or None if there are none; one unknown price makes it unknown."""
    if not estimates:
        return None
    prices = [each.price for each in estimates if each.price is not None]
    return Estimate(
        seconds=sum(each.seconds for each in estimates),
        price=sum(prices, Decimal(0)) if len(prices) == len(estimates) else None,
        currency=estimates[0].currency,
        priced_on=min((each.priced_on for each in estimates if each.priced_on), default=""),
        unconfirmed=any(each.unconfirmed for each in estimates) or None,
    )


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one second; the other fields are those of an `Estimate`."""

    amount: Decimal
    priced_on: str = ""
    unconfirmed: bool | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a second; those in `own`, which the stack sets itself, take precedence, with or without sound."""

    own: Mapping[tuple[Region, str, Tier], Decimal] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Read `region/model/tier=amount,...` (CNY per second). Raises ValueError."""
        own: dict[tuple[Region, str, Tier], Decimal] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, amount = part.partition("=")
            parts = name.split("/")
            if not equals or len(parts) != 3 or not amount.replace(".", "", 1).isdecimal() or not amount.isascii():
                raise ValueError(f"not region/model/tier=amount: {part!r}")
            own[Region(parts[0]), parts[1], Tier(parts[2])] = Decimal(amount)
        return cls(own)

    def of(self, model: Model, region: Region, tier: Tier, *, audio: bool | None = None) -> UnitPrice | None:
        """Return the price of a second, or None if it is not known; `audio` is False for a video without sound.

        Raises KeyError if the region does not offer the model, or if the model does not have the tier.
        """
        offer, _ = model.regions[region], model.sizes[tier]
        if (region, model.name, tier) in self.own:
            return UnitPrice(self.own[region, model.name, tier])
        listed = offer.silent_prices if audio is False and offer.silent_prices is not None else offer.prices
        amount = listed.get(tier)
        return None if amount is None else UnitPrice(amount, offer.priced_on, None if offer.confirmed else True)


REGISTRY_PRICES: Final = Prices()
"""The prices of the registry, without prices of a stack."""


def estimate(
    model: Model,
    region: Region,
    tier: Tier,
    seconds: int,
    prices: Prices = REGISTRY_PRICES,
    *,
    audio: bool | None = None,
) -> Estimate:
    """Return the estimate for `seconds` of video; `audio` is False for a video without sound.

    Raises KeyError if the region does not offer the model or tier.
    """
    unit = prices.of(model, region, tier, audio=audio)
    if unit is None:
        return Estimate(seconds)
    return Estimate(seconds, unit.amount * seconds, CURRENCY, unit.priced_on, unit.unconfirmed)


def bill(unit: UnitPrice | None, stated: Decimal | int) -> Usage:
    """Return what Wan bills for the seconds it states; they are rounded up for budgets, but the price is exact."""
    seconds = ceil(stated)
    exact = None if stated == seconds else Decimal(stated).normalize()
    price = None if unit is None else unit.amount * (seconds if exact is None else exact)
    return Usage(seconds, price, CURRENCY, exact)


def days_old(priced_on: str, now: float) -> int:
    """Return the days from the day of a price list (YYYY-MM-DD) to `now` (Unix seconds)."""
    return (datetime.fromtimestamp(now, UTC).date() - date.fromisoformat(priced_on)).days


def is_old(priced_on: str, now: float) -> bool:
    """Return whether a price list is so old that its prices should be compared with Wan's."""
    return days_old(priced_on, now) > OLD_DAYS
