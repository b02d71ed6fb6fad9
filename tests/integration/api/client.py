"""The function `api` as its callers use it: real events, and answers that must match the API's own description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator

from tools.harness.lambdas import Event, event, invoke
from tools.harness.stack import VIDEOS, Stack

PROBLEM = "ProblemDocument"


@dataclass(frozen=True)
class Answer:
    """The answer that API Gateway sends."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text)
        return document


@dataclass(frozen=True)
class Description:
    """The OpenAPI document, which every answer must match."""

    document: Mapping[str, Any]

    def judge(self, method: str, path: str, answer: Answer) -> None:
        """Raise AssertionError if an answer does not match the document."""
        if method == "HEAD":
            assert not answer.text
            method = "GET"
        operation = self._operation(method, path)
        if operation is None:
            assert answer.status in (404, 405), f"{method} {path} is not described, and answered {answer.status}"
            if answer.text:
                self._hold(answer, {"$ref": f"#/components/schemas/{PROBLEM}"})
            return
        documented = operation["responses"]
        assert str(answer.status) in documented, f"{method} {path} answered {answer.status}: {answer.text}"
        content = documented[str(answer.status)].get("content")
        if not content:
            assert not answer.text
            return
        kind = answer.headers["content-type"]
        assert kind in content, f"{method} {path} answered {kind}"
        if answer.text:
            self._hold(answer, content[kind]["schema"])

    def _operation(self, method: str, path: str) -> Mapping[str, Any] | None:
        paths = self.document["paths"]
        known = path if path in paths else next((known for known in paths if _matches(known, path)), None)
        found: Mapping[str, Any] | None = paths[known].get(method.lower()) if known else None
        return found

    def _hold(self, answer: Answer, schema: Mapping[str, Any]) -> None:
        validator = Draft202012Validator({**schema, "components": self.document["components"]})
        assert [error.message for error in validator.iter_errors(answer.json)] == []


_DESCRIPTIONS: list[Description] = []
"""The description, once it was read; it is the same for every stack, as a test in test_groups.py shows."""


def _matches(known: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(known)), path) is not None


@dataclass(frozen=True)
class Api:
    """The deployed function; all its answers are checked against its description."""

    stack: Stack

    def call(self, given: Event) -> Answer:
        """Invoke the function with an event of API Gateway."""
        answer = self._call(given)
        if given["path"] != "/openapi.json":
            self.description.judge(given["httpMethod"], given["path"], answer)
        return answer

    def post(
        self,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/v1/videos",
        query: Mapping[str, str] | None = None,
        **authorizer: str,
    ) -> Answer:
        """POST a body: text unchanged, anything else as JSON."""
        given = event("api_post")
        given["body"] = body if isinstance(body, str) or body is None else json.dumps(body)
        given["headers"] |= headers or {}
        given["multiValueHeaders"] |= {name: [value] for name, value in (headers or {}).items()}
        return self._send(given, "POST", path, query, authorizer)

    def get(
        self, path: str, query: Mapping[str, str] | None = None, *, method: str = "GET", **authorizer: str
    ) -> Answer:
        """GET a path, or use another method without a body."""
        return self._send(event("api_get"), method, path, query, authorizer)

    def delete(self, path: str, **authorizer: str) -> Answer:
        """DELETE a path."""
        return self.get(path, None, method="DELETE", **authorizer)

    @cached_property
    def description(self) -> Description:
        """Return the API's description; it is read once in a process, because making it takes as long as a test."""
        if not _DESCRIPTIONS:
            given = event("api_get")
            del given["requestContext"]["authorizer"]
            _DESCRIPTIONS.append(Description(self._call(given | {"path": "/openapi.json"}).json))
        return _DESCRIPTIONS[0]

    @property
    def stored(self) -> int:
        """The number of rows."""
        return self.stack.dynamodb.Table(VIDEOS).scan()["Count"]

    def _send(
        self, given: Event, method: str, path: str, query: Mapping[str, str] | None, authorizer: Mapping[str, str]
    ) -> Answer:
        given |= {"path": path, "httpMethod": method, "queryStringParameters": dict(query) if query else None}
        given["multiValueQueryStringParameters"] = {name: [value] for name, value in (query or {}).items()} or None
        given["requestContext"] |= {"httpMethod": method, "path": f"/v1{path}"}
        given["requestContext"]["authorizer"] |= authorizer
        return self.call(given)

    def _call(self, given: Event) -> Answer:
        raw = invoke("api", given)
        headers = {name.lower(): values[0] for name, values in (raw.get("multiValueHeaders") or {}).items()}
        headers |= {name.lower(): value for name, value in (raw.get("headers") or {}).items()}
        return Answer(raw["statusCode"], headers, raw["body"] or "")


def assert_problem(answer: Answer, status: int, code: str) -> None:
    """Check that an answer is a problem of this kind, in the form of all problems."""
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    document = answer.json
    assert document["status"] == status
    assert document["error"]["code"] == code
    assert document["detail"] == document["error"]["message"]
    assert document["instance"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert "Traceback" not in answer.text


def listed_pages(api: Api, **query: str) -> Iterator[Mapping[str, Any]]:
    """Yield every page of a list of videos, as an SDK reads them."""
    after: dict[str, str] = {}
    while True:
        answer = api.get("/v1/videos", {**query, **after})
        assert answer.status == 200
        page = answer.json
        yield page
        if not page["has_more"]:
            return
        assert page["last_id"] != after.get("after"), "the next page would be the same again"
        after = {"after": page["last_id"]}
