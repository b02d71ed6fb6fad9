"""The function `api` with API Gateway's real events: every bad input has its answer, and none costs anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.fakes.samples import ALICE, DEFAULTS, fields, made, queued, running
from tests.fakes.world import FakeClock
from tests.integration.lambdas import Event, event, forget, invoke, warm
from tests.integration.stack import BUCKET, VIDEOS, Stack, deployed
from wan_video.adapters.objects import S3Objects
from wan_video.domain.models import MODELS
from wan_video.domain.video import Failure
from wan_video.services.api import Api as Service
from wan_video.services.deliver import metadata_key, video_key
from wan_video.services.intake import Intake

POOL = "singapore#wan2.6-t2v"


@dataclass(frozen=True)
class Answer:
    """What API Gateway would send."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text)
        return document


@dataclass(frozen=True)
class Api:
    """The deployed function."""

    stack: Stack

    def call(self, given: Event) -> Answer:
        raw = invoke("api", given)
        headers = {name.lower(): values[0] for name, values in (raw.get("multiValueHeaders") or {}).items()}
        return Answer(
            raw["statusCode"], headers | {n.lower(): v for n, v in raw.get("headers", {}).items()}, raw["body"]
        )

    def post(self, body: object, headers: dict[str, str] | None = None, **authorizer: str) -> Answer:
        given = event("api_post")
        given["body"] = body if isinstance(body, str) or body is None else json.dumps(body)
        given["headers"] |= headers or {}
        given["multiValueHeaders"] |= {name: [value] for name, value in (headers or {}).items()}
        given["requestContext"]["authorizer"] |= authorizer
        return self.call(given)

    def get(self, path: str, query: dict[str, str] | None = None, method: str = "GET", **authorizer: str) -> Answer:
        given = event("api_get")
        given |= {"path": path, "httpMethod": method, "queryStringParameters": query}
        given["multiValueQueryStringParameters"] = {name: [value] for name, value in (query or {}).items()} or None
        given["requestContext"] |= {"httpMethod": method, "path": f"/v1{path}"}
        given["requestContext"]["authorizer"] |= authorizer
        return self.call(given)

    @property
    def stored(self) -> int:
        return self.stack.dynamodb.Table(VIDEOS).scan()["Count"]


@pytest.fixture(scope="module", autouse=True)
def _process() -> Iterator[None]:
    """One warm process serves all these tests, as it serves many requests in Lambda."""
    forget()
    yield
    forget()


@pytest.fixture
def api(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Api:
    warm(stack, monkeypatch)
    return Api(stack)


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    document = answer.json
    assert document["status"] == status
    assert document["error"]["code"] == code
    assert document["detail"] == document["error"]["message"]
    assert document["instance"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert {"type", "title", "errors", "retryable"} <= document.keys()
    assert "Traceback" not in answer.text


# --- good requests ---------------------------------------------------------------------------------------------------


def test_a_prompt_is_accepted_as_the_event_brings_it(api: Api) -> None:
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
def test_every_way_to_say_it_right_is_accepted(api: Api, body: dict[str, Any]) -> None:
    assert api.post(body).status == 202


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x"])
def test_the_content_type_may_have_parameters(api: Api, content_type: str) -> None:
    assert api.post({"prompt": "a fox"}, {"Content-Type": content_type}).status == 202


def test_a_body_in_base64_is_read_too(api: Api) -> None:
    given = event("api_post") | {"isBase64Encoded": True}
    given["body"] = base64.b64encode('{"prompt": "狐"}'.encode()).decode()
    assert api.call(given).json["prompt"] == "狐"


def test_health_needs_no_token(api: Api) -> None:
    answer = api.call(event("api_health"))
    assert (answer.status, answer.json) == (200, {"status": "ok"})


# --- bad bodies ------------------------------------------------------------------------------------------------------

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
    "audio far away": {"prompt": "a", "audio_url": "https://example.com/" + "a" * 2048},
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
def test_a_bad_body_is_a_400_that_stores_nothing(api: Api, name: str) -> None:
    answer = api.post(BAD_BODIES[name])
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["errors"]
    assert answer.json["retryable"] is False
    assert api.stored == 0


def test_bytes_that_are_no_text_are_a_400(api: Api) -> None:
    given = event("api_post") | {"isBase64Encoded": True, "body": base64.b64encode(b"\xff\xfe{").decode()}
    assert_problem(api.call(given), 400, "invalid_request")
    assert_problem(api.call(given | {"body": "not base64!"}), 400, "invalid_request")


def test_a_refusal_points_at_the_field_and_says_what_would_be_right(api: Api) -> None:
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


def test_no_headers_at_all_are_a_415(api: Api) -> None:
    given = event("api_post") | {"headers": None, "multiValueHeaders": None}
    assert_problem(api.call(given), 415, "unsupported_media_type")


def test_a_body_above_64_kib_is_a_413_and_one_of_64_kib_is_read(api: Api) -> None:
    start, end = '{"prompt": "', '"}'
    room = 64 * 1024 - len(start) - len(end)
    assert_problem(api.post(start + "a" * room + end), 400, "invalid_request")
    assert_problem(api.post(start + "a" * (room + 1) + end), 413, "body_too_large")
    assert_problem(api.post(start + "狐" * (room // 3 + 1) + end), 413, "body_too_large")


# --- keys, money, rights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "a" * 256, "käse", "tab\t", "new\nline"])
def test_a_bad_idempotency_key_is_a_400(api: Api, key: str) -> None:
    assert_problem(api.post({"prompt": "a"}, {"Idempotency-Key": key}), 400, "invalid_request")
    assert api.stored == 0


def test_one_key_makes_one_video_and_another_body_is_a_422(api: Api) -> None:
    key = {"idempotency-key": "k" * 255}
    first, second = api.post({"prompt": "a"}, key), api.post({"prompt": "a"}, key)
    assert (first.status, second.status, first.json["id"]) == (202, 202, second.json["id"])
    assert_problem(api.post({"prompt": "b"}, key), 422, "idempotency_key_reused")
    assert api.post({"prompt": "b"}, key, owner="bob").json["id"] != first.json["id"]
    assert api.stored == 2


def test_what_never_fits_the_money_is_a_402(api: Api) -> None:
    assert_problem(api.post({"prompt": "a", "max_price": 0.01}), 402, "budget_exceeded")
    assert_problem(api.post({"prompt": "a"}, daily_seconds="4"), 402, "budget_exceeded")
    assert api.stored == 0


def test_a_token_without_the_scope_is_a_403(api: Api) -> None:
    assert_problem(api.post({"prompt": "a"}, scopes="read"), 403, "forbidden")
    assert_problem(api.get("/v1/videos/video_1", scopes="write"), 403, "forbidden")
    assert_problem(api.post({"prompt": "a"}, scopes=""), 403, "forbidden")


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_video_that_is_not_there_and_one_of_another_owner_are_the_same_404(api: Api) -> None:
    api.stack.videos.accept(queued("video_1", owner="bob"))
    nowhere, others = api.get("/v1/videos/video_2"), api.get("/v1/videos/video_1")
    assert_problem(nowhere, 404, "video_not_found")
    assert_problem(others, 404, "video_not_found")
    assert nowhere.text.replace("video_2", "video_1") == others.text
    assert_problem(api.get("/v1/videos/video_1/content"), 404, "video_not_found")


@pytest.mark.parametrize("video_id", ["%20", "a b", "..", "video_1%2Fcontent", "狐", "'; DROP TABLE", "a" * 2000])
def test_a_strange_id_is_a_404(api: Api, video_id: str) -> None:
    answer = api.get(f"/v1/videos/{video_id}")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_content_of_a_completed_video_is_a_link_that_works(api: Api) -> None:
    objects = S3Objects(api.stack.s3, BUCKET)
    api.stack.s3.put_object(Bucket=BUCKET, Key=video_key("video_1"), Body=b"a film")
    objects.put_json(metadata_key("video_1"), {"prompt": "a fox"})
    found = objects.find(video_key("video_1"))
    assert found is not None
    api.stack.videos.accept(made().completed(1, found))
    answer = api.get("/v1/videos/video_1/content")
    assert (answer.status, answer.headers["cache-control"]) == (302, "no-store")
    assert requests.get(answer.headers["location"], timeout=5).content == b"a film"
    metadata = api.get("/v1/videos/video_1/content", {"variant": "metadata"})
    assert requests.get(metadata.headers["location"], timeout=5).json() == {"prompt": "a fox"}
    assert_problem(api.get("/v1/videos/video_1/content", {"variant": "gif"}), 400, "invalid_request")
    assert "retry-after" not in api.get("/v1/videos/video_1").headers


def test_content_that_is_not_yet_is_a_409_and_content_that_will_never_be_a_410(api: Api) -> None:
    api.stack.videos.accept(running("video_1"))
    api.stack.videos.accept(running("video_2").ended(1, Failure("x", "y", "poll", False)))
    assert_problem(api.get("/v1/videos/video_1/content"), 409, "video_not_ready")
    assert_problem(api.get("/v1/videos/video_2/content"), 410, "video_gone")


# --- methods and paths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(("path", "allowed"), [("/healthz", "GET"), ("/v1/videos/video_1/content", "GET")])
def test_a_method_that_a_path_lacks_is_a_405_with_those_it_has(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.get(path, method=method)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def test_put_on_the_videos_is_a_405(api: Api) -> None:
    answer = api.get("/v1/videos", method="PUT")
    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/video", "/v2/videos", "/v1/videos/a/b/c", "/../etc/passwd"])
def test_a_path_that_is_none_is_a_404(api: Api, path: str) -> None:
    assert_problem(api.get(path), 404, "not_found")


# --- the unforeseen --------------------------------------------------------------------------------------------------


def test_the_unforeseen_is_a_500_that_tells_and_logs_nothing_of_the_request(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.stack.dynamodb.Table(VIDEOS).delete()
    answer = api.call(event("api_post"))
    assert_problem(answer, 500, "internal_error")
    assert answer.headers["x-should-retry"] == "false"
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["error"] == "ResourceNotFoundException"
    assert "CANARY" not in line + answer.text


def test_log_lines_are_json_and_hold_ids_alone(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    video_id = api.call(event("api_post")).json["id"]
    api.post({"prompt": "CANARY-PROMPT\n\u2028{", "size": "CANARY"})
    api.get(f"/v1/videos/{video_id}")
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["message"], line["video_id"]) for line in lines] == [("api", video_id)]
    assert "CANARY" not in out


# --- many at once ----------------------------------------------------------------------------------------------------


def test_fifty_posts_at_once_with_one_key_are_one_row_and_one_place_in_the_queue(credentials: None) -> None:
    with deployed(for_threads=True) as stack:
        clock = FakeClock()
        service = Service(
            intake=Intake(clock, DEFAULTS),
            videos=stack.videos,
            pools=stack.pools,
            objects=S3Objects(stack.s3, BUCKET),
            clock=clock,
            link_seconds=900,
        )

        def create(_: int) -> str:
            return service.create(ALICE, fields(), {"prompt": "a"}, "order-7").id

        with ThreadPoolExecutor(50) as threads:
            ids = set(threads.map(create, range(50)))
        assert len(ids) == 1
        assert stack.dynamodb.Table(VIDEOS).scan()["Count"] == 1
        (pool,) = stack.pools.read([POOL])
        assert (pool.version, set(pool.waiting)) == (1, {"alice"})
