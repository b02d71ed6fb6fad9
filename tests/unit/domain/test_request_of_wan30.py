"""What may be asked of wan3.0: format, length and sound, its prices, and where it can be reached."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tools.harness.samples import DEFAULTS, fields
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import MODELS, Region, Tier
from wan_video.domain.price import Estimate, Prices, bill, days_old, is_old
from wan_video.domain.request import Defaults, VideoRequest, validate
from wan_video.errors import BudgetExceeded, InvalidRequest

WITH_WORKSPACE = replace(
    DEFAULTS, regions=(Region.SINGAPORE, Region.BEIJING, Region.HONGKONG), endpoints=Endpoints(workspace="ws-1")
)


def asked(defaults: Defaults = WITH_WORKSPACE, **wanted: Any) -> tuple[VideoRequest, Estimate]:
    return validate(fields(**{"model": "wan3.0-video", **wanted}), defaults, lambda: 42)


def problems(defaults: Defaults = WITH_WORKSPACE, **wanted: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        asked(defaults, **wanted)
    return {problem.name: problem.detail for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("wanted", "tier", "ratio", "size"),
    [
        ({}, "720P", "16:9", "1280x720"),
        ({"size": "1280x720"}, "720P", "16:9", "1280x720"),
        ({"size": "1080*1920"}, "1080P", "9:16", "1080x1920"),
        ({"size": "480x832"}, "480P", "9:16", "480x832"),
        ({"resolution": "720P"}, "720P", "16:9", "1280x720"),
        ({"resolution": "1080p", "aspect_ratio": "4:3"}, "1080P", "4:3", None),
        ({"aspect_ratio": "adaptive"}, "720P", "adaptive", None),
        ({"resolution": "480P", "aspect_ratio": "21:9"}, "480P", "21:9", None),
    ],
)
def test_a_size_names_resolution_and_aspect_ratio_and_adaptive_has_none(
    wanted: dict[str, Any], tier: str, ratio: str, size: str | None
) -> None:
    request, _ = asked(**wanted)
    assert (request.tier, request.resolution, request.ratio, request.aspect_ratio) == (tier, tier, ratio, ratio)
    assert (str(request.size) if request.size else None) == size
    assert (
        asked(**{name: getattr(request.fields(), name) for name in ("size", "resolution", "aspect_ratio")})[0].ratio
        == ratio
    )


def test_the_fields_of_a_request_ask_for_the_same_again() -> None:
    request, _ = asked(aspect_ratio="adaptive", seconds=-1, audio=False, seed=7)
    assert validate(request.fields(), WITH_WORKSPACE, lambda: 1)[0] == request


@pytest.mark.parametrize("seconds", [2, 30, -1])
def test_a_length_that_the_model_chooses_counts_as_the_longest(seconds: int) -> None:
    request, estimate = asked(seconds=seconds)
    assert request.seconds == seconds
    assert estimate.seconds == request.most_seconds == (30 if seconds == -1 else seconds)
    assert estimate.price == Decimal("0.733924") * estimate.seconds
    assert (estimate.unconfirmed, estimate.priced_on) == (True, "2026-09-16")


def test_max_price_holds_the_longest_length() -> None:
    assert asked(seconds=-1, max_price=Decimal("22.02"))[0].seconds == -1
    with pytest.raises(BudgetExceeded, match=r"22\.017720"):
        asked(seconds=-1, max_price=Decimal("22.01"))


def test_without_a_price_there_is_no_estimate_and_max_price_refuses() -> None:
    assert asked(region="hongkong")[1] == Estimate(5)
    with pytest.raises(BudgetExceeded, match="WanPrices"):
        asked(region="hongkong", max_price=Decimal(1000))
    own = replace(WITH_WORKSPACE, prices=Prices.parse("hongkong/wan3.0-video/720P=0.5,singapore/wan2.6-t2v/720P=0.1"))
    assert asked(own, region="hongkong", max_price=Decimal("2.5"))[1] == Estimate(5, Decimal("2.5"))
    assert validate(fields(), own, lambda: 1)[1] == Estimate(5, Decimal("0.5"))


@pytest.mark.parametrize(
    ("wanted", "name", "words"),
    [
        ({"seconds": 1}, "seconds", "2 to 30 seconds, or -1"),
        ({"seconds": 31}, "seconds", "2 to 30"),
        ({"seconds": -2}, "seconds", "-1"),
        ({"size": "1104x832"}, "size", "resolution and aspect_ratio"),
        ({"aspect_ratio": "2:1"}, "aspect_ratio", "adaptive"),
        ({"negative_prompt": "rain"}, "negative_prompt", "does not accept negative_prompt"),
        ({"audio_url": "https://example.com/a.mp3"}, "audio_url", "its own sound"),
        ({"shot_type": "multi"}, "shot_type", "shot_type"),
        ({"seed": -2}, "seed", "from -1"),
        ({"prompt": "a" * 20_001}, "prompt", "20000"),
        ({"model": "wan2.6-t2v", "audio": True}, "audio", "always have sound"),
        ({"model": "wan2.6-t2v", "seconds": -1}, "seconds", "2 to 15 seconds, not -1"),
        ({"model": "wan2.6-t2v", "aspect_ratio": "adaptive"}, "aspect_ratio", "does not make 'adaptive'"),
        ({"model": "wan2.6-t2v", "seed": -1}, "seed", "from 0"),
    ],
)
def test_what_a_model_does_not_take_is_refused(wanted: dict[str, Any], name: str, words: str) -> None:
    assert words in problems(**wanted)[name]


def test_prompts_are_long_sound_is_on_and_a_seed_is_drawn_for_any() -> None:
    request, _ = asked(prompt="狐" * 20_000, seed=-1)
    assert (len(request.prompt), request.audio, request.seed) == (20_000, True, 42)
    assert asked(audio=False)[0].audio is False
    assert validate(fields(), WITH_WORKSPACE, lambda: 1)[0].audio is None


def test_a_region_without_a_documented_host_is_refused_by_the_name_of_the_parameter() -> None:
    detail = problems(replace(WITH_WORKSPACE, endpoints=Endpoints()))["region"]
    assert "WanWorkspaceId" in detail
    assert detail.endswith("in beijing.")
    alone = problems(DEFAULTS, region="singapore")["region"]
    assert ("WanWorkspaceId" in alone, "beijing" in alone) == (True, False)
    elsewhere = replace(DEFAULTS, regions=(Region.FRANKFURT,), region=Region.FRANKFURT)
    assert "WanWorkspaceId" in problems(elsewhere, model="wan2.6-t2v")["region"]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "singapore/wan3.0-video=1",
        "mars/m/720P=1",
        "singapore/m/2K=1",
        "singapore/m/720P=-1",
        "singapore/m/720P=1e3",
    ],
)
def test_other_prices_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Prices.parse(text)


def test_budgets_settle_in_whole_seconds_rounded_up_and_the_price_is_exact() -> None:
    unit = Prices().of(MODELS["wan3.0-video"], Region.SINGAPORE, Tier.P720)
    billed = bill(unit, Decimal("5.042"))
    assert (billed.seconds, billed.exact, billed.price) == (6, Decimal("5.042"), Decimal("0.733924") * Decimal("5.042"))
    whole = bill(unit, Decimal("5.000"))
    assert (whole.seconds, whole.exact, whole.price) == (5, None, Decimal("3.669620"))
    assert bill(None, Decimal("5.5")).price is None


def test_prices_are_old_after_180_days() -> None:
    day = 1_780_272_000  # 2026-06-01
    assert days_old("2026-06-01", day) == 0
    assert not is_old("2026-06-01", day + 180 * 86_400)
    assert is_old("2026-06-01", day + 181 * 86_400)
