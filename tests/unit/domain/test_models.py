"""The model registry, compared with a table that was written by hand from Wan's documentation."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest

from wan_video.domain.models import (
    MAX_SEED,
    MODELS,
    NEGATIVE_PROMPT_LIMIT,
    POOLS,
    Region,
    Size,
    Tier,
    not_supported,
    pools_of,
)

SIZES_UP_TO_26 = {
    "480P": {"16:9": "832x480", "9:16": "480x832", "1:1": "624x624"},
    "720P": {"16:9": "1280x720", "9:16": "720x1280", "1:1": "960x960", "4:3": "1088x832", "3:4": "832x1088"},
    "1080P": {"16:9": "1920x1080", "9:16": "1080x1920", "1:1": "1440x1440", "4:3": "1632x1248", "3:4": "1248x1632"},
}
SIZES_FROM_27 = {
    "720P": {"16:9": "1280x720", "9:16": "720x1280", "1:1": "960x960", "4:3": "1104x832", "3:4": "832x1104"},
    "1080P": {"16:9": "1920x1080", "9:16": "1080x1920", "1:1": "1440x1440", "4:3": "1648x1248", "3:4": "1248x1648"},
}
NAMES_FROM_30 = {
    "480P": {"16:9": "832x480", "9:16": "480x832", "1:1": "624x624"},
    "720P": {"16:9": "1280x720", "9:16": "720x1280", "1:1": "960x960"},
    "1080P": {"16:9": "1920x1080", "9:16": "1080x1920", "1:1": "1440x1440"},
}
NO_SIZES: dict[str, dict[str, str]] = {"480P": {}, "720P": {}, "1080P": {}}
SIZES = {"image": NO_SIZES, "size": SIZES_UP_TO_26, "resolution": SIZES_FROM_27, "adaptive": NAMES_FROM_30}
FROM_2_TO_15 = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]


class Row(NamedTuple):
    """What the documentation says about one model; prices are in CNY per second, by region and tier."""

    protocol: str
    tiers: str
    default_size: str
    seconds: list[int]
    audio: bool
    audio_seconds: tuple[int, int]
    shot_types: list[str]
    prompt: int
    limit: int | None
    prices: dict[str, str]


def wan30(beijing: str, singapore: str) -> Row:
    elsewhere = dict.fromkeys(("virginia", "frankfurt", "hongkong", "tokyo"), "- - -")
    return Row(
        "adaptive", "480P 720P 1080P", "None", list(range(2, 31)), True, (0, 0), [], 20_000, None,
        {"beijing": beijing, "singapore": singapore, **elsewhere},
    )  # fmt: skip


WAN27 = Row(
    "resolution", "720P 1080P", "1920x1080", FROM_2_TO_15, True, (2, 30), [], 5000, 5,
    {"beijing": "- 0.6 1.0", "singapore": "- 0.733924 1.100886"},
)  # fmt: skip

SINGLE_OR_MULTI = ["single", "multi"]


def i2v(
    tiers: str, seconds: list[int], audio: tuple[int, int], prompt: int, limit: int, prices: dict[str, str],
    shots: list[str] | None = None,
) -> Row:  # fmt: skip
    return Row("image", tiers, "None", seconds, audio != (0, 0), audio, shots or [], prompt, limit, prices)


WAN27_I2V = i2v(
    "720P 1080P", FROM_2_TO_15, (2, 30), 5000, 5, {"beijing": "- 0.6 1.0", "singapore": "- 0.733924 1.100886"}
)

GOLDEN = {
    "wan2.7-i2v": WAN27_I2V,
    "wan2.7-i2v-2026-04-25": WAN27_I2V,
    "wan2.6-i2v": i2v(
        "720P 1080P", FROM_2_TO_15, (3, 30), 1500, 5,
        {
            "beijing": "- 0.6 1.0",
            "singapore": "- 0.733924 1.100886",
            "virginia": "- 0.6 1.0",
            "frankfurt": "- 0.6 1.0",
        },
        SINGLE_OR_MULTI,
    ),
    "wan2.6-i2v-flash": i2v(
        "720P 1080P", FROM_2_TO_15, (3, 30), 1500, 5,
        {"beijing": "- 0.3 0.5", "singapore": "- 0.366962 0.550443"}, SINGLE_OR_MULTI,
    ),
    "wan2.6-i2v-us": i2v(
        "720P 1080P", [5, 10, 15], (3, 30), 1500, 5, {"virginia": "- 0.733924 1.100886"}, SINGLE_OR_MULTI
    ),
    "wan2.5-i2v-preview": i2v(
        "480P 720P 1080P", [5, 10], (3, 30), 1500, 5,
        {"beijing": "0.3 0.6 1.0", "singapore": "0.366961 0.733923 1.100885"},
    ),
    "wan2.2-i2v-plus": i2v(
        "480P 1080P", [5], (0, 0), 800, 2, {"beijing": "0.14 - 0.70", "singapore": "0.146785 - 0.733924"}
    ),
    "wan2.2-i2v-flash": i2v(
        "480P 720P 1080P", [5], (0, 0), 800, 2, {"beijing": "0.10 0.20 0.48", "singapore": "0.110089 0.264213 -"}
    ),
    "wan3.0-video": wan30("0.3 0.6 1.2", "0.366962 0.733924 1.467848"),
    "wan3.0-video-prime": wan30("- - -", "0.499068 1.027494 2.054987"),
    "wan2.7-t2v": WAN27,
    "wan2.7-t2v-2026-04-25": WAN27,
    "wan2.7-t2v-2026-06-12": WAN27,
    "wan2.6-t2v": Row(
        "size", "720P 1080P", "1920x1080", FROM_2_TO_15, True, (3, 30), ["single", "multi"], 1500, 5,
        {
            "beijing": "- 0.6 1.0",
            "singapore": "- 0.733924 1.100886",
            "virginia": "- 0.6 1.0",
            "frankfurt": "- 0.6 1.0",
        },
    ),
    "wan2.6-t2v-us": Row(
        "size", "720P 1080P", "1920x1080", [5, 10], True, (3, 30), ["single", "multi"], 1500, 5,
        {"virginia": "- 0.733924 1.100886"},
    ),
    "wan2.5-t2v-preview": Row(
        "size", "480P 720P 1080P", "1920x1080", [5, 10], True, (3, 30), [], 1500, 5,
        {"beijing": "0.3 0.6 1.0", "singapore": "0.366961 0.733923 1.100885"},
    ),
    "wan2.2-t2v-plus": Row(
        "size", "480P 1080P", "1920x1080", [5], False, (0, 0), [], 800, 2,
        {"beijing": "0.14 - 0.70", "singapore": "0.146785 - 0.733924"},
    ),
    "wanx2.1-t2v-turbo": Row(
        "size", "480P 720P", "1280x720", [5], False, (0, 0), [], 800, 2, {"beijing": "0.24 0.24 -"}
    ),
    "wan2.1-t2v-turbo": Row(
        "size", "480P 720P", "1280x720", [5], False, (0, 0), [], 800, 2, {"singapore": "0.264213 0.264213 -"}
    ),
    "wanx2.1-t2v-plus": Row(
        "size", "720P", "1280x720", [5], False, (0, 0), [], 800, 2, {"beijing": "- 0.70 -"}
    ),
    "wan2.1-t2v-plus": Row(
        "size", "720P", "1280x720", [5], False, (0, 0), [], 800, 2, {"singapore": "- 0.733924 -"}
    ),
}  # fmt: skip

every_model = pytest.mark.parametrize("name", sorted(GOLDEN))


def prices(row: Row) -> dict[str, dict[str, Decimal]]:
    tiers = ("480P", "720P", "1080P")
    return {
        region: {tier: Decimal(price) for tier, price in zip(tiers, text.split(), strict=True) if price != "-"}
        for region, text in row.prices.items()
    }


def test_the_registry_has_exactly_the_documented_models() -> None:
    assert set(MODELS) == set(GOLDEN)
    assert all(model.name == name for name, model in MODELS.items())


@every_model
def test_sizes_are_exactly_the_documented_ones(name: str) -> None:
    row, model = GOLDEN[name], MODELS[name]
    by_tier = SIZES[row.protocol]
    expected = {tier: by_tier[tier] for tier in row.tiers.split()}
    assert {
        tier: {ratio: str(size) for ratio, size in sizes.items()} for tier, sizes in model.sizes.items()
    } == expected
    assert str(model.default_size) == row.default_size


@every_model
def test_lengths_prompt_limit_sound_and_shots_are_the_documented_ones(name: str) -> None:
    row, model = GOLDEN[name], MODELS[name]
    assert model.protocol == {"image": "resolution"}.get(row.protocol, row.protocol)
    assert list(model.durations) == row.seconds
    assert model.prompt_limit == row.prompt
    assert model.fps == 30
    assert (model.audio, model.audio_seconds) == (row.audio, row.audio_seconds)
    assert list(model.shot_types) == row.shot_types


@every_model
def test_regions_prices_and_limits_are_the_documented_ones(name: str) -> None:
    row, model = GOLDEN[name], MODELS[name]
    assert {region: dict(offer.prices) for region, offer in model.regions.items()} == prices(row)
    assert {(offer.submits_per_second, offer.concurrency) for offer in model.regions.values()} == {
        (row.limit, row.limit)
    }


LACKS_1080P = ("wan2.2-i2v-flash", MODELS["wan2.2-i2v-flash"].regions[Region.SINGAPORE])


@every_model
def test_every_tier_has_a_price_in_every_region_where_wan_publishes_prices(name: str) -> None:
    model = MODELS[name]
    for offer in model.regions.values():
        whole = set(model.sizes) - ({Tier.P1080} if (name, offer) == LACKS_1080P else set())
        assert set(offer.prices) == whole or not offer.confirmed
        assert offer.confirmed == (GOLDEN[name].protocol != "adaptive")


@pytest.mark.parametrize("name", ["wan3.0-video", "wan3.0-video-prime"])
def test_wan30_chooses_shape_and_length_has_a_switch_for_sound_and_takes_no_negative_prompt(name: str) -> None:
    model = MODELS[name]
    assert model.ratios_at(Tier.P480) == ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive")
    assert (model.default_tier, model.default_ratio, model.default_seconds) == (Tier.P1080, "adaptive", 5)
    assert (model.auto_seconds, model.audio_switch, model.negative_prompt, model.least_seed) == (30, True, False, -1)
    assert not model.takes_audio_url
    assert [region for region, offer in model.regions.items() if offer.shared_host] == ["beijing"]


@every_model
def test_only_wan30_has_what_is_new_in_it(name: str) -> None:
    model = MODELS[name]
    if GOLDEN[name].protocol != "adaptive":
        ratios = ("adaptive",) if GOLDEN[name].protocol == "image" else ()
        has_switch = name == "wan2.6-i2v-flash"
        assert (model.ratios, model.auto_seconds, model.audio_switch, model.least_seed) == (ratios, None, has_switch, 0)
        assert model.negative_prompt
        assert model.takes_audio_url == model.audio
        assert all(offer.shared_host for offer in model.regions.values())


IMAGE_MODELS = [name for name, row in GOLDEN.items() if row.protocol == "image"]


@every_model
def test_which_models_take_images_and_how(name: str) -> None:
    model = MODELS[name]
    is_new = name.startswith(("wan3.0", "wan2.7"))
    if name not in IMAGE_MODELS and not name.startswith("wan3.0"):
        assert (model.images, model.last_frame, model.image_required, model.image_sets_ratio) == (
            None, False, False, False,
        )  # fmt: skip
        return
    assert model.images is not None
    limits = (model.images.least_side, model.images.most_side, model.images.most_bytes)
    assert limits == ((240, 8000, 20 * 2**20) if is_new else (360, 2000, 10 * 2**20))
    assert model.last_frame == is_new
    assert model.image_member == ("media" if is_new else "img_url")
    assert model.image_required == model.image_sets_ratio == (name in IMAGE_MODELS)
    assert model.default_tier == (Tier.P720 if name == "wan2.2-i2v-flash" else Tier.P1080)


def test_only_wan26_flash_is_cheaper_without_sound() -> None:
    silent = {
        (name, str(region)): {str(tier): str(price) for tier, price in offer.silent_prices.items()}
        for name, model in MODELS.items()
        for region, offer in model.regions.items()
        if offer.silent_prices is not None
    }
    assert silent == {
        ("wan2.6-i2v-flash", "beijing"): {"720P": "0.15", "1080P": "0.25"},
        ("wan2.6-i2v-flash", "singapore"): {"720P": "0.183481", "1080P": "0.275221"},
    }


def test_the_global_deployment_of_wan26_makes_three_lengths() -> None:
    model = MODELS["wan2.6-i2v"]
    found = {str(region): len(model.durations_in(region)) for region in model.regions}
    assert found == {"beijing": 14, "singapore": 14, "virginia": 3, "frankfurt": 3}
    assert model.durations_in(None) == model.durations


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("wan2.2-kf2v-flash", True),
        ("wanx2.1-kf2v-plus", True),
        ("wan2.1-i2v-plus", True),
        ("wan2.7-r2v", True),
        ("wan2.6-r2v-flash", True),
        ("wan2.7-videoedit", True),
        ("wan2.6-i2v", False),
        ("wan2.6-t2v", False),
        ("wan9", False),
    ],
)
def test_models_of_wan_that_the_stack_leaves_out_are_named(name: str, is_known: bool) -> None:
    reason = not_supported(name)
    assert (reason is not None) == is_known
    if reason is not None:
        assert reason.startswith(f"The model {name} is not supported: this stack makes videos from text")
        assert "wan2.7-i2v" in reason
        assert ("wan2.6-i2v" in reason) == ("kf2v" not in name)


def test_prices_that_are_wans_dollars_are_exchanged_at_the_rate_of_its_own_list() -> None:
    dollars = {"wan3.0-video": "0.05 0.10 0.20", "wan3.0-video-prime": "0.068 0.14 0.28"}
    for name, text in dollars.items():
        prices = MODELS[name].regions[Region.SINGAPORE].prices.values()
        exchanged = [(Decimal(amount) * Decimal("7.33924")).quantize(Decimal("0.000001")) for amount in text.split()]
        assert list(prices) == exchanged


def test_seeds_and_negative_prompts_have_the_documented_limits() -> None:
    assert MAX_SEED == 2147483647
    assert NEGATIVE_PROMPT_LIMIT == 500


def test_every_region_of_every_model_has_a_pool() -> None:
    assert set(POOLS) == {f"{region}#{name}" for name, row in GOLDEN.items() for region in row.prices}


def test_the_pools_of_some_regions_are_exactly_theirs() -> None:
    assert pools_of([Region.VIRGINIA, Region.FRANKFURT]) == (
        "virginia#wan3.0-video",
        "frankfurt#wan3.0-video",
        "virginia#wan3.0-video-prime",
        "frankfurt#wan3.0-video-prime",
        "virginia#wan2.6-t2v",
        "frankfurt#wan2.6-t2v",
        "virginia#wan2.6-t2v-us",
        "virginia#wan2.6-i2v",
        "frankfurt#wan2.6-i2v",
        "virginia#wan2.6-i2v-us",
    )
    assert pools_of(list(Region)) == POOLS


def test_the_tier_and_ratio_are_known_only_for_sizes_of_the_model() -> None:
    model = MODELS["wan2.7-t2v"]
    assert (model.tier_of(Size(1104, 832)), model.ratio_of(Size(1104, 832))) == (Tier.P720, "4:3")
    assert (model.tier_of(Size(1088, 832)), model.ratio_of(Size(1088, 832))) == (None, None)


@pytest.mark.parametrize("text", ["1280x720", "1280*720"])
def test_a_size_is_read_with_an_x_and_with_an_asterisk(text: str) -> None:
    assert Size.parse(text) == Size(1280, 720)
    assert str(Size.parse(text)) == "1280x720"


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "1280", "1280x", "x720", "1280x720x1", "1280X720", "-1280x720", "+1280x720", "1280 x720", "01280x720",
        "1280x0", "1_280x720", "１２８０x720", "4K", "720p", "1:1", "1280.0x720", "999999x1", "1280x720\n",
    ],
)  # fmt: skip
def test_anything_else_is_refused_as_a_size(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Size.parse(text)


def test_a_region_is_written_in_lower_case_english() -> None:
    assert [str(region) for region in Region] == [
        "beijing",
        "singapore",
        "virginia",
        "frankfurt",
        "hongkong",
        "tokyo",
    ]
