"""Custom domains: with a base path everything works as at the root, and every link keeps the base path."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import pytest

from functions.api.paths import before, without_base_path
from tests.integration.api.client import Answer, Api
from tests.rows import put_rows
from tools.harness.lambdas import Event, event, invoke
from tools.harness.samples import NOW, made, stored
from tools.harness.stack import LEDGER, VIDEOS

HOST = "https://api.example.com"


@dataclass(frozen=True)
class Domain:
    """A custom domain with a mapping, or the API's own address with its stage; callers see `base`."""

    api: Api
    base: str
    in_path: bool = True

    def call(self, path: str, *, method: str = "GET", body: str | None = None, **query: str) -> dict[str, Any]:
        """Send a request for `path` below the base, as API Gateway turns it into an event."""
        given = event("api_base_path" if path != "/" else "api_base_path_root")
        given["httpMethod"] = given["requestContext"]["httpMethod"] = method
        given["requestContext"]["path"] = (self.base + path).rstrip("/") or "/"
        given["path"] = given["requestContext"]["path"] if self.in_path else path
        if path != "/":
            resource, proxy = _resource(path)
            given["resource"] = given["requestContext"]["resourcePath"] = resource
            given["pathParameters"] = {"proxy": proxy} if proxy is not None else None
        given["queryStringParameters"] = query or None
        given["multiValueQueryStringParameters"] = {name: [value] for name, value in query.items()} or None
        if body is not None:
            given["body"] = body
            given["headers"]["Content-Type"] = "application/json"
        answer: dict[str, Any] = invoke("api", given)
        return answer

    def read(self, path: str, **query: str) -> Any:
        """Return the JSON of a successful answer."""
        answer = Answer(*_parts(self.call(path, **query)))
        assert answer.status == 200, answer.text
        return answer.json


def _parts(raw: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    headers = {name.lower(): values[0] for name, values in raw["multiValueHeaders"].items()}
    return raw["statusCode"], headers, raw["body"] or ""


def _resource(path: str) -> tuple[str, str | None]:
    """Return the resource that API Gateway finds for a path, and the decoded value of its `{proxy+}`."""
    if path in ("/healthz", "/openapi.json"):
        return path, None
    for prefix in ("/console/", "/files/", "/api/v1/", "/"):
        if path.startswith(prefix):
            return f"{prefix}{{proxy+}}", path.removeprefix(prefix).replace("%2F", "/").replace("%20", " ")
    raise ValueError(path)


DOMAINS = [("/wan", True), ("/a/b", True), ("/v1", True), ("/files", True), ("", True), ("/live", False)]


@pytest.fixture(params=DOMAINS, ids=[base or "/" for base, _ in DOMAINS])
def domain(request: pytest.FixtureRequest, api: Api) -> Domain:
    """The same stack with several base paths, some of which are like its own paths."""
    video = made("video_1", link_key="ab" * 16).completed(NOW, stored("video_1"))
    put_rows(api.stack.dynamodb, VIDEOS, [video])
    return Domain(api, *request.param)


def test_every_route_is_found_below_the_base_path(domain: Domain) -> None:
    assert domain.read("/healthz") == {"status": "ok"}
    assert [video["id"] for video in domain.read("/v1/videos", limit="5")["data"]] == ["video_1"]
    assert domain.read("/v1/videos/video_1")["id"] == "video_1"
    assert domain.read("/v1/models")["object"] == "list"
    created = domain.call("/v1/videos", method="POST", body='{"prompt": "a fox"}')
    assert created["statusCode"] == 202
    assert domain.call("/v1/videos", method="POST", body='{"prompt": 1}')["statusCode"] == 400
    assert domain.call("/v1/videos/video_1", method="PUT")["statusCode"] == 405
    assert domain.call("/v1/nothing")["statusCode"] == 404
    content = domain.call("/v1/videos/video_1/content")
    assert content["statusCode"] == 302
    assert content["multiValueHeaders"]["Location"][0].startswith("https://wan-video-videos.")


def test_lasting_links_keep_the_base_path_and_open(domain: Domain) -> None:
    link = domain.read("/v1/videos/video_1/file")["lasting_url"]
    assert link.startswith(f"{HOST}{domain.base}/files/video_1/")
    opened = domain.call(link.removeprefix(f"{HOST}{domain.base}"))
    assert opened["statusCode"] == 302


def test_the_description_names_the_base_path(domain: Domain) -> None:
    assert domain.read("/openapi.json")["servers"] == [{"url": f"{HOST}{domain.base}"}]


def test_the_console_and_its_files_are_below_the_base_path(domain: Domain) -> None:
    page = domain.call("/")
    assert page["statusCode"] == 200
    assert f'<base href="{domain.base}/">' in page["body"]
    (script,) = re.findall(r'"(console/\w+/console\.js)"', page["body"])
    assert domain.call(f"/{script}")["statusCode"] == 200


def test_the_dashscope_api_links_below_the_base_path(domain: Domain) -> None:
    digest = hashlib.sha256(b"wv_CANARY-TOKEN").hexdigest()
    token: dict[str, Any] = {"pk": "tokens", "sk": digest, "owner": "alice", "scopes": {"read"}}
    domain.api.stack.dynamodb.Table(LEDGER).put_item(Item=token)
    output = domain.read("/api/v1/tasks/video_1")["output"]
    assert output["video_url"].startswith(f"{HOST}{domain.base}/files/video_1/")


def test_a_real_event_of_a_base_path_is_routed(api: Api) -> None:
    given = event("api_base_path")
    assert without_base_path(given)["path"] == "/v1/videos/video_0123456789abcdef0123456789abcdef"
    assert invoke("api", given)["statusCode"] == 404
    assert "does not exist" in invoke("api", given)["body"]
    assert '<base href="/wan/">' in invoke("api", event("api_base_path_root"))["body"]


@pytest.mark.parametrize(
    ("path", "resource", "proxy", "routed"),
    [
        ("/wan/v1/videos/", "/{proxy+}", "v1/videos", "/v1/videos/"),
        ("/wan/", "/", None, "/"),
        ("/wan", "/", None, "/"),
        ("/", "/", None, "/"),
        ("/wan/v1/a%20b", "/{proxy+}", "v1/a b", "/v1/a%20b"),
        ("/wan/v1/a b", "/{proxy+}", "v1/a%20b", "/v1/a b"),
        ("/wan/files/a%2Fb/c", "/files/{proxy+}", "a/b/c", "/files/a%2Fb/c"),
        ("/v1/v1/videos", "/{proxy+}", "v1/videos", "/v1/videos"),
        ("/v1/videos", "/{proxy+}", "v1/videos", "/v1/videos"),
        ("/v1/videos", None, None, "/v1/videos"),
        ("/v1/videos", "/{proxy+}", "something/else", "/v1/videos"),
    ],
)
def test_the_base_path_is_the_part_before_the_resource(
    path: str, resource: str | None, proxy: str | None, routed: str
) -> None:
    given: Event = {"path": path, "resource": resource, "pathParameters": proxy and {"proxy": proxy}}
    assert without_base_path(given)["path"] == routed


def test_a_path_that_does_not_end_in_its_resource_has_no_base_path() -> None:
    assert before("/live/v1/videos", "/v1/batches") == ""
    assert before("/live/v1/videos", "") == ""
