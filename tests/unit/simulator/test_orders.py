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


def media(*kinds: str) -> list[dict[str, str]]:
    return [{"type": kind, "url": f"https://a/{kind}"} for kind in kinds]


def order_with_media(model: str, *kinds: str, **given: Any) -> Order:
    return parse_order({"model": model, "input": {"media": media(*kinds), **given}}, Region.SINGAPORE)


@pytest.mark.parametrize("model", ["wan3.0-video", "wan3.0-video-prime", "wan2.7-i2v", "wan2.7-i2v-2026-04-25"])
def test_a_first_frame_is_enough_and_a_last_frame_may_follow(model: str) -> None:
    for prompt in ({}, {"prompt": None}, {"prompt": ""}):
        first = order_with_media(model, "first_frame", **prompt)
        assert (first.images, first.prompt, first.fault) == (("https://a/first_frame",), "", "")
    both = order_with_media(model, "last_frame", "first_frame", prompt="a fox")
    assert (both.images, both.prompt) == (("https://a/first_frame", "https://a/last_frame"), "a fox")


def test_wan27_takes_audio_among_its_media_and_nowhere_else() -> None:
    heard = order_with_media("wan2.7-i2v", "first_frame", "driving_audio", audio_url="https://a/ignored.mp3")
    assert (heard.audio_url, heard.fault) == ("https://a/driving_audio", "")
    assert order_with_media("wan2.7-i2v", "first_frame", audio_url="https://a/ignored.mp3").audio_url is None
    assert order_with_media("wan3.0-video", "first_frame", "driving_audio").fault


@pytest.mark.parametrize(
    ("model", "kinds", "fault"),
    [
        ("wan3.0-video", ("first_frame", "reference_image"), "The two modes are mutually exclusive."),
        ("wan3.0-video", ("last_frame",), "The type or value of media"),
        ("wan3.0-video", ("first_frame", "first_frame"), "The type or value of media"),
        ("wan3.0-video", ("first_frame", "link"), "The type or value of media"),
        ("wan3.0-video", ("picture",), "The type or value of media"),
        ("wan3.0-video", ("first_clip",), "The type or value of media"),
        ("wan2.7-i2v", (), "Field required: input.media"),
        ("wan2.7-i2v", ("driving_audio",), "The type or value of media"),
        ("wan2.7-i2v", ("reference_image",), "The type or value of media"),
    ],
)
def test_a_wrong_set_of_media_fails_the_task_and_not_the_call(model: str, kinds: tuple[str, ...], fault: str) -> None:
    assert order_with_media(model, *kinds, prompt="a fox").fault.startswith(fault) or not kinds
    if not kinds:
        assert order_with_media(model, img_url="https://a/x.png").fault == fault


def test_img_url_is_required_before_wan27_and_unknown_from_then_on() -> None:
    old = parse_order({"model": "wan2.6-i2v", "input": {"img_url": "https://a/x.png"}}, Region.SINGAPORE)
    assert (old.images, old.prompt, old.fault) == (("https://a/x.png",), "", "")
    assert parse_order({"model": "wan2.6-i2v", "input": {}}, Region.SINGAPORE).fault == "Field required: input.img_url"
    new = parse_order({"model": "wan2.7-i2v", "input": {"img_url": "https://a/x.png"}}, Region.SINGAPORE)
    assert (new.images, new.fault) == ((), "Field required: input.media")


def test_a_text_to_video_model_ignores_images() -> None:
    given = {"prompt": "a fox", "img_url": "https://a/x.png", "media": media("first_frame")}
    assert parse_order({"model": "wan2.6-t2v", "input": given}, Region.SINGAPORE).images == ()


@pytest.mark.parametrize("kind", ["reference_image", "reference_video", "file", "link"])
def test_media_that_wan_takes_and_the_simulator_does_not_are_refused(kind: str) -> None:
    with pytest.raises(RefusalError, match="The simulator does not make videos from"):
        order_with_media("wan3.0-video", kind, prompt="a fox")


@pytest.mark.parametrize("given", [{"media": "x"}, {"media": [5]}, {"media": {"type": "first_frame"}}])
def test_media_of_another_type_are_refused(given: dict[str, Any]) -> None:
    assert refusal_of({"model": "wan3.0-video", "input": {"prompt": "a fox", **given}}).code == "InvalidParameter"


def test_only_wan26_flash_lets_an_order_turn_the_sound_off() -> None:
    given = {"img_url": "https://a/x.png", "audio_url": "https://a/x.mp3"}
    body: dict[str, Any] = {"model": "wan2.6-i2v-flash", "input": given, "parameters": {"audio": False}}
    silent = parse_order(body, Region.SINGAPORE)
    assert (silent.audio, silent.audio_url) == (False, None)
    body["model"] = "wan2.6-i2v"
    loud = parse_order(body, Region.SINGAPORE)
    assert (loud.audio, loud.audio_url) == (True, "https://a/x.mp3")


def test_a_prompt_with_half_a_surrogate_pair_can_choose_too() -> None:
    assert order_of_wan3("a fox \ud83d", duration=-1).seconds >= 2
