"""The parameters of a creation call, and the documented refusals of invalid ones."""

from __future__ import annotations

from typing import Any

import pytest

from wan_simulator.errors import RefusalError
from wan_simulator.orders import Order, parse_order
from wan_video.domain.models import Region, Size


def order(model: str = "wan2.6-t2v", **parameters: Any) -> Order:
    return parse_order({"model": model, "input": {"prompt": "a fox"}, "parameters": parameters}, Region.SINGAPORE)


def refusal_of(body: object) -> RefusalError:
    with pytest.raises(RefusalError) as caught:
        parse_order(body, Region.SINGAPORE)
    return caught.value


def test_wans_own_defaults_apply_where_parameters_are_missing() -> None:
    result = parse_order({"model": "wan2.6-t2v", "input": {"prompt": "a fox"}}, Region.SINGAPORE)

    assert (result.size, result.seconds, result.prompt_extend, result.watermark) == (Size(1920, 1080), 5, True, False)


def test_up_to_wan26_the_size_is_in_pixels() -> None:
    assert order(size="1280*720").size == Size(1280, 720)


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({}, Size(1920, 1080)),
        ({"resolution": "720P"}, Size(1280, 720)),
        ({"resolution": "720P", "ratio": "4:3"}, Size(1104, 832)),
        ({"ratio": "9:16"}, Size(1080, 1920)),
    ],
)
def test_from_wan27_on_the_size_is_a_resolution_and_a_ratio(parameters: dict[str, str], size: Size) -> None:
    assert order("wan2.7-t2v", **parameters).size == size


def test_a_prompt_beyond_the_limit_is_cut_silently() -> None:
    body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "狐" * 801, "negative_prompt": "x" * 501}}
    result = parse_order(body, Region.SINGAPORE)

    assert (len(result.prompt), len(result.negative_prompt)) == (800, 500)


def test_fields_that_only_the_sdk_sends_are_tolerated() -> None:
    given = {"prompt": "a fox", "extend_prompt": True, "function": "video-synthesis"}

    assert parse_order({"model": "wan2.6-t2v", "input": given, "parameters": {}}, Region.SINGAPORE).prompt == "a fox"


def test_a_negative_prompt_may_be_among_the_parameters() -> None:
    assert order(negative_prompt="rain").negative_prompt == "rain"


def test_a_well_formed_size_that_the_model_lacks_fails_the_task_later() -> None:
    assert not order(size="123*456").makes_size


def test_a_shot_type_is_ignored_before_and_after_wan26() -> None:
    assert order("wan2.5-t2v-preview", shot_type="nonsense").shot_type is None
    assert order("wan2.6-t2v", shot_type="multi").shot_type == "multi"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "InvalidParameter"),
        ([], "InvalidParameter"),
        ({}, "BadRequest.EmptyModel"),
        ({"model": 5}, "InvalidParameter"),
        ({"model": "wan9", "input": {"prompt": "x"}}, "ModelNotFound"),
        ({"model": "wanx2.1-t2v-plus", "input": {"prompt": "x"}}, "ModelNotFound"),
        ({"model": "wan2.6-t2v"}, "BadRequest.EmptyInput"),
        ({"model": "wan2.6-t2v", "input": "x"}, "BadRequest.IllegalInput"),
        ({"model": "wan2.6-t2v", "input": {}}, "InvalidParameter"),
        ({"model": "wan2.6-t2v", "input": {"prompt": " "}}, "InvalidParameter"),
        ({"model": "wan2.6-t2v", "input": {"prompt": 5}}, "InvalidParameter"),
        ({"model": "wan2.6-t2v", "input": {"prompt": "x", "negative_prompt": 1}}, "InvalidParameter"),
        ({"model": "wan2.6-t2v", "input": {"prompt": "x", "audio_url": "file:///x.mp3"}}, "InvalidURL"),
        ({"model": "wan2.2-t2v-plus", "input": {"prompt": "x", "audio_url": "https://a/x.mp3"}}, "InvalidParameter"),
        ({"model": "wan2.6-t2v", "input": {"prompt": "x"}, "parameters": 5}, "BadRequest.IllegalInput"),
    ],
)
def test_each_broken_body_is_refused_with_its_documented_code(body: object, code: str) -> None:
    assert refusal_of(body).code == code


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("wan2.6-t2v", {"size": "1:1"}),
        ("wan2.6-t2v", {"size": "720P"}),
        ("wan2.6-t2v", {"size": "1280x720"}),
        ("wan2.6-t2v", {"duration": 1}),
        ("wan2.6-t2v", {"duration": 5.0}),
        ("wan2.6-t2v", {"duration": True}),
        ("wan2.6-t2v", {"duration": "5"}),
        ("wan2.5-t2v-preview", {"duration": 15}),
        ("wan2.2-t2v-plus", {"duration": 10}),
        ("wan2.6-t2v", {"seed": -1}),
        ("wan2.6-t2v", {"seed": 2**31}),
        ("wan2.6-t2v", {"seed": 1.5}),
        ("wan2.6-t2v", {"watermark": "yes"}),
        ("wan2.6-t2v", {"shot_type": "triple"}),
        ("wan2.7-t2v", {"resolution": "480P"}),
        ("wan2.7-t2v", {"ratio": "2:1"}),
    ],
)
def test_each_wrong_parameter_is_an_invalid_parameter(model: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(RefusalError) as caught:
        order(model, **parameters)

    assert (caught.value.code, caught.value.status) == ("InvalidParameter", 400)


# --- Wan 3.0 ---------------------------------------------------------------------------------------------------------


def order_of_wan3(prompt: str = "a fox", spare_seed: int = 7, **parameters: Any) -> Order:
    body = {"model": "wan3.0-video", "input": {"prompt": prompt}, "parameters": parameters}
    return parse_order(body, Region.BEIJING, spare_seed)


def test_wan3_needs_no_parameters_and_has_its_own_defaults() -> None:
    result = parse_order({"model": "wan3.0-video-prime", "input": {"prompt": "a fox"}}, Region.BEIJING)

    assert result.model.tier_of(result.size) == "1080P"
    assert (result.seconds, result.audio, result.prompt_extend, result.watermark) == (5.0, True, True, False)


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({"resolution": "480P", "ratio": "9:16"}, Size(480, 832)),
        ({"resolution": "720P", "ratio": "4:3"}, Size(1104, 832)),
        ({"ratio": "1:1"}, Size(1440, 1440)),
    ],
)
def test_wan3_takes_a_tier_and_a_ratio(parameters: dict[str, Any], size: Size) -> None:
    assert order_of_wan3(**parameters).size == size


@pytest.mark.parametrize("duration", [2, 5, 30])
def test_wan3_makes_videos_of_2_to_30_seconds(duration: int) -> None:
    assert order_of_wan3(duration=duration).seconds == float(duration)


def test_without_a_ratio_and_a_duration_the_seed_and_the_prompt_choose_them() -> None:
    asked: dict[str, Any] = {"resolution": "720P", "ratio": "adaptive", "duration": -1, "seed": 5}
    one = order_of_wan3(**asked)
    others = [order_of_wan3(**asked | {"seed": seed}) for seed in range(100)]

    assert order_of_wan3(**asked) == one
    assert all(2 <= other.seconds <= 30 for other in others)
    assert any(other.seconds != round(other.seconds) for other in others)
    assert {other.model.ratio_of(other.size) for other in others} == {"16:9", "9:16", "1:1", "4:3", "3:4"}
    assert len({order_of_wan3(f"fox {number}", **asked).seconds for number in range(20)}) > 1


def test_a_request_without_a_seed_gets_the_spare_one() -> None:
    assert order_of_wan3(spare_seed=9).seed == 9
    assert order_of_wan3(spare_seed=9, seed=-1).seed == 9
    assert order_of_wan3(spare_seed=9, seed=3).seed == 3


def test_wan3_can_be_silent() -> None:
    assert not order_of_wan3(audio=False).audio


def test_wan3_ignores_the_fields_of_older_models() -> None:
    result = order_of_wan3(size="1280*720", shot_type="multi", ratio="16:9", negative_prompt="rain")

    assert (result.size, result.shot_type, result.negative_prompt) == (Size(1920, 1080), None, "")


def test_the_prompt_of_wan3_is_cut_at_20000_characters() -> None:
    assert len(order_of_wan3("x" * 20_001).prompt) == 20_000


@pytest.mark.parametrize(
    "parameters",
    [
        {"resolution": "360P"},
        {"ratio": "2:1"},
        {"duration": 1},
        {"duration": 31},
        {"duration": 0},
        {"duration": 5.0},
        {"duration": -2},
        {"seed": -2},
        {"audio": "yes"},
    ],
)
def test_each_wrong_parameter_of_wan3_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(RefusalError) as caught:
        order_of_wan3(**parameters)

    assert caught.value.code == "InvalidParameter"


def test_frames_together_with_references_fail_the_task_and_other_media_are_not_simulated() -> None:
    frame, reference = ({"type": kind, "url": "https://a/x.png"} for kind in ("first_frame", "reference_image"))
    body: dict[str, Any] = {"model": "wan3.0-video", "input": {"media": [frame, reference]}}

    assert parse_order(body, Region.BEIJING).fault.startswith("The two modes are mutually exclusive.")
    body["input"] = {"media": [frame], "prompt": "a fox"}
    with pytest.raises(RefusalError, match="videos of text only"):
        parse_order(body, Region.BEIJING)


def test_a_prompt_with_half_a_surrogate_pair_can_choose_too() -> None:
    assert order_of_wan3("a fox \ud83d", duration=-1).seconds >= 2
