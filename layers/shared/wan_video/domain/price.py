"""What a video costs by Wan's price list: unit price times seconds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from wan_video.domain.models import CURRENCY, PRICED_ON, Model, Region, Tier


@dataclass(frozen=True, slots=True)
class Estimate:
    """The list price of a request, in `currency`, by the price list of the day `priced_on`."""

    seconds: int
    price: Decimal
    currency: str
    priced_on: str


def estimate(model: Model, region: Region, tier: Tier, seconds: int) -> Estimate:
    """Price `seconds` of video; raises KeyError where the region does not offer the model or the tier."""
    return Estimate(seconds, model.regions[region].prices[tier] * seconds, CURRENCY, PRICED_ON)
