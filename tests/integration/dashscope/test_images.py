"""DashScope's routes: requests with images."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from dashscope.utils.oss_utils import check_and_upload_local

from tests.integration.dashscope.routes import CREATE, DashScopeRoutes
from tools.harness.images import BLUE, image_bytes
from tools.harness.samples import NOW, made, stored
from tools.harness.stack import INPUTS, VIDEOS
from wan_video.domain.models import Tier
from wan_video.wire.body import MAX_BODY_BYTES, MAX_BODY_WITH_IMAGES_BYTES

FOX, DEN = image_bytes("PNG"), image_bytes("JPEG", (720, 1280), BLUE)
OSS = "oss://dashscope-instant/singapore/2026-11-30/u/My fox.png"


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def image_order(model: str = "wan2.7-i2v", **inputs: Any) -> dict[str, Any]:
    return {"model": model, "input": {"prompt": None, **inputs}, "parameters": {"resolution": "720P"}}


def inputs_of(dashscope: DashScopeRoutes) -> set[str]:
    listed = dashscope.stack.s3.list_objects_v2(Bucket=INPUTS).get("Contents", [])
    s3 = dashscope.stack.s3
    bodies = [s3.get_object(Bucket=INPUTS, Key=one["Key"])["Body"].read() for one in listed]
    return {hashlib.sha256(body).hexdigest() for body in bodies}


@pytest.mark.parametrize("model", ["wan2.6-i2v", "wan2.7-i2v"])
@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_an_image_in_the_body_is_stored_as_an_input_and_the_row_names_it(
    dashscope: DashScopeRoutes, model: str, prefix: str
) -> None:
    status, answer = dashscope.call("POST", CREATE, image_order(model, img_url=prefix + base64_of(FOX)))
    assert status == 200, answer
    request = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    digest = hashlib.sha256(FOX).hexdigest()
    assert request.first_frame is not None
    assert (request.first_frame.digest, request.first_frame.is_input, request.prompt) == (digest, True, "")
    assert inputs_of(dashscope) == {digest}
    rows = json.dumps(dashscope.stack.dynamodb.Table(VIDEOS).scan()["Items"], default=str)
    assert base64_of(FOX)[:40] not in rows


def test_the_id_of_an_input_is_a_url_here_which_the_sdk_passes_on(dashscope: DashScopeRoutes) -> None:
    _, first = dashscope.call("POST", CREATE, image_order(img_url=base64_of(FOX)))
    stored = dashscope.stack.videos.get(first["output"]["task_id"]).request.first_frame
    assert stored is not None
    assert stored.input_id is not None
    assert check_and_upload_local("wan2.7-i2v", stored.input_id, "no key") == (False, stored.input_id, None)
    media = [{"type": kind, "url": stored.input_id} for kind in ("first_frame", "last_frame")]
    status, answer = dashscope.call("POST", CREATE, image_order(media=media))
    assert status == 200, answer
    again = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    assert [image.input_id for image in again.images] == [stored.input_id, stored.input_id]


def test_a_first_and_a_last_frame_are_stored(dashscope: DashScopeRoutes) -> None:
    media = [{"type": "last_frame", "url": base64_of(DEN)}, {"type": "first_frame", "url": base64_of(FOX)}]
    _, answer = dashscope.call("POST", CREATE, image_order(media=media))
    request = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    assert [image.digest for image in request.images] == [hashlib.sha256(each).hexdigest() for each in (FOX, DEN)]


def test_an_uploaded_file_is_passed_on_and_neither_fetched_nor_copied(dashscope: DashScopeRoutes) -> None:
    _, answer = dashscope.call("POST", CREATE, image_order(img_url=OSS))
    request = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    assert request.first_frame is not None
    assert (request.first_frame.source, request.first_frame.is_at_wan) == (OSS, True)
    assert inputs_of(dashscope) == set()


def test_the_same_call_with_the_same_image_is_one_video_and_with_another_image_another(
    dashscope: DashScopeRoutes,
) -> None:
    calls = [image_order(img_url=base64_of(image)) for image in (FOX, FOX, DEN)]
    ids = [dashscope.call("POST", CREATE, call)[1]["output"]["task_id"] for call in calls]
    assert ids[0] == ids[1] != ids[2]
    assert dashscope.stored == 2


def test_a_key_with_another_image_is_refused(dashscope: DashScopeRoutes) -> None:
    first = dashscope.call("POST", CREATE, image_order(img_url=base64_of(FOX)), idempotency_key="aisdk_vid_1")
    again = dashscope.call("POST", CREATE, image_order(img_url=base64_of(FOX)), idempotency_key="aisdk_vid_1")
    other = dashscope.call("POST", CREATE, image_order(img_url=base64_of(DEN)), idempotency_key="aisdk_vid_1")
    assert (first[0], other[0], other[1]["code"]) == (200, 400, "InvalidParameter")
    assert first[1]["output"] == again[1]["output"]


def test_a_query_of_the_same_process_ends_the_window_of_an_image_too(dashscope: DashScopeRoutes) -> None:
    session: dict[str, Any] = {"x_dashscope_sdk_session_id": "session-1"}
    order = image_order(img_url=base64_of(FOX))
    first = dashscope.call("POST", CREATE, order, **session)[1]["output"]["task_id"]
    dashscope.call("GET", f"/api/v1/tasks/{first}", **session)
    assert dashscope.call("POST", CREATE, order, **session)[1]["output"]["task_id"] != first


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"no image at all", "not an image that Wan accepts"),
        (FOX[:20], "cut off"),
        (image_bytes("PNG", (239, 640)), "sides of 240 to 8000 pixels"),
        (image_bytes("PNG", (2400, 240)), "1:8 to 8:1"),
        (image_bytes("PNG", (300, 300), (1, 2, 3, 4), "RGBA"), "transparency"),
        (image_bytes("GIF"), "not an image that Wan accepts"),
    ],
)
def test_an_image_that_wan_would_not_take_is_refused_before_anything_is_stored(
    dashscope: DashScopeRoutes, image: bytes, message: str
) -> None:
    status, answer = dashscope.call("POST", CREATE, image_order(img_url=base64_of(image)))
    assert (status, answer["code"]) == (400, "InvalidParameter")
    assert message in answer["message"]
    assert (dashscope.stored, inputs_of(dashscope)) == (0, set())


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "localhost"])
def test_an_image_of_a_private_host_is_not_fetched(dashscope: DashScopeRoutes, host: str) -> None:
    status, answer = dashscope.call("POST", CREATE, image_order(img_url=f"https://{host}/fox.png"))
    assert (status, answer["code"], dashscope.stored) == (400, "InvalidParameter", 0)


def test_only_an_image_makes_a_body_large(dashscope: DashScopeRoutes) -> None:
    large = image_bytes("BMP", (640, 480))
    assert len(large) > 2 * MAX_BODY_BYTES
    assert dashscope.call("POST", CREATE, image_order(img_url=base64_of(large)))[0] == 200
    long_text = {"img_url": base64_of(FOX), "negative_prompt": "x" * MAX_BODY_BYTES}
    status, answer = dashscope.call("POST", CREATE, image_order(**long_text))
    assert (status, answer["code"]) == (413, "InvalidParameter")
    assert "without its images" in answer["message"]
    status, _ = dashscope.call("POST", CREATE, image_order(img_url="A" * MAX_BODY_WITH_IMAGES_BYTES))
    assert status == 413


def test_a_video_of_an_image_answers_with_the_usage_of_its_model(dashscope: DashScopeRoutes) -> None:
    video = made("video_1")
    named = {"size": None, "resolution": Tier.P720, "aspect_ratio": "adaptive", "prompt": ""}
    request = replace(video.request, model="wan2.7-i2v", **named)  # type: ignore[arg-type]
    done = dashscope.store(replace(video, request=request).completed(NOW, stored()))
    _, answer = dashscope.call("GET", f"/api/v1/tasks/{done.id}")
    assert answer["output"]["orig_prompt"] == ""
    assert answer["usage"] == {
        "duration": 5, "input_video_duration": 0, "output_video_duration": 5, "video_count": 1, "SR": 720,
    }  # fmt: skip
