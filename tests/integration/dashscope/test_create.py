"""DashScope's routes: requests for videos, and the permission to upload."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.dashscope.routes import CREATE, ORDER, DashScopeRoutes
from tools.harness.lambdas import end_process, warm
from tools.harness.samples import ALICE
from tools.harness.stack import VIDEOS, deployed
from wan_simulator.orders import parse_order
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video import bootstrap
from wan_video.domain.models import Region
from wan_video.wire.dashscope import read_order


def test_a_request_becomes_a_video_whose_id_is_the_task_id(dashscope: DashScopeRoutes) -> None:
    status, answer = dashscope.create()
    assert (status, answer["output"]["task_status"]) == (200, "PENDING")
    video = dashscope.stack.videos.get(answer["output"]["task_id"])
    assert (video.owner, video.request.model, str(video.request.size)) == ("alice", "wan2.5-t2v-preview", "832x480")
    assert answer["request_id"]


def test_a_request_gets_wans_own_defaults_and_not_the_stacks(dashscope: DashScopeRoutes) -> None:
    _, answer = dashscope.create(parameters={})
    request = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    assert (str(request.size), request.seconds, request.prompt_extend) == ("1920x1080", 5, True)


@pytest.mark.parametrize(
    ("model", "parameters", "size"),
    [
        ("wan2.7-t2v", {}, "1920x1080"),
        ("wan2.7-t2v", {"ratio": "9:16"}, "1080x1920"),
        ("wan2.7-t2v", {"resolution": "720P"}, "1280x720"),
        ("wan2.6-t2v", {}, "1920x1080"),
        ("wan2.5-t2v-preview", {}, "1920x1080"),
        ("wan2.2-t2v-plus", {}, "1920x1080"),
        ("wan2.1-t2v-turbo", {}, "1280x720"),
    ],
)
def test_the_defaults_of_a_request_are_those_of_the_simulator(
    dashscope: DashScopeRoutes, simulator: Simulator, model: str, parameters: dict[str, Any], size: str
) -> None:
    """The simulator reads the same request as Wan does; the stack has other defaults."""
    for name, value in {"DEFAULT_SIZE": "832x480", "DEFAULT_SECONDS": "10", "DEFAULT_MODEL": model}.items():
        dashscope.monkeypatch.setenv(name, value)
    end_process()
    order = {**ORDER, "model": model, "parameters": parameters}
    _, answer = dashscope.call("POST", CREATE, order)
    request = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    wans = parse_order(order, Region.SINGAPORE)
    assert (str(request.size), request.seconds) == (str(wans.size), wans.seconds) == (size, 5)
    assert (request.prompt_extend, request.watermark) == (wans.prompt_extend, wans.watermark)


def test_a_request_for_wan27_has_resolution_and_ratio(dashscope: DashScopeRoutes) -> None:
    parameters = {"resolution": "720P", "ratio": "9:16", "duration": 7, "shot_type": "multi"}
    _, answer = dashscope.create(model="wan2.7-t2v", parameters=parameters)
    request = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    assert (str(request.size), request.seconds, request.shot_type) == ("720x1280", 7, None)


def test_text_that_is_too_long_is_cut_as_wan_does(dashscope: DashScopeRoutes) -> None:
    _, answer = dashscope.create(input={"prompt": "x" * 2000, "negative_prompt": "y" * 600})
    request = dashscope.stack.videos.get(answer["output"]["task_id"]).request
    assert (len(request.prompt), len(request.negative_prompt or "")) == (1500, 500)


def test_a_create_that_the_sdk_repeats_is_one_video_and_a_later_one_is_another(dashscope: DashScopeRoutes) -> None:
    first, again, other = dashscope.create(), dashscope.create(), dashscope.create(input={"prompt": "another fox"})
    ids = [answer["output"]["task_id"] for _, answer in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    assert dashscope.stored == 2


def test_the_same_body_after_the_window_is_another_video(dashscope: DashScopeRoutes) -> None:
    first = dashscope.create()[1]["output"]["task_id"]
    dashscope.pass_seconds(10)
    assert dashscope.create()[1]["output"]["task_id"] != first


SDK_2: dict[str, Any] = {
    "x_dashscope_sdk_client": "python-sdk/2.0.2/aigc2",
    "x_dashscope_sdk_session_id": "0f5b",
    "user_agent": "dashscope-v2-python/2.0.2",
}


@pytest.mark.parametrize("named_by", ["x_dashscope_sdk_client", "user_agent"])
def test_the_window_of_the_second_generation_sdk_is_eleven_minutes_and_a_fetch_closes_it(
    dashscope: DashScopeRoutes, named_by: str
) -> None:
    headers = {name: value for name, value in SDK_2.items() if name in (named_by, "x_dashscope_sdk_session_id")}
    first = dashscope.call("POST", CREATE, ORDER, **headers)[1]["output"]["task_id"]
    dashscope.pass_seconds(650)
    assert dashscope.call("POST", CREATE, ORDER, **headers)[1]["output"]["task_id"] == first
    dashscope.call("GET", f"/api/v1/tasks/{first}", **{**headers, "x_dashscope_sdk_session_id": "another"})
    assert dashscope.call("POST", CREATE, ORDER, **headers)[1]["output"]["task_id"] == first
    dashscope.call("GET", f"/api/v1/tasks/{first}", **headers)
    assert dashscope.call("POST", CREATE, ORDER, **headers)[1]["output"]["task_id"] != first
    assert dashscope.stored == 2


def test_an_answer_that_repeats_an_earlier_one_says_so(dashscope: DashScopeRoutes) -> None:
    assert "Idempotent-Replayed" not in dashscope.raw("POST", CREATE, ORDER)["multiValueHeaders"]
    assert dashscope.raw("POST", CREATE, ORDER)["multiValueHeaders"]["Idempotent-Replayed"] == ["true"]


def test_one_key_is_one_video_and_another_body_is_refused_with_wans_error(dashscope: DashScopeRoutes) -> None:
    key: dict[str, Any] = {"idempotency_key": "aisdk_vid_0123456789abcdef"}
    first = dashscope.call("POST", CREATE, ORDER, **key)[1]["output"]["task_id"]
    dashscope.pass_seconds(3500)
    assert dashscope.call("POST", CREATE, ORDER, **key)[1]["output"]["task_id"] == first
    raw = dashscope.raw("POST", CREATE, {**ORDER, "parameters": {"size": "832*480", "seed": 1}}, **key)
    assert (raw["statusCode"], json.loads(raw["body"])["code"]) == (400, "InvalidParameter")
    assert raw["multiValueHeaders"]["x-should-retry"] == ["false"]
    assert dashscope.stored == 1


def test_the_key_of_a_deleted_video_is_refused_and_creates_nothing(dashscope: DashScopeRoutes) -> None:
    key: dict[str, Any] = {"idempotency_key": "aisdk_vid_0123456789abcdef"}
    video = dashscope.stack.videos.get(dashscope.call("POST", CREATE, ORDER, **key)[1]["output"]["task_id"])
    dashscope.delete(video)
    raw = dashscope.raw("POST", CREATE, ORDER, **key)
    assert (raw["statusCode"], json.loads(raw["body"])["code"]) == (400, "InvalidParameter")
    assert raw["multiValueHeaders"]["x-should-retry"] == ["false"]
    assert dashscope.stored == 1  # the tombstone of the video


def test_the_same_request_after_a_deletion_creates_a_new_video(dashscope: DashScopeRoutes) -> None:
    first = dashscope.create()[1]["output"]["task_id"]
    dashscope.delete(dashscope.stack.videos.get(first))
    status, answer = dashscope.create()
    assert status == 200
    assert answer["output"]["task_id"] != first
    assert dashscope.create()[1]["output"]["task_id"] == answer["output"]["task_id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "f\u00fcchse", "two\nlines"])
def test_an_impossible_key_is_an_invalid_parameter(dashscope: DashScopeRoutes, key: str) -> None:
    status, answer = dashscope.call("POST", CREATE, ORDER, idempotency_key=key)
    assert (status, answer["code"], dashscope.stored) == (400, "InvalidParameter", 0)


def test_twenty_simultaneous_identical_requests_are_one_video(
    credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of Lambda share only the tables; a resolver of Powertools handles one event at a time."""
    end_process()
    with deployed(for_threads=True) as stack:
        warm(stack, monkeypatch)
        service, order = bootstrap.api().dashscope(), read_order(ORDER)
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(lambda _: service.create(ALICE, order.fields, ORDER), range(20)))
        assert len({one.video.id for one in made}) == stack.dynamodb.Table(VIDEOS).scan()["Count"] == 1
        assert sum(not one.replayed for one in made) == 1
    end_process()


REFUSED: list[tuple[Any, int, str]] = [
    ("{", 400, "InvalidParameter"),
    ("", 400, "InvalidParameter"),
    ([], 400, "BadRequest.IllegalInput"),
    ({**ORDER, "model": ""}, 400, "BadRequest.EmptyModel"),
    ({**ORDER, "model": "wan9.9-t2v"}, 404, "ModelNotFound"),
    ({**ORDER, "input": ""}, 400, "BadRequest.EmptyInput"),
    ({**ORDER, "input": {}}, 400, "InvalidParameter"),
    ({**ORDER, "input": {"prompt": "  "}}, 400, "InvalidParameter"),
    ({**ORDER, "parameters": {"size": "1*1"}}, 400, "InvalidParameter"),
    ({**ORDER, "parameters": {"duration": "five"}}, 400, "InvalidParameter"),
    ({**ORDER, "parameters": {"duration": 7}}, 400, "InvalidParameter"),
    ({**ORDER, "parameters": 7}, 400, "InvalidParameter"),
    ({**ORDER, "parameters": {"max_price": "0.01"}}, 429, "Throttling.AllocationQuota"),
    ({**ORDER, "parameters": {"max_price": "cheap"}}, 400, "InvalidParameter"),
    ({**ORDER, "input": {"prompt": "a", "audio_url": "http://localhost/a.mp3"}}, 400, "InvalidParameter"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
def test_an_invalid_request_is_refused_with_wans_error_and_costs_nothing(
    dashscope: DashScopeRoutes, body: Any, status: int, code: str
) -> None:
    answered, answer = dashscope.call("POST", CREATE, body)
    assert (answered, answer["code"]) == (status, code)
    assert set(answer) == {"code", "message", "request_id"}
    assert dashscope.stored == 0


def test_a_synchronous_call_is_refused_as_wan_does(dashscope: DashScopeRoutes) -> None:
    assert dashscope.call("POST", CREATE, ORDER, X_DashScope_Async="")[1]["code"] == "AccessDenied"


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "wv_test"])
@pytest.mark.parametrize(("method", "path"), [("POST", CREATE), ("GET", "/api/v1/tasks/x"), ("GET", "/api/v1/tasks")])
def test_without_a_valid_token_every_call_is_an_invalid_api_key(
    dashscope: DashScopeRoutes, method: str, path: str, authorization: str
) -> None:
    status, answer = dashscope.call(method, path, ORDER, Authorization=authorization)
    assert (status, answer["code"]) == (401, "InvalidApiKey")


def test_the_permission_to_upload_is_wans_own(dashscope: DashScopeRoutes, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_simulator() as simulator:
        monkeypatch.setenv("WAN_ENDPOINTS", f"singapore={simulator.base_url()}")
        end_process()
        dashscope.stack.write_keys(singapore=simulator.key())
        query = {"action": "getPolicy", "model": "wan2.5-t2v-preview"}
        status, answer = dashscope.call("GET", "/api/v1/uploads", query=query)
    assert status == 200
    assert {"policy", "signature", "upload_dir", "upload_host", "oss_access_key_id"} <= set(answer["data"])


def test_an_uploaded_file_may_be_the_sound(dashscope: DashScopeRoutes) -> None:
    audio = "oss://dashscope-instant/abc/2026-11-22/1/fox.mp3"
    _, answer = dashscope.create(input={"prompt": "a fox", "audio_url": audio})
    assert dashscope.stack.videos.get(answer["output"]["task_id"]).request.audio_url == audio
