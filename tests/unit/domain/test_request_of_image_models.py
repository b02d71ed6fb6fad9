"""Requests to the models that make videos from an image: what each of them takes, and what it costs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tools.harness.samples import DEFAULTS
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.image import Image, ImageFormat, ImageHeader
from wan_video.domain.models import ADAPTIVE, MODELS, Region, Tier
from wan_video.domain.price import Estimate
from wan_video.domain.request import VideoFields, VideoRequest, validate
from wan_video.errors import InvalidRequest

EVERYWHERE = replace(DEFAULTS, regions=tuple(Region), endpoints=Endpoints(workspace="ws-1"))
FOX = Image.stored("inputs/1", "ab" * 32, ImageHeader(ImageFormat.PNG, 640, 480, 1000))
DEN = Image.stored("inputs/2", "cd" * 32, ImageHeader(ImageFormat.JPEG, 480, 640, 1000))
NEED_IMAGE = [name for name, model in MODELS.items() if model.image_required]


def asked(model: str, **wanted: Any) -> tuple[VideoRequest, Estimate]:
    return validate(VideoFields(**{"model": model, "first_frame": FOX, **wanted}), EVERYWHERE, lambda: 42)


def problems(model: str, **wanted: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        asked(model, **wanted)
    return {problem.name: problem.detail for problem in refused.value.problems}


@pytest.mark.parametrize("model", NEED_IMAGE)
def test_a_first_frame_is_enough_for_a_request(model: str) -> None:
    request, _ = asked(model)
    assert (request.images, request.prompt, request.size, request.ratio) == ([FOX], "", None, ADAPTIVE)
    assert request.tier in MODELS[model].sizes


@pytest.mark.parametrize("model", NEED_IMAGE)
def test_a_text_is_not(model: str) -> None:
    assert f"{model} makes videos from an image" in problems(model, prompt="a fox", first_frame=None)["input_reference"]


@pytest.mark.parametrize("model", NEED_IMAGE)
@pytest.mark.parametrize("wanted", [{"size": "1280x720"}, {"aspect_ratio": "16:9"}])
def test_the_image_decides_the_shape(model: str, wanted: dict[str, str]) -> None:
    (detail,) = problems(model, **wanted).values()
    assert detail.startswith(f"The image decides the aspect ratio of videos of {model}; send only resolution")


@pytest.mark.parametrize("model", NEED_IMAGE)
def test_only_wan27_takes_a_last_frame(model: str) -> None:
    if model.startswith("wan2.7"):
        assert asked(model, last_frame=DEN)[0].images == [FOX, DEN]
    else:
        assert "wan2.7-i2v" in problems(model, last_frame=DEN)["last_frame"]


def test_an_image_that_the_older_models_do_not_take_is_refused_with_the_limit() -> None:
    small = replace(FOX, height=300)
    assert "sides of 360 to 2000 pixels" in problems("wan2.6-i2v", first_frame=small)["input_reference"]
    assert asked("wan2.7-i2v", first_frame=small)[0].images == [small]


def test_only_wan26_flash_can_be_silent_and_then_costs_half() -> None:
    request, price = asked("wan2.6-i2v-flash", region="singapore", resolution="720P", seconds=5, audio=False)
    assert (request.audio, price.price) == (False, Decimal("0.917405"))
    request, price = asked("wan2.6-i2v-flash", region="singapore", resolution="720P", seconds=5)
    assert (request.audio, price.price) == (True, Decimal("1.834810"))
    assert problems("wan2.6-i2v", audio=False).keys() == {"audio"}


def test_a_silent_video_takes_no_audio_file() -> None:
    refused = problems("wan2.6-i2v-flash", audio=False, audio_url="https://example.com/a.mp3")
    assert refused == {"audio_url": "A video with audio false has no sound; leave out audio or audio_url."}
    heard, _ = asked("wan2.6-i2v-flash", audio_url="https://example.com/a.mp3")
    assert heard.audio_url == "https://example.com/a.mp3"


@pytest.mark.parametrize("region", ["virginia", "frankfurt"])
def test_wans_global_deployment_makes_three_lengths(region: str) -> None:
    refused = problems("wan2.6-i2v", region=region, seconds=7)
    assert refused == {"seconds": f"wan2.6-i2v makes videos of 5, 10 or 15 seconds in {region}, not 7."}
    assert asked("wan2.6-i2v", region=region, seconds=15)[0].seconds == 15
    assert asked("wan2.6-i2v", region="singapore", seconds=7)[0].seconds == 7


def test_a_resolution_without_a_price_in_wans_list_is_not_offered_there() -> None:
    refused = problems("wan2.2-i2v-flash", region="singapore", resolution="1080P")
    assert refused["resolution"].endswith("its resolutions there are 480P, 720P.")
    assert asked("wan2.2-i2v-flash", region="beijing", resolution="1080P")[0].tier is Tier.P1080


@pytest.mark.parametrize("model", ["wan2.2-kf2v-flash", "wanx2.1-i2v-plus", "wan2.6-r2v", "wan2.7-videoedit"])
def test_models_of_wan_that_are_left_out_are_refused_by_name(model: str) -> None:
    assert problems(model)["model"].startswith(f"The model {model} is not supported: this stack makes videos from text")
