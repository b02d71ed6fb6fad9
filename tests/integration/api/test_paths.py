"""Paths and methods that are and are not, and what nobody foresaw."""

from __future__ import annotations

import json

import pytest

from tests.integration.api.client import Api, assert_problem
from tests.integration.lambdas import event
from tests.integration.stack import VIDEOS


def test_health_needs_no_token(api: Api) -> None:
    answer = api.call(event("api_health"))
    assert (answer.status, answer.json) == (200, {"status": "ok"})


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


@pytest.mark.parametrize("path", ["/v1", "/v1/video", "/v2/videos", "/v1/videos/a/b/c", "/../etc/passwd"])
def test_a_path_that_is_none_is_a_404(api: Api, path: str) -> None:
    assert_problem(api.get(path), 404, "not_found")


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
