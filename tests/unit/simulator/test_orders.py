"""What a create call asks for, and the documented refusals of what it must not ask."""

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


def test_a_prompt_beyond_the_limit_is_cut_in_silence() -> None:
    body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "狐" * 801, "negative_prompt": "x" * 501}}
    result = parse_order(body, Region.SINGAPORE)

    assert (len(result.prompt), len(result.negative_prompt)) == (800, 500)


def test_fields_that_only_the_sdk_sends_are_tolerated() -> None:
    given = {"prompt": "a fox", "extend_prompt": True, "function": "video-synthesis"}

    assert parse_order({"model": "wan2.6-t2v", "input": given, "parameters": {}}, Region.SINGAPORE).prompt == "a fox"


def test_a_negative_prompt_may_stand_among_the_parameters() -> None:
    assert order(negative_prompt="rain").negative_prompt == "rain"


def test_a_well_formed_size_the_model_does_not_make_is_found_out_later() -> None:
    assert not order(size="123*456").makes_size


def test_a_shot_type_means_nothing_before_and_after_wan26() -> None:
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
