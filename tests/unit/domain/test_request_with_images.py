"""Requests with images: which models take them, and what they decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tools.harness.samples import DEFAULTS, fields
from wan_video.adapters.dynamodb.records import dump, load
from wan_video.domain import request as request_module
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.image import Image, ImageFormat, ImageHeader
from wan_video.domain.models import ADAPTIVE, IMAGES_BEFORE_27, MODELS, Region, Tier
from wan_video.domain.request import VideoRequest, validate
from wan_video.errors import InvalidRequest

WITH_WORKSPACE = replace(DEFAULTS, regions=(Region.SINGAPORE, Region.BEIJING), endpoints=Endpoints(workspace="ws-1"))
FOX = Image.stored("inputs/o/input_1", "ab" * 32, ImageHeader(ImageFormat.PNG, 640, 360, 1000))
DEN = Image.stored("inputs/o/input_2", "cd" * 32, ImageHeader(ImageFormat.JPEG, 360, 640, 1000))


def asked(**wanted: Any) -> VideoRequest:
    return validate(fields(**{"model": "wan3.0-video", **wanted}), WITH_WORKSPACE, lambda: 42)[0]


def problems(**wanted: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        asked(**wanted)
    return {problem.name: problem.detail for problem in refused.value.problems}


@pytest.fixture
def i2v(monkeypatch: pytest.MonkeyPatch) -> str:
    """A model whose image decides the aspect ratio, as all of Wan's before 3.0."""
    model = replace(
        MODELS["wan2.6-t2v"],
        name="wan-i2v",
        protocol="resolution",
        sizes={Tier.P720: {}, Tier.P1080: {}},
        ratios=(ADAPTIVE,),
        default_ratio=ADAPTIVE,
        images=IMAGES_BEFORE_27,
        image_required=True,
        image_sets_ratio=True,
    )
    monkeypatch.setattr(request_module, "MODELS", {**MODELS, "wan-i2v": model})
    return "wan-i2v"


def test_a_request_with_images_keeps_them_in_its_row_and_in_its_fields() -> None:
    request = asked(first_frame=FOX, last_frame=DEN)
    assert request.images == [FOX, DEN]
    assert load(VideoRequest, dump(request)) == request
    assert validate(request.fields(), WITH_WORKSPACE, lambda: 1)[0] == request


def test_a_request_without_images_is_stored_as_before() -> None:
    assert not {"first_frame", "last_frame"} & dump(asked()).keys()
    assert asked().images == []


def test_an_image_needs_no_prompt_and_a_text_does() -> None:
    assert asked(first_frame=FOX, prompt="").prompt == ""
    assert asked(first_frame=FOX, prompt="  \n").prompt == ""
    assert asked(first_frame=FOX, prompt="it runs").prompt == "it runs"
    assert problems(prompt="").keys() == {"prompt"}


def test_an_image_gives_the_video_its_shape_unless_the_request_does() -> None:
    request = asked(first_frame=FOX)
    assert (request.tier, request.ratio, request.size) == (Tier.P720, ADAPTIVE, None)
    assert asked(first_frame=FOX, resolution="1080P").ratio == ADAPTIVE
    assert asked(first_frame=FOX, aspect_ratio="1:1").ratio == "1:1"
    assert asked(first_frame=FOX, size="1280x720").ratio == "16:9"
    assert asked().ratio == "16:9"


def test_models_of_text_only_say_which_models_take_an_image() -> None:
    assert "wan3.0-video" in problems(model="wan2.6-t2v", first_frame=FOX)["input_reference"]


def test_a_last_frame_needs_a_first_one() -> None:
    assert "needs a first frame" in problems(last_frame=DEN)["last_frame"]


def test_each_image_is_held_against_the_limits_of_the_model() -> None:
    small = Image.stored("inputs/o/input_3", "ef" * 32, ImageHeader(ImageFormat.PNG, 100, 100, 1000))
    assert "240 to 8000" in problems(first_frame=small)["input_reference"]
    assert "240 to 8000" in problems(first_frame=FOX, last_frame=small)["last_frame"]
    assert asked(first_frame=Image.unread("oss://dashscope-instant/a.png")).first_frame is not None


def test_where_the_image_decides_the_shape_only_the_resolution_is_asked(i2v: str) -> None:
    request = asked(model=i2v, first_frame=FOX, prompt="")
    # The tier of the stack's default size, and not Wan's default, which costs more.
    assert (request.tier, request.aspect_ratio, request.size) == (Tier.P720, ADAPTIVE, None)
    assert asked(model=i2v, first_frame=FOX, resolution="1080P", aspect_ratio=ADAPTIVE).resolution == "1080P"
    assert validate(request.fields(), WITH_WORKSPACE, lambda: 1)[0] == request
    assert "image decides" in problems(model=i2v, first_frame=FOX, size="1280x720")["size"]
    assert "image decides" in problems(model=i2v, first_frame=FOX, aspect_ratio="16:9")["aspect_ratio"]
    assert "its resolutions are 720P, 1080P" in problems(model=i2v, first_frame=FOX, resolution="480P")["resolution"]


def test_a_model_of_images_needs_one_and_says_which_frames_it_takes(i2v: str) -> None:
    assert "send its first frame" in problems(model=i2v)["input_reference"]
    assert "does not take a last frame" in problems(model=i2v, first_frame=FOX, last_frame=FOX)["last_frame"]
    big = replace(FOX, width=4000, height=4000)
    assert "360 to 2000" in problems(model=i2v, first_frame=big)["input_reference"]
