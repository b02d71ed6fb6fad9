"""The body of a create call with images, in the protocol of each model, and what the simulated Wan reads in it."""

from __future__ import annotations

from typing import Any

import pytest

from tools.harness.samples import request
from wan_simulator.orders import parse_order
from wan_video.adapters.wan.bodies import headers, request_body, task_of
from wan_video.domain.image import Image, ImageAddresses
from wan_video.domain.models import ADAPTIVE, MODELS, Tier
from wan_video.domain.request import VideoRequest

FIRST, LAST, AUDIO = "https://bucket/first", "data:image/png;base64,QUJD", "https://example.com/a.mp3"
IMAGE_MODELS = [name for name, model in MODELS.items() if model.takes_image]


def with_image(model: str, **more: Any) -> VideoRequest:
    row = MODELS[model]
    given = {
        "seconds": row.default_seconds,
        "audio": True if row.audio_switch else None,
        "region": next(iter(row.regions)),
    }
    named = {"size": None, "resolution": row.default_tier, "aspect_ratio": ADAPTIVE, "first_frame": Image.unread(FIRST)}
    return request(**{"model": model, "prompt": "", **named, **given, **more})


def test_wan27_takes_frames_and_audio_among_its_media() -> None:
    wanted = with_image("wan2.7-i2v", last_frame=Image.unread(LAST), audio_url=AUDIO, negative_prompt="rain")
    assert request_body(wanted, ImageAddresses(FIRST, LAST)) == {
        "model": "wan2.7-i2v",
        "input": {
            "negative_prompt": "rain",
            "media": [
                {"type": "first_frame", "url": FIRST},
                {"type": "last_frame", "url": LAST},
                {"type": "driving_audio", "url": AUDIO},
            ],
        },
        "parameters": {
            "prompt_extend": True, "watermark": False, "seed": 7, "resolution": "1080P", "duration": 5,
        },
    }  # fmt: skip


def test_models_before_wan27_take_an_img_url() -> None:
    wanted = with_image("wan2.6-i2v-flash", prompt="it runs", audio=False, shot_type="multi", resolution=Tier.P720)
    assert request_body(wanted, ImageAddresses(FIRST)) == {
        "model": "wan2.6-i2v-flash",
        "input": {"prompt": "it runs", "img_url": FIRST},
        "parameters": {
            "prompt_extend": True, "watermark": False, "seed": 7, "resolution": "720P", "duration": 5,
            "audio": False, "shot_type": "multi",
        },
    }  # fmt: skip
    heard = request_body(with_image("wan2.6-i2v", audio_url=AUDIO), ImageAddresses(FIRST))
    assert heard["input"] == {"img_url": FIRST, "audio_url": AUDIO}


def test_wan30_takes_frames_and_a_ratio() -> None:
    body = request_body(with_image("wan3.0-video", prompt="it runs"), ImageAddresses(FIRST))
    assert body["input"] == {"prompt": "it runs", "media": [{"type": "first_frame", "url": FIRST}]}
    assert body["parameters"]["ratio"] == ADAPTIVE


def test_audio_of_a_text_to_video_model_stays_beside_the_prompt() -> None:
    assert request_body(request(model="wan2.7-t2v", audio_url=AUDIO))["input"]["audio_url"] == AUDIO


@pytest.mark.parametrize("model", IMAGE_MODELS)
def test_the_simulated_wan_reads_what_was_meant(model: str) -> None:
    row = MODELS[model]
    last = LAST if row.last_frame else None
    audio = AUDIO if row.takes_audio_url else None
    wanted = with_image(model, audio_url=audio, last_frame=Image.unread(LAST) if last else None)
    order = parse_order(request_body(wanted, ImageAddresses(FIRST, last)), wanted.region)
    assert (order.images, order.audio_url) == ((FIRST, LAST) if last else (FIRST,), audio)
    assert (order.prompt, order.fault) == ("", "")
    assert (order.tier, order.seconds) == (str(row.default_tier), row.default_seconds)
    assert order.shape_is_free


@pytest.mark.parametrize("model", IMAGE_MODELS)
def test_an_uploaded_file_is_sent_with_its_header(model: str) -> None:
    plain = request_body(with_image(model), ImageAddresses(FIRST))
    named = request_body(with_image(model), ImageAddresses("oss://dashscope-file/a.png"))
    assert headers(plain) == {"X-DashScope-Async": "enable"}
    assert headers(named)["X-DashScope-OssResourceResolve"] == "enable"


def test_an_answer_without_a_prompt_differs_from_one_that_states_none() -> None:
    def answer(**output: Any) -> str | None:
        task = task_of({"output": {"task_id": "t", "task_status": "SUCCEEDED", **output}})
        assert task is not None
        return task.orig_prompt

    assert (answer(orig_prompt=""), answer(orig_prompt="a")) == ("", "a")
    assert (answer(), answer(orig_prompt=None)) == (None, None)
