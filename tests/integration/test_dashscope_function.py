"""The DashScope-compatible routes of `api` with API Gateway's events: everything in Wan's format."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from dashscope.utils.oss_utils import check_and_upload_local
from dashscope.v2.resources._jobs import JobList

from tests.integration.wan.clients import FixedKeys
from tests.rows import put_rows
from tools.harness.images import BLUE, image_bytes
from tools.harness.lambdas import end_process, event, invoke, warm
from tools.harness.samples import ALICE, NOW, made, queued, running, stored
from tools.harness.stack import INPUTS, LEDGER, VIDEOS, Stack, deployed
from wan_simulator.faults import Fault
from wan_simulator.orders import parse_order
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video import bootstrap
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region, Tier
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.wire.body import MAX_BODY_BYTES, MAX_BODY_WITH_IMAGES_BYTES
from wan_video.wire.dashscope import parse_time, read_order

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
TOKEN = "wv_test"
ORDER: dict[str, Any] = {
    "model": "wan2.5-t2v-preview",
    "input": {"prompt": "a fox", "extend_prompt": True, "function": "video-synthesis"},
    "parameters": {"size": "832*480", "duration": 5},
}


@dataclass(frozen=True)
class DashScopeRoutes:
    """The deployed function, called as DashScope's API is."""

    stack: Stack
    monkeypatch: pytest.MonkeyPatch

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        raw = self.raw(method, path, body, query, **headers)
        return raw["statusCode"], json.loads(raw["body"]) if raw.get("body") else dict(raw["multiValueHeaders"])

    def raw(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str
    ) -> dict[str, Any]:
        """Return the whole answer, as API Gateway gets it."""
        given = event("api_post")
        del given["requestContext"]["authorizer"]
        sent = {
            "Authorization": f"Bearer {TOKEN}",
            "X-DashScope-Async": "enable",
            "Host": "api.example",
            "X-Forwarded-Proto": "https",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {
            "httpMethod": method,
            "path": path,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
        }
        given["requestContext"]["path"] = f"/live{path}"
        answer: dict[str, Any] = invoke("api", given)
        return answer

    def create(self, **changed: Any) -> tuple[int, dict[str, Any]]:
        return self.call("POST", CREATE, {**ORDER, **changed})

    def store(self, video: Video) -> Video:
        kept = replace(video, link_key="00112233445566778899aabbccddeeff")
        self.stack.videos.accept(kept)
        return kept

    def pass_seconds(self, seconds: int) -> None:
        """Move the first request for a body further into the past."""
        ledger = self.stack.dynamodb.Table(LEDGER)
        for item in ledger.query(KeyConditionExpression=Key("pk").eq("repeat#alice"))["Items"]:
            ledger.put_item(Item={**item, "at": int(str(item["at"])) - seconds})

    def delete(self, video: Video) -> None:
        """Cancel, announce and delete a video."""
        cancelled = self.stack.videos.save(video, video.cancelled(NOW))
        announced = self.stack.videos.save(cancelled, cancelled.announced(NOW))
        self.stack.videos.delete(announced, NOW + 90 * 86_400)

    @property
    def stored(self) -> int:
        return self.stack.dynamodb.Table(VIDEOS).scan()["Count"]


@pytest.fixture
def dashscope(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[DashScopeRoutes]:
    end_process()
    with deployed() as stack:
        stack.dynamodb.Table(LEDGER).put_item(
            Item={
                "pk": "tokens",
                "sk": hashlib.sha256(TOKEN.encode()).hexdigest(),
                "owner": "alice",
                "scopes": {"read", "write"},
            }
        )
        warm(stack, monkeypatch)
        yield DashScopeRoutes(stack, monkeypatch)
    end_process()


@pytest.fixture
def simulator(dashscope: DashScopeRoutes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A Wan that the function can call with the stack's key."""
    with running_simulator() as simulator:
        monkeypatch.setenv("WAN_ENDPOINTS", f"singapore={simulator.base_url()}")
        end_process()
        dashscope.stack.write_keys(singapore=simulator.key())
        yield simulator


# --- create ----------------------------------------------------------------------------------------------------------


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


# --- images ----------------------------------------------------------------------------------------------------------

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


# --- tasks -----------------------------------------------------------------------------------------------------------


def completed(video_id: str = "video_1") -> Video:
    return made(video_id).completed(NOW, stored()).announced(NOW)


STATES = [
    (queued(), "PENDING"),
    (running(), "PENDING"),
    (made(), "RUNNING"),
    (completed(), "SUCCEEDED"),
    (running().ended(NOW, Failure("DataInspectionFailed", "Inappropriate.", "poll", False)), "FAILED"),
    (queued().cancelled(NOW), "CANCELED"),
]


@pytest.mark.parametrize(("video", "word"), STATES)
def test_every_state_is_shown_with_wans_status(dashscope: DashScopeRoutes, video: Video, word: str) -> None:
    dashscope.store(video)
    for path in (f"/api/v1/tasks/{video.id}", f"/api/v1/tasks/{video.id}/"):
        status, answer = dashscope.call("GET", path)
        assert (status, answer["output"]["task_status"], answer["output"]["task_id"]) == (200, word, video.id)


def test_a_failure_is_shown_with_code_and_message_and_status_200(dashscope: DashScopeRoutes) -> None:
    dashscope.store(running().ended(NOW, Failure("DataInspectionFailed", "Inappropriate.", "poll", False)))
    status, answer = dashscope.call("GET", "/api/v1/tasks/video_1")
    assert (status, answer["output"]["code"], answer["output"]["message"]) == (
        200,
        "DataInspectionFailed",
        "Inappropriate.",
    )
    assert "usage" not in answer


@pytest.mark.parametrize("task_id", ["video_9", "86ecf553-d340-4e21-8af0-1d1ef8a3b1ac"])
def test_a_missing_task_and_one_of_another_owner_are_unknown(dashscope: DashScopeRoutes, task_id: str) -> None:
    dashscope.store(replace(completed("video_9"), owner="bob"))
    status, answer = dashscope.call("GET", f"/api/v1/tasks/{task_id}")
    assert (status, answer["output"]) == (200, {"task_id": task_id, "task_status": "UNKNOWN"})


def test_a_video_link_opens_the_stored_video_for_anyone_who_has_it(dashscope: DashScopeRoutes) -> None:
    dashscope.store(completed())
    link = dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["video_url"]
    prefix = "https://api.example/live"
    assert link.startswith(f"{prefix}/files/video_1/")
    path = link.removeprefix(prefix)
    for authorization in ("", "Bearer of-another-owner"):
        status, headers = dashscope.call("GET", path, Authorization=authorization)
        assert status == 302
        assert "videos/video_1/video.mp4" in headers["Location"][0]
    assert dashscope.call("GET", path.replace("video_1", "video_2"))[0] == 410
    assert dashscope.call("GET", path[:-6] + "0.mp4")[0] == 410


def test_a_link_is_invalid_after_its_video_was_deleted(dashscope: DashScopeRoutes) -> None:
    video = dashscope.store(completed())
    link = dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["video_url"]
    dashscope.stack.videos.delete(video, NOW + 86_400)
    assert dashscope.call("GET", link.removeprefix("https://api.example/live"))[0] == 410


def test_after_its_term_a_video_is_unknown_and_its_link_opens_nothing(
    dashscope: DashScopeRoutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashscope.store(completed())
    link = dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["video_url"].removeprefix(
        "https://api.example/live"
    )
    assert dashscope.call("GET", link)[0] == 302
    monkeypatch.setenv("RETENTION_DAYS", "1")
    end_process()
    assert dashscope.call("GET", link)[0] == 410
    assert dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["task_status"] == "UNKNOWN"


def test_the_list_is_paged_by_number_and_filtered(dashscope: DashScopeRoutes) -> None:
    now = int(bootstrap.clock().now())
    for at in range(12):
        video = replace(queued(f"video_{at:02}"), created_at=now - 12 + at)
        dashscope.store(video.cancelled(now) if at % 2 else video)
    _, first = dashscope.call("GET", "/api/v1/tasks")
    _, second = dashscope.call("GET", "/api/v1/tasks/", query={"page_no": "2"})
    assert (first["total"], first["total_page"], len(first["data"]), len(second["data"])) == (12, 2, 10, 2)
    assert len({line["task_id"] for line in first["data"] + second["data"]}) == 12
    for page in (first, second):
        jobs = JobList.from_payload(page).tasks
        assert [job.task_id for job in jobs] == [line["task_id"] for line in page["data"]]
        assert all((job.finished_at is not None) is job.finished for job in jobs)
    _, cancelled = dashscope.call("GET", "/api/v1/tasks", query={"status": "CANCELED", "page_size": "100"})
    assert {line["status"] for line in cancelled["data"]} == {"CANCELED"}
    assert cancelled["total"] == 6
    assert dashscope.call("GET", "/api/v1/tasks", query={"model_name": "wan2.7-t2v"})[1]["total"] == 0
    assert dashscope.call("GET", "/api/v1/tasks", query={"task_id": "video_03"})[1]["total"] == 1


@pytest.mark.parametrize("query", [{}, {"status": "PENDING"}, {"model_name": "wan2.6-t2v"}], ids=str)
def test_an_old_window_is_read_directly_and_not_paged_to_from_today(
    dashscope: DashScopeRoutes, query: dict[str, str]
) -> None:
    day = 86_400
    begin = parse_time("20260501000000")
    later = (replace(queued(f"video_new_{at:03}"), created_at=begin + day + 1 + at) for at in range(150))
    put_rows(dashscope.stack.dynamodb, VIDEOS, later)
    for name, created in (("last", begin + day), ("middle", begin + 3600), ("first", begin), ("before", begin - 1)):
        dashscope.store(replace(queued(f"video_{name}"), created_at=created))
    queries: list[str] = []
    bootstrap.clients.dynamodb().meta.events.register("before-call.dynamodb.Query", lambda **_: queries.append("x"))
    window = {"start_time": "20260501000000", "end_time": "20260502000000", **query}
    _, listed = dashscope.call("GET", "/api/v1/tasks", query=window)
    assert [line["task_id"] for line in listed["data"]] == ["video_last", "video_middle", "video_first"]
    pages = {"": 1, "PENDING": 3, "wan2.6-t2v": 7}["".join(query.values())]
    assert len(queries) == pages


@pytest.mark.parametrize(
    "query",
    [
        {"page_no": "0"},
        {"page_no": "５"},
        {"page_no": " 1"},
        {"page_no": "1_0"},
        {"page_no": "9" * 5000},
        {"page_size": "x"},
        {"page_size": "١"},
        {"start_time": "yesterday"},
        {"start_time": "20200101000000"},
        {"start_time": "２０２６１１２２１５３０００"},
        {"end_time": "9" * 14},
    ],
)
def test_an_impossible_list_is_an_invalid_parameter(dashscope: DashScopeRoutes, query: dict[str, str]) -> None:
    assert dashscope.call("GET", "/api/v1/tasks", query=query)[1]["code"] == "InvalidParameter"


def test_a_waiting_video_is_cancelled_and_a_running_one_is_not(dashscope: DashScopeRoutes) -> None:
    dashscope.store(queued())
    dashscope.store(running("video_2"))
    assert dashscope.call("POST", "/api/v1/tasks/video_1/cancel")[0] == 200
    assert dashscope.call("GET", "/api/v1/tasks/video_1")[1]["output"]["task_status"] == "CANCELED"
    for other in ("video_2", "video_3"):
        status, answer = dashscope.call("POST", f"/api/v1/tasks/{other}/cancel/", "")
        assert (status, answer["code"]) == (400, "UnsupportedOperation")


def at_wan(dashscope: DashScopeRoutes, simulator: Simulator) -> Video:
    """Return a video whose task is PENDING at Wan."""
    keys = FixedKeys({Region.SINGAPORE: simulator.key()})
    client = WanClient(keys, endpoints=Endpoints({Region.SINGAPORE: simulator.base_url()}))
    video = running()
    task = Task(client.prepare(video.request)().task_id, NOW)
    return dashscope.store(replace(video, task=task))


def test_a_pending_task_is_cancelled_at_wan(dashscope: DashScopeRoutes, simulator: Simulator) -> None:
    video = at_wan(dashscope, simulator)
    assert dashscope.call("POST", f"/api/v1/tasks/{video.id}/cancel")[0] == 200
    assert dashscope.call("GET", f"/api/v1/tasks/{video.id}")[1]["output"]["task_status"] == "CANCELED"
    assert [entry["task_id"] for entry in simulator.ledger("cancelled")] == [video.task.id if video.task else ""]
    assert dashscope.stack.videos.get(video.id).status == "cancelled"


@pytest.mark.parametrize("after", [True, False], ids=["after Wan accepted", "before"])
def test_a_cancellation_without_an_answer_from_wan_is_refused(
    dashscope: DashScopeRoutes, simulator: Simulator, after: bool
) -> None:
    video = at_wan(dashscope, simulator)
    simulator.faults.add(Fault("cancel", "reset", after=after))
    status, answer = dashscope.call("POST", f"/api/v1/tasks/{video.id}/cancel")
    assert (status, answer["code"]) == (400, "UnsupportedOperation")
    assert dashscope.stack.videos.get(video.id).status == "in_progress"


# --- uploads ---------------------------------------------------------------------------------------------------------


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
