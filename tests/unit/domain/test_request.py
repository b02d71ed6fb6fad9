"""Requests: every rule across fields, and errors that name the valid values."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.harness.samples import DEFAULTS, EVERYWHERE, PROMPT, fields
from wan_video.domain.models import MODELS, Region, Size
from wan_video.domain.price import Estimate
from wan_video.domain.request import Defaults, VideoFields, VideoRequest, validate
from wan_video.errors import BudgetExceeded, InvalidRequest, Problem


def check(defaults: Defaults = EVERYWHERE, **wanted: Any) -> VideoRequest:
    request, _ = validate(fields(**wanted), defaults, lambda: 42)
    return request


def refusal(defaults: Defaults = EVERYWHERE, **wanted: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        check(defaults, **wanted)
    return {problem.pointer: problem.detail for problem in caught.value.problems}


# --- defaults --------------------------------------------------------------------------------------------------------


def test_a_request_with_only_a_prompt_gets_the_stacks_defaults() -> None:
    request, price = validate(fields(), DEFAULTS, lambda: 42)
    assert request == VideoRequest(
        prompt=PROMPT, model="wan2.6-t2v", size=Size(1280, 720), seconds=5, region=Region.SINGAPORE, seed=42
    )
    assert (request.prompt_extend, request.watermark) == (True, False)
    assert (price.seconds, price.price, price.currency) == (5, Decimal("3.669620"), "CNY")


def test_the_values_of_a_request_are_kept_unchanged() -> None:
    wanted: dict[str, Any] = {
        "model": "wan2.6-t2v",
        "region": "beijing",
        "negative_prompt": "blur",
        "audio_url": "https://example.com/voice.mp3",
        "prompt_extend": True,
        "watermark": True,
        "seed": 0,
        "shot_type": "multi",
        "metadata": {"case": "7"},
        "custom_id": "row-1",
    }
    request = check(size="1080*1920", seconds=15, **wanted)
    assert (request.size, request.seconds) == (Size(1080, 1920), 15)
    assert {name: getattr(request, name) for name in wanted} == wanted


def test_a_model_that_lacks_the_default_size_and_length_gets_its_own() -> None:
    assert check(model="wan2.2-t2v-plus").size == Size(1920, 1080)
    assert check(replace(EVERYWHERE, seconds=7), model="wan2.5-t2v-preview").seconds == 5


def test_a_model_that_the_default_region_lacks_runs_in_the_first_configured_region_that_has_it() -> None:
    defaults = replace(DEFAULTS, regions=(Region.SINGAPORE, Region.VIRGINIA))
    assert check(defaults, model="wan2.6-t2v-us").region is Region.VIRGINIA


def test_the_seed_is_always_set_and_an_empty_negative_prompt_is_dropped() -> None:
    assert check().seed == 42
    assert check(negative_prompt="").negative_prompt is None


# --- model and region ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["wan9-t2v", "", "WAN2.6-T2V", " wan2.6-t2v", "wan2.6-t2v\n"])
def test_an_unknown_model_is_refused_with_the_known_ones(model: str) -> None:
    detail = refusal(model=model)["/model"]
    assert all(name in detail for name in MODELS)


def test_a_region_that_is_not_configured_is_refused_with_the_configured_ones() -> None:
    assert "singapore" in refusal(DEFAULTS, region="beijing")["/region"]
    assert "singapore" in refusal(DEFAULTS, region="Singapore")["/region"]
    assert "singapore" in refusal(DEFAULTS, region="")["/region"]
    assert "singapore" in refusal(DEFAULTS, region="mars")["/region"]


def test_a_model_that_the_region_lacks_is_refused_with_the_regions_that_have_it() -> None:
    assert "virginia" in refusal(model="wan2.6-t2v-us", region="singapore")["/region"]
    assert "virginia" in refusal(DEFAULTS, model="wan2.6-t2v-us")["/region"]


# --- prompt ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "\u200b\ufeff", "\0"])
def test_a_blank_prompt_is_refused(prompt: str) -> None:
    assert "empty" in refusal(prompt=prompt)["/prompt"]


@pytest.mark.parametrize("prompt", ["a\0b", "a\ud800"])
def test_a_prompt_that_cannot_be_stored_is_refused(prompt: str) -> None:
    assert "/prompt" in refusal(prompt=prompt)


@pytest.mark.parametrize(("model", "limit"), [("wan2.7-t2v", 5000), ("wan2.6-t2v", 1500), ("wan2.2-t2v-plus", 800)])
@pytest.mark.parametrize("char", ["a", "狐", "🦊"])
def test_the_length_of_a_prompt_is_limited_in_code_points_by_its_model(model: str, limit: int, char: str) -> None:
    assert check(model=model, prompt=char * limit).prompt == char * limit
    assert str(limit) in refusal(model=model, prompt=char * (limit + 1))["/prompt"]


def test_a_negative_prompt_has_at_most_500_characters_that_can_be_stored() -> None:
    assert check(negative_prompt="狐" * 500).negative_prompt == "狐" * 500
    assert "500" in refusal(negative_prompt="狐" * 501)["/negative_prompt"]
    assert "NUL" in refusal(negative_prompt="a\0")["/negative_prompt"]


# --- size ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["4K", "480P", "1:1", "1280x721", "832x480", "", "1280", "999999999999x1"])
def test_a_size_that_the_model_lacks_is_refused_with_those_it_has(size: str) -> None:
    detail = refusal(model="wan2.6-t2v", size=size)["/size"]
    assert "1280x720" in detail
    assert "1632x1248" in detail
    assert "832x480" not in detail.partition("sizes are")[2]


def test_a_size_of_one_generation_is_refused_for_the_other() -> None:
    assert "1104x832" in refusal(model="wan2.7-t2v", size="1088x832")["/size"]
    assert check(model="wan2.7-t2v", size="1104x832").size == Size(1104, 832)


@pytest.mark.parametrize(
    ("resolution", "ratio", "size"),
    [
        ("720P", "9:16", "720x1280"),
        ("1080p", None, "1920x1080"),
        (None, "1:1", "960x960"),
        ("1080P", "4:3", "1632x1248"),
    ],
)
def test_a_size_can_be_named_by_resolution_and_aspect_ratio(
    resolution: str | None, ratio: str | None, size: str
) -> None:
    assert str(check(resolution=resolution, aspect_ratio=ratio).size) == size


def test_a_resolution_or_ratio_that_the_model_lacks_is_refused_with_those_it_has() -> None:
    assert "720P, 1080P" in refusal(resolution="480P")["/resolution"]
    assert "720P" in refusal(resolution="4K")["/resolution"]
    assert "720P" in refusal(resolution="")["/resolution"]
    assert "16:9" in refusal(resolution="720P", aspect_ratio="21:9")["/aspect_ratio"]
    assert "16:9" in refusal(model="wan2.2-t2v-plus", resolution="480P", aspect_ratio="4:3")["/aspect_ratio"]


def test_a_size_can_be_given_in_only_one_way() -> None:
    assert "not both" in refusal(size="1280x720", resolution="720P")["/size"]
    assert "not both" in refusal(size="1280x720", aspect_ratio="16:9")["/size"]


# --- seconds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "seconds", "right"),
    [
        ("wan2.5-t2v-preview", 7, "5 or 10"),
        ("wan2.5-t2v-preview", 15, "5 or 10"),
        ("wan2.6-t2v-us", 15, "5 or 10"),
        ("wan2.2-t2v-plus", 10, "5"),
        ("wan2.6-t2v", 1, "2 to 15"),
        ("wan2.6-t2v", 16, "2 to 15"),
        ("wan2.6-t2v", 0, "2 to 15"),
        ("wan2.6-t2v", -5, "2 to 15"),
    ],
)
def test_a_length_that_the_model_lacks_is_refused_with_those_it_has(model: str, seconds: int, right: str) -> None:
    assert right in refusal(model=model, seconds=seconds)["/seconds"]


# --- sound, shots, seed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["wan2.2-t2v-plus", "wan2.1-t2v-turbo", "wanx2.1-t2v-plus"])
def test_a_silent_model_accepts_no_audio(model: str) -> None:
    assert "silent" in refusal(model=model, audio_url="https://example.com/a.mp3")["/audio_url"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://localhost/a.mp3",
        "http://10.0.0.1/a.mp3",
        "http://169.254.169.254/",
        "https://user@example.com/a.mp3",
        "https://example.com/" + "a" * 2048,
        "",
    ],
)
def test_an_audio_link_must_be_public(url: str) -> None:
    assert "public" in refusal(audio_url=url)["/audio_url"]


@pytest.mark.parametrize("model", ["wan2.7-t2v", "wan2.5-t2v-preview", "wan2.2-t2v-plus"])
@pytest.mark.parametrize("shot_type", ["single", "multi"])
def test_shots_are_accepted_only_by_wan26(model: str, shot_type: str) -> None:
    assert model in refusal(model=model, shot_type=shot_type)["/shot_type"]


def test_several_shots_need_the_prompt_to_be_extended() -> None:
    assert check(shot_type="multi").shot_type == "multi"
    assert check(shot_type="single", prompt_extend=False).shot_type == "single"
    assert "prompt_extend" in refusal(shot_type="multi", prompt_extend=False)["/shot_type"]
    assert "single, multi" in refusal(shot_type="triple")["/shot_type"]


@pytest.mark.parametrize("seed", [-1, 2**31, 10**30])
def test_a_seed_outside_wans_range_is_refused(seed: int) -> None:
    assert str(2**31 - 1) in refusal(seed=seed)["/seed"]


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_the_smallest_and_the_largest_seed_are_accepted(seed: int) -> None:
    assert check(seed=seed).seed == seed


# --- labels and money ------------------------------------------------------------------------------------------------


def test_metadata_has_at_most_16_keys_of_64_characters_and_values_of_512() -> None:
    most = {f"{number:064}": "v" * 512 for number in range(16)}
    assert check(metadata=most).metadata == most
    assert "16" in refusal(metadata={**most, "one more": ""})["/metadata"]
    for wrong in ({"k" * 65: "v"}, {"": "v"}, {"k": "v" * 513}, {"k": "\0"}, {"\ud800": "v"}):
        assert "/metadata" in refusal(metadata=wrong)


@pytest.mark.parametrize("custom_id", ["", "a" * 129, "a\0", "\ud800"])
def test_a_custom_id_has_1_to_128_storable_characters(custom_id: str) -> None:
    assert "128" in refusal(custom_id=custom_id)["/custom_id"]
    assert check(custom_id="a" * 128).custom_id == "a" * 128


def test_a_video_above_max_price_is_refused_and_one_of_exactly_that_price_is_not() -> None:
    assert check(DEFAULTS, max_price=Decimal("3.66962")).seconds == 5
    with pytest.raises(BudgetExceeded, match=r"3\.669620 CNY"):
        check(DEFAULTS, max_price=Decimal("3.669619"))


def test_all_problems_are_reported_at_once() -> None:
    wrong = refusal(prompt="", size="4K", seconds=99, seed=-1, shot_type="x", audio_url="x", region="mars")
    assert set(wrong) == {"/prompt", "/size", "/seconds", "/seed", "/shot_type", "/audio_url", "/region"}


# --- properties ------------------------------------------------------------------------------------------------------

anything = st.one_of(st.none(), st.text(max_size=20))


@given(
    st.builds(
        VideoFields,
        prompt=st.text(max_size=30),
        model=st.one_of(st.none(), st.sampled_from(sorted(MODELS)), st.text(max_size=5)),
        size=st.one_of(st.none(), st.sampled_from(["1280x720", "832*480", "1104x832"]), st.text(max_size=9)),
        resolution=anything,
        aspect_ratio=anything,
        seconds=st.one_of(st.none(), st.integers(-3, 20)),
        region=st.one_of(st.none(), st.sampled_from([*Region, "mars"])),
        negative_prompt=anything,
        audio_url=anything,
        prompt_extend=st.one_of(st.none(), st.booleans()),
        seed=st.one_of(st.none(), st.integers()),
        shot_type=st.one_of(anything, st.sampled_from(["single", "multi"])),
        metadata=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
        custom_id=anything,
    )
)
def test_any_request_is_either_refused_by_field_or_possible_for_the_model(asked: VideoFields) -> None:
    problems: tuple[Problem, ...] = ()
    accepted: list[tuple[VideoRequest, Estimate]] = []
    try:
        accepted.append(validate(asked, EVERYWHERE, lambda: 1))
    except InvalidRequest as error:
        problems = error.problems
    assert bool(problems) != bool(accepted)
    assert all(problem.pointer.startswith("/") and problem.detail for problem in problems)
    for request, price in accepted:
        model = MODELS[request.model]
        tier = model.tier_of(request.size)
        assert tier is not None
        assert request.seconds in model.durations
        assert price.price == model.regions[request.region].prices[tier] * request.seconds
        assert not (request.shot_type == "multi" and not request.prompt_extend)
        assert request.audio_url is None or model.audio
