"""The DashScope-compatible routes of `api`, called with API Gateway's events as DashScope's API is."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key

from tools.harness.lambdas import event, invoke
from tools.harness.samples import NOW
from tools.harness.stack import LEDGER, VIDEOS, Stack
from wan_video.domain.video import Video

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
