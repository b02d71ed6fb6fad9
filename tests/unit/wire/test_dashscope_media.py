"""Images in DashScope's create calls: what is read from `img_url` and `media`, and what is refused."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from tools.harness.images import image_bytes
from tools.harness.samples import made
from wan_video.domain.digests import body_digest
from wan_video.domain.image import ImageReference, ImageReferences
from wan_video.domain.models import MODELS, Tier
from wan_video.domain.video import Status
from wan_video.errors import InvalidRequest
from wan_video.wire.dashscope import DashScopeError, Order, as_dashscope_error, read_order, task

FOX = image_bytes("PNG")
BASE64 = base64.b64encode(FOX).decode()
URL, OSS, AUDIO = (
    "https://example.com/fox.png",
    "oss://dashscope-instant/a/b/My fox (1).png",
    "https://example.com/a.mp3",
)
NEED_IMAGE = [name for name, model in MODELS.items() if model.image_required]
OLD = [name for name in NEED_IMAGE if MODELS[name].image_member == "img_url"]


def media(**urls: Any) -> list[dict[str, Any]]:
    return [{"type": kind, "url": url} for kind, url in urls.items()]


def order(model: str = "wan2.7-i2v", parameters: dict[str, Any] | None = None, **inputs: Any) -> Order:
    return read_order({"model": model, "input": inputs, "parameters": parameters or {}})


def refusal(model: str = "wan2.7-i2v", **inputs: Any) -> DashScopeError:
    with pytest.raises((InvalidRequest, DashScopeError)) as caught:
        order(model, **inputs)
    error = as_dashscope_error(caught.value)
    assert (error.status, error.code) == (400, "InvalidParameter")
    return error


@pytest.mark.parametrize("model", [*NEED_IMAGE, "wan3.0-video", "wan3.0-video-prime"])
@pytest.mark.parametrize("prompt", [{}, {"prompt": None}, {"prompt": ""}])
def test_img_url_is_the_first_frame_of_every_model_that_takes_one(model: str, prompt: dict[str, Any]) -> None:
    read = order(model, img_url=URL, **prompt)
    assert (read.images, read.fields.prompt) == (ImageReferences(ImageReference(URL)), "")


@pytest.mark.parametrize("model", ["wan2.7-i2v", "wan2.7-i2v-2026-04-25", "wan3.0-video"])
def test_media_name_the_first_and_the_last_frame_in_any_order(model: str) -> None:
    read = order(model, media=media(last_frame=OSS, first_frame=URL), prompt="it runs")
    assert read.images == ImageReferences(ImageReference(URL), ImageReference(OSS))
    assert read.fields.prompt == "it runs"


@pytest.mark.parametrize("text", [f"data:image/png;base64,{BASE64}", BASE64])
@pytest.mark.parametrize("model", ["wan2.6-i2v", "wan2.7-i2v", "wan3.0-video"])
def test_base64_is_read_with_and_without_its_prefix(model: str, text: str) -> None:
    assert order(model, img_url=text).images == ImageReferences(ImageReference(content=FOX))


def test_driving_audio_of_wan27_is_our_audio_url() -> None:
    read = order(media=media(first_frame=URL, driving_audio=AUDIO), audio_url="https://example.com/ignored.mp3")
    assert read.fields.audio_url == AUDIO
    assert order(media=media(first_frame=URL), audio_url=AUDIO).fields.audio_url is None
    assert order("wan2.6-i2v", img_url=URL, audio_url=AUDIO).fields.audio_url == AUDIO


def test_a_silent_video_of_wan26_flash_ignores_audio_as_wan_does() -> None:
    read = order("wan2.6-i2v-flash", {"audio": False}, img_url=URL, audio_url=AUDIO)
    assert (read.fields.audio, read.fields.audio_url) == (False, None)


@pytest.mark.parametrize("model", NEED_IMAGE)
def test_size_and_ratio_are_ignored_where_the_image_decides_them(model: str) -> None:
    read = order(model, {"size": "1280*720", "ratio": "16:9"}, img_url=URL).fields
    assert (read.size, read.resolution, read.aspect_ratio) == (None, str(MODELS[model].default_tier), "adaptive")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"media": media(reference_image=URL)}, "media of the type 'reference_image' are not supported; send media of"),
        ({"media": media(first_clip=URL)}, "'first_clip' are not supported"),
        ({"media": media(file=URL)}, "'file' are not supported"),
        ({"media": media(link=URL)}, "first_frame, last_frame, driving_audio"),
        ({"media": [{"url": URL}]}, "'None' are not supported"),
        ({"media": "x"}, "media must be a list"),
        ({"media": [5]}, "media must be a list"),
        ({"media": media(first_frame=URL) * 2}, "more than one first_frame"),
        ({"media": media(driving_audio=AUDIO) * 2}, "more than one driving_audio"),
        ({"media": media(driving_audio=None)}, "needs a url"),
        ({"media": media(first_frame=None)}, "first_frame needs a URL or base64"),
        ({"media": media(first_frame=URL), "img_url": URL}, "more than one first_frame"),
        ({"img_url": 5}, "img_url needs a URL or base64"),
        ({"img_url": "not base64!"}, "img_url is neither a URL (https, oss or data) nor base64"),
        ({"img_url": "data:image/png;base64,!!"}, "img_url is a data URL whose base64 is damaged"),
        ({"img_url": "oss://x"}, "img_url must be an image"),
        ({"img_url": URL, "template": "flying"}, "template is not supported"),
        ({"first_frame_url": URL}, "first_frame_url is not supported; send media"),
    ],
)
def test_what_the_stack_does_not_make_is_refused_and_the_message_says_what_it_makes(
    inputs: dict[str, Any], message: str
) -> None:
    assert message in str(refusal(**inputs, prompt="a fox"))


@pytest.mark.parametrize("model", OLD)
def test_models_before_wan27_take_no_media(model: str) -> None:
    assert str(refusal(model, media=media(first_frame=URL))) == f"{model} does not take media; send img_url."


def test_wan30_takes_no_audio_among_its_media() -> None:
    assert "'driving_audio' are not supported" in str(refusal("wan3.0-video", media=media(driving_audio=AUDIO)))


@pytest.mark.parametrize("model", ["wan2.2-kf2v-flash", "wanx2.1-i2v-turbo", "wan2.7-r2v"])
def test_models_that_are_left_out_are_refused_by_name(model: str) -> None:
    assert str(refusal(model, img_url=URL)).startswith(f"The model {model} is not supported")


def test_without_an_image_a_prompt_is_needed() -> None:
    assert "prompt" in str(refusal("wan3.0-video", prompt=None))


def test_models_of_text_ignore_images_as_wan_does() -> None:
    assert not order("wan2.6-t2v", prompt="a fox", img_url=URL, media=media(first_frame=URL)).images


def test_the_digest_of_a_call_contains_the_digest_of_an_image_and_not_its_bytes() -> None:
    def digest(inputs: dict[str, Any], model: str = "wan2.7-i2v") -> str:
        read = order(model, **inputs)
        assert BASE64 not in str(read.body)
        return body_digest(read.body)

    other = base64.b64encode(image_bytes("JPEG")).decode()
    calls: list[dict[str, Any]] = [
        {"img_url": BASE64},
        {"img_url": other},
        {"img_url": URL},
        {"img_url": URL + "?2"},
        {"media": media(first_frame=BASE64)},
        {"media": media(first_frame=BASE64, last_frame=other)},
        {"media": media(first_frame=other, last_frame=BASE64)},
    ]
    assert len({digest(call) for call in calls}) == len(calls)
    assert digest({"img_url": BASE64}) == digest({"img_url": f"data:image/png;base64,{BASE64}"})


def test_a_call_without_images_keeps_its_digest() -> None:
    body = {"model": "wan3.0-video", "input": {"prompt": "a fox"}}
    assert read_order(body).body is body


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("wan2.7-i2v", {"duration": 5, "input_video_duration": 0, "output_video_duration": 5, "video_count": 1,
         "SR": 720}),
        ("wan2.6-i2v-flash", {"duration": 5, "input_video_duration": 0, "output_video_duration": 5, "video_count": 1,
         "SR": 720, "audio": True}),
        ("wan2.5-i2v-preview", {"duration": 5, "video_count": 1, "SR": 720}),
    ],
)  # fmt: skip
def test_usage_has_the_format_of_the_model(model: str, usage: dict[str, Any]) -> None:
    video = made("video_1")
    named = {"size": None, "resolution": Tier.P720, "aspect_ratio": "adaptive"}
    audio = True if MODELS[model].audio_switch else None
    shown = replace(video, request=replace(video.request, model=model, audio=audio, **named))  # type: ignore[arg-type]
    assert task(replace(shown, status=Status.COMPLETED), "https://x", "r")["usage"] == usage
