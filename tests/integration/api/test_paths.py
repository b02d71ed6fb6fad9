"""Known and unknown paths and methods, and unexpected errors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.api.client import Api, assert_problem
from tests.rows import put_rows
from tools.harness.lambdas import Event, event, invoke
from tools.harness.samples import NOW, ended_batch, made, running, stored
from tools.harness.stack import BUCKET, VIDEOS
from wan_video import bootstrap
from wan_video.domain.trouble import Failure


def test_health_needs_no_token(api: Api) -> None:
    answer = api.call(event("api_health"))
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(("path", "allowed"), [("/healthz", "GET, HEAD"), ("/v1/videos/video_1/content", "GET, HEAD")])
def test_a_method_that_a_path_lacks_is_a_405_with_those_it_has(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.get(path, method=method)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def test_put_on_the_videos_is_a_405(api: Api) -> None:
    answer = api.get("/v1/videos", {"dryrun": "true"}, method="PUT")
    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/v1", "/v1/video", "/v2/videos", "/v1/videos/a/b/c", "/../etc/passwd"])
def test_an_unknown_path_is_a_404(api: Api, path: str) -> None:
    assert_problem(api.get(path), 404, "not_found")
    assert_problem(api.get(path, {"limit": "1"}), 404, "not_found")


def test_no_route_ignores_an_unknown_parameter(api: Api) -> None:
    """A parameter that is ignored turns a question into an order; DashScope's routes keep to Wan's parameters."""
    api.stack.videos.accept(running("video_1").ended(NOW, Failure("x", "y", "poll", False)).announced(NOW))
    api.stack.batches.create(replace(ended_batch(), failed=1))
    stored = api.stored
    for path, methods in api.description.document["paths"].items():
        for method in methods:
            given = event("api_post") | {"httpMethod": method.upper(), "queryStringParameters": {"dryrun": "true"}}
            ids = {"video_id": "video_1", "batch_id": "batch_1", "input_id": "input_1", "endpoint_id": "whe_1"}
            given["path"] = path.format(model="wan2.6-t2v", **ids)
            given["multiValueQueryStringParameters"] = {"dryrun": ["true"]}
            if not path.endswith(("/videos", "/import", "/batches")):
                given["body"] = None
            if path == "/v1/webhook_endpoints":
                given["body"] = "{}"
            if path.endswith("/replay"):
                given["body"] = json.dumps({"failed_since": 0})
            if path == "/v1/batches":
                given["body"] = json.dumps({"name": "prompts.jsonl"})
            if path == "/v1/videos/import":
                given["body"] = json.dumps({"task_id": "task-1"})
            answer = api.call(given)
            assert_problem(answer, 400, "invalid_request")
            assert "Unknown parameter 'dryrun'" in answer.json["detail"]
    assert api.stored == stored
    assert [batch["id"] for batch in api.get("/v1/batches").json["data"]] == ["batch_1"]


def test_the_console_opens_with_any_parameters(api: Api) -> None:
    assert api.stack  # the console needs no rows
    page = event("api_get") | {"path": "/", "queryStringParameters": {"from": "mail"}}
    page["multiValueQueryStringParameters"] = {"from": ["mail"]}
    assert invoke("api", page)["statusCode"] == 200


@pytest.mark.parametrize("path", ["/v1/\ud83d", "/api/v1/tasks/\udd8a/cancel", "/files/video_\ud83d/x"])
def test_an_answer_about_a_path_that_cannot_be_encoded_is_valid(api: Api, path: str) -> None:
    answer = api.get(path)
    assert_problem(answer, 404, "not_found")
    assert "\ufffd" in answer.text
    answer.text.encode()


def test_an_unexpected_error_is_a_500_that_reveals_nothing_about_the_request(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.stack.dynamodb.Table(VIDEOS).delete()
    answer = api.call(event("api_post"))
    assert_problem(answer, 500, "internal_error")
    assert answer.headers["x-should-retry"] == "false"
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["error"] == "ResourceNotFoundException"
    assert "CANARY" not in line + answer.text


def test_log_lines_are_json_and_contain_only_ids(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    video_id = api.call(event("api_post")).json["id"]
    api.post({"prompt": "CANARY-PROMPT\n\u2028{", "size": "CANARY"})
    api.get(f"/v1/videos/{video_id}")
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["message"], line["video_id"]) for line in lines] == [("api", video_id)]
    assert "CANARY" not in out


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/openapi.json", "/v1/videos", "/v1/models", "/v1/videos/video_1", "/v1/nothing", "/v1/batches"],
)
def test_head_is_answered_as_get_without_the_content(api: Api, path: str) -> None:
    got, head = api.get(path), api.get(path, method="HEAD")
    assert (head.status, head.text) == (got.status, "")
    assert head.headers == got.headers


def test_head_of_the_console_is_its_page_without_the_content(api: Api) -> None:
    got, head = (invoke("api", _event("/", method)) for method in ("GET", "HEAD"))
    assert head == {**got, "body": ""}
    assert got["body"]


def test_head_of_a_video_redirects_to_a_link_that_is_signed_for_head(api: Api) -> None:
    put_rows(api.stack.dynamodb, VIDEOS, [made("video_1", link_key="ab" * 16).completed(NOW, stored("video_1"))])
    lasting = urlsplit(api.get("/v1/videos/video_1/file").json["lasting_url"]).path.removeprefix("/v1")
    signed_for: list[str] = []

    def note(model: Any, **_: object) -> None:
        signed_for.append(model.name)

    events = bootstrap.clients.s3().meta.events
    events.register("provide-client-params.s3", note)
    for path in ("/v1/videos/video_1/content", lasting):
        for method, operation in (("GET", "GetObject"), ("HEAD", "HeadObject")):
            answer = invoke("api", _event(path, method))
            assert (answer["statusCode"], signed_for[-1]) == (302, operation)
            assert f"{BUCKET}.s3." in answer["multiValueHeaders"]["Location"][0]
    events.unregister("provide-client-params.s3", note)


def _event(path: str, method: str) -> Event:
    given = event("api_get")
    given |= {"path": path, "httpMethod": method}
    given["requestContext"] |= {"httpMethod": method, "path": f"/v1{path}"}
    return given
