"""Prices: unit price times seconds, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from wan_video.domain.models import MODELS, Region, Tier
from wan_video.domain.price import Estimate, Prices, estimate


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


@pytest.mark.parametrize(("audio", "price"), [(True, "1.834810"), (None, "1.834810"), (False, "0.917405")])
def test_only_wan26_flash_costs_less_without_sound(audio: bool | None, price: str) -> None:
    flash, other = MODELS["wan2.6-i2v-flash"], MODELS["wan2.6-i2v"]
    assert estimate(flash, Region.SINGAPORE, Tier.P720, 5, audio=audio).price == Decimal(price)
    assert estimate(other, Region.SINGAPORE, Tier.P720, 5, audio=audio).price == Decimal("3.669620")


def test_a_price_of_the_stack_holds_with_and_without_sound() -> None:
    own = Prices.parse("singapore/wan2.6-i2v-flash/720P=0.1")
    flash = MODELS["wan2.6-i2v-flash"]
    prices = [estimate(flash, Region.SINGAPORE, Tier.P720, 5, own, audio=audio) for audio in (True, False)]
    assert [price.price for price in prices] == [Decimal("0.5")] * 2


def test_a_model_or_tier_that_a_region_does_not_offer_has_no_price() -> None:
    with pytest.raises(KeyError):
        estimate(MODELS["wan2.2-t2v-plus"], Region.BEIJING, Tier.P720, 5)
    with pytest.raises(KeyError):
        estimate(MODELS["wan2.2-t2v-plus"], Region.FRANKFURT, Tier.P480, 5)
