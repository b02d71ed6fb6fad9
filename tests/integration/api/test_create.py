"""POST /v1/videos: every valid form of a request, and every invalid one with its answer, which costs nothing."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.integration.api.client import Api, assert_problem
from tools.harness.lambdas import event
from wan_video.domain.models import MODELS

# --- valid requests ---------------------------------------------------------------------------------------------------


def test_a_prompt_in_an_event_is_accepted_unchanged(api: Api) -> None:
    answer = api.call(event("api_post"))
    assert answer.status == 202
    video = answer.json
    assert (video["status"], video["seconds"], video["size"], video["model"]) == (
        "queued",
        "5",
        "1280x720",
        "wan2.6-t2v",
    )
    assert (answer.headers["retry-after"], answer.headers["openai-poll-after-ms"]) == ("15", "15000")
    assert api.get(f"/v1/videos/{video['id']}").json == video
    assert api.stack.videos.get(video["id"]).owner == "alice"


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "狐" * 1500},
        {"prompt": "a fox", "seconds": "10"},
        {"prompt": "a fox", "duration": 10},
        {"prompt": "a fox", "seconds": 10, "duration": 10},
        {"prompt": "a fox", "size": "1280*720"},
        {"prompt": "a fox", "resolution": "1080p", "aspect_ratio": "9:16"},
        {"prompt": "=cmd|' /C calc'!A0"},
        {"prompt": "a fox", "max_price": 3.66962},
        {"prompt": "a fox", "max_price": "3.66962"},
        {"prompt": "a fox", "metadata": {"case": "7"}, "custom_id": "row-1"},
        {"prompt": "a fox", "model": None, "seed": None},
    ],
    ids=range(11),
)
def test_every_valid_form_of_a_request_is_accepted(api: Api, body: dict[str, Any]) -> None:
    assert api.post(body).status == 202


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x"])
def test_the_content_type_may_have_parameters(api: Api, content_type: str) -> None:
    assert api.post({"prompt": "a fox"}, {"Content-Type": content_type}).status == 202


def test_a_body_in_base64_is_also_read(api: Api) -> None:
    given = event("api_post") | {"isBase64Encoded": True}
    given["body"] = base64.b64encode('{"prompt": "狐"}'.encode()).decode()
    assert api.call(given).json["prompt"] == "狐"


# --- invalid bodies ---------------------------------------------------------------------------------------------------


BAD_BODIES: dict[str, object] = {
    "none": None,
    "empty": "",
    "null": "null",
    "list": "[]",
    "text": '"x"',
    "number": "123",
    "cut": '{"prompt": "a fox"',
    "two documents": '{"prompt": "a"}{"prompt": "b"}',
    "byte order mark": '\ufeff{"prompt": "a"}',
    "a key twice": '{"prompt": "a", "prompt": "b"}',
    "a key twice inside": '{"prompt": "a", "metadata": {"k": "1", "k": "2"}}',
    "NaN": '{"prompt": "a", "max_price": NaN}',
    "Infinity": '{"prompt": "a", "max_price": -Infinity}',
    "a number too large": '{"prompt": "a", "max_price": 1e999}',
    "a number too large in place of a text": '{"prompt": "a", "metadata": {"k": 1e400}}',
    "a number too long": '{"prompt": "a", "seed": ' + "9" * 5000 + "}",
    "too deep": '{"prompt": ' + "[" * 30_000 + "]" * 30_000 + "}",
    "half a surrogate pair": '{"prompt": "a\\ud800"}',
    "half a surrogate pair as a key": '{"prompt": "a", "\\ud800": 1}',
    "a surrogate key twice": '{"\\ud800": 1, "\\ud800": 2}',
    "nothing": {},
    "no prompt": {"model": "wan2.6-t2v"},
    "empty prompt": {"prompt": ""},
    "white prompt": {"prompt": " \t\n"},
    "zero-width prompt": {"prompt": "\u200b\ufeff"},
    "NUL": {"prompt": "a\0b"},
    "number as prompt": {"prompt": 7},
    "list as prompt": {"prompt": ["a"]},
    "null as prompt": {"prompt": None},
    "too long": {"prompt": "a" * 1501},
    "unknown field": {"prompt": "a", "promt": "b"},
    "unknown model": {"prompt": "a", "model": "sora-2"},
    "number as model": {"prompt": "a", "model": 7},
    "4K": {"prompt": "a", "size": "4K"},
    "size the model lacks": {"prompt": "a", "size": "832x480"},
    "size twice": {"prompt": "a", "size": "1280x720", "resolution": "720P"},
    "7 seconds on 2.5": {"prompt": "a", "model": "wan2.5-t2v-preview", "seconds": 7},
    "15 seconds on 2.5": {"prompt": "a", "model": "wan2.5-t2v-preview", "seconds": 15},
    "-5 seconds": {"prompt": "a", "seconds": -5},
    "true seconds": {"prompt": "a", "seconds": True},
    "5.5 seconds": {"prompt": "a", "seconds": 5.5},
    "5.0 seconds": {"prompt": "a", "seconds": 5.0},
    "seconds in words": {"prompt": "a", "seconds": "five"},
    "seconds in other digits": {"prompt": "a", "seconds": "５"},
    "two lengths": {"prompt": "a", "seconds": 5, "duration": 10},
    "shots on 2.5": {"prompt": "a", "model": "wan2.5-t2v-preview", "shot_type": "multi"},
    "shots without extension": {"prompt": "a", "shot_type": "multi", "prompt_extend": False},
    "audio on 2.2": {"prompt": "a", "model": "wan2.2-t2v-plus", "audio_url": "https://example.com/a.mp3"},
    "audio from a file": {"prompt": "a", "audio_url": "file:///etc/passwd"},
    "audio from here": {"prompt": "a", "audio_url": "http://localhost/a.mp3"},
    "audio from inside": {"prompt": "a", "audio_url": "http://192.168.0.1/a.mp3"},
    "audio from the metadata service": {"prompt": "a", "audio_url": "http://169.254.169.254/a.mp3"},
    "audio with a user": {"prompt": "a", "audio_url": "https://me@example.com/a.mp3"},
    "audio with a long link": {"prompt": "a", "audio_url": "https://example.com/" + "a" * 2048},
    "seed -1": {"prompt": "a", "seed": -1},
    "seed 2^31": {"prompt": "a", "seed": 2**31},
    "seed 1.5": {"prompt": "a", "seed": 1.5},
    "seed in text": {"prompt": "a", "seed": "7"},
    "yes for true": {"prompt": "a", "watermark": "yes"},
    "1 for true": {"prompt": "a", "prompt_extend": 1},
    "region not configured": {"prompt": "a", "region": "beijing"},
    "metadata of numbers": {"prompt": "a", "metadata": {"k": 1}},
    "metadata as a list": {"prompt": "a", "metadata": []},
    "17 keys": {"prompt": "a", "metadata": {str(number): "" for number in range(17)}},
    "a negative price": {"prompt": "a", "max_price": -1},
    "a true price": {"prompt": "a", "max_price": True},
    "an empty model": {"prompt": "a", "model": ""},
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_an_invalid_body_is_a_400_and_stores_nothing(api: Api, name: str) -> None:
    answer = api.post(BAD_BODIES[name])
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["errors"]
    assert answer.json["retryable"] is False
    assert api.stored == 0


def test_bytes_that_are_not_text_are_a_400(api: Api) -> None:
    given = event("api_post") | {"isBase64Encoded": True, "body": base64.b64encode(b"\xff\xfe{").decode()}
    assert_problem(api.call(given), 400, "invalid_request")
    assert_problem(api.call(given | {"body": "not base64!"}), 400, "invalid_request")


def test_a_refusal_names_the_field_and_the_valid_values(api: Api) -> None:
    document = api.post({"prompt": "", "size": "4K", "seconds": 99}).json
    assert [error["pointer"] for error in document["errors"]] == ["/size", "/seconds", "/prompt"]
    assert "1280x720" in document["errors"][0]["detail"]
    assert document["error"]["param"] == "size"
    unknown = api.post({"prompt": "a", "model": "sora-2"}).json
    assert all(model in unknown["detail"] for model in MODELS)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "", "application/x-www-form-urlencoded", "text/json"],
)
def test_another_content_type_is_a_415(api: Api, content_type: str) -> None:
    assert_problem(api.post({"prompt": "a"}, {"Content-Type": content_type}), 415, "unsupported_media_type")
    assert api.stored == 0


def test_a_request_without_headers_is_a_415(api: Api) -> None:
    given = event("api_post") | {"headers": None, "multiValueHeaders": None}
    assert_problem(api.call(given), 415, "unsupported_media_type")


def test_a_body_above_256_kib_is_a_413_and_one_of_256_kib_is_read(api: Api) -> None:
    start, end = '{"prompt": "', '"}'
    room = 256 * 1024 - len(start) - len(end)
    assert_problem(api.post(start + "a" * room + end), 400, "invalid_request")
    assert_problem(api.post(start + "a" * (room + 1) + end), 413, "body_too_large")
    assert_problem(api.post(start + "狐" * (room // 3 + 1) + end), 413, "body_too_large")
