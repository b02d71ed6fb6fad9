"""Prices: unit price times seconds, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from wan_video.domain.models import MODELS, Region, Tier
from wan_video.domain.price import Estimate, estimate


@pytest.mark.parametrize(
    ("model", "region", "tier", "seconds", "price"),
    [
        ("wan2.6-t2v", Region.SINGAPORE, Tier.P720, 5, "3.669620"),
        ("wan2.6-t2v", Region.BEIJING, Tier.P1080, 15, "15.0"),
        ("wan2.5-t2v-preview", Region.SINGAPORE, Tier.P480, 10, "3.669610"),
        ("wan2.2-t2v-plus", Region.BEIJING, Tier.P480, 5, "0.70"),
        ("wan2.1-t2v-plus", Region.SINGAPORE, Tier.P720, 5, "3.669620"),
    ],
)
def test_a_video_costs_its_seconds_times_the_unit_price(
    model: str, region: Region, tier: Tier, seconds: int, price: str
) -> None:
    assert estimate(MODELS[model], region, tier, seconds) == Estimate(seconds, Decimal(price), "CNY", "2026-06-01")


def test_a_model_or_tier_that_a_region_does_not_offer_has_no_price() -> None:
    with pytest.raises(KeyError):
        estimate(MODELS["wan2.2-t2v-plus"], Region.BEIJING, Tier.P720, 5)
    with pytest.raises(KeyError):
        estimate(MODELS["wan2.2-t2v-plus"], Region.FRANKFURT, Tier.P480, 5)
