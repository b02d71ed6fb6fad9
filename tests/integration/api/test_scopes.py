"""Every route with every scope: a token can do exactly what its scopes allow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import pytest

from functions.api import handler
from tests.integration.api.client import Api
from tools.harness.lambdas import event, invoke
from tools.harness.stack import LEDGER
from wan_video.adapters.dynamodb.ledger import token_key

TOKEN: Final = "wv_scopes"
SCOPES: Final = ("", "read", "write", "admin")
ORDER: Final = {"model": "wan2.5-t2v-preview", "input": {"prompt": "a fox"}, "parameters": {"size": "832*480"}}
CREATE: Final = "/api/v1/services/aigc/video-generation/video-synthesis"


@dataclass(frozen=True)
class Ask:
    """One request to a route, and the scope that it needs; "" means that it needs no scope."""

    scope: str
    path: str
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)


ROUTES: Final[Mapping[str, tuple[Ask, ...]]] = {
    "POST /v1/videos": (
        Ask("write", "/v1/videos", {"prompt": "a fox"}),
        Ask("write", "/v1/videos", {"prompt": "a fox"}, {"dry_run": "true"}),
    ),
    "GET /v1/videos": (
        Ask("read", "/v1/videos"),
        Ask("read", "/v1/videos", None, {"batch_id": "batch_1"}),
        Ask("read", "/v1/videos", None, {"after": "video_1"}),
    ),
    "POST /v1/videos/import": (Ask("write", "/v1/videos/import", {"task_id": "task_1"}),),
    "GET /v1/videos/<video_id>": (Ask("read", "/v1/videos/video_1"),),
    "DELETE /v1/videos/<video_id>": (Ask("write", "/v1/videos/video_1"),),
    "POST /v1/videos/<video_id>/cancel": (Ask("write", "/v1/videos/video_1/cancel"),),
    "POST /v1/videos/<video_id>/retry": (Ask("write", "/v1/videos/video_1/retry"),),
    "GET /v1/videos/<video_id>/content": (
        Ask("read", "/v1/videos/video_1/content"),
        Ask("read", "/v1/videos/video_1/content", None, {"variant": "metadata"}),
    ),
    "GET /v1/videos/<video_id>/file": (Ask("read", "/v1/videos/video_1/file"),),
    "POST /v1/inputs": (Ask("write", "/v1/inputs", {}),),
    "DELETE /v1/inputs/<input_id>": (Ask("write", f"/v1/inputs/input_{'0' * 32}"),),
    "POST /v1/batches": (Ask("write", "/v1/batches", {"name": "prompts.jsonl"}),),
    "GET /v1/batches": (Ask("read", "/v1/batches"), Ask("read", "/v1/batches", None, {"after": "batch_1"})),
    "GET /v1/batches/<batch_id>": (Ask("read", "/v1/batches/batch_1"),),
    "POST /v1/batches/<batch_id>/cancel": (Ask("write", "/v1/batches/batch_1/cancel"),),
    "POST /v1/batches/<batch_id>/retry": (Ask("write", "/v1/batches/batch_1/retry"),),
    "POST /v1/webhook_endpoints": (Ask("write", "/v1/webhook_endpoints", {}),),
    "GET /v1/webhook_endpoints": (Ask("read", "/v1/webhook_endpoints"),),
    "GET /v1/webhook_endpoints/<endpoint_id>": (Ask("read", "/v1/webhook_endpoints/whe_1"),),
    "DELETE /v1/webhook_endpoints/<endpoint_id>": (Ask("write", "/v1/webhook_endpoints/whe_1"),),
    "POST /v1/webhook_endpoints/<endpoint_id>/rotate": (Ask("write", "/v1/webhook_endpoints/whe_1/rotate"),),
    "POST /v1/webhook_endpoints/<endpoint_id>/enable": (Ask("write", "/v1/webhook_endpoints/whe_1/enable"),),
    "POST /v1/webhook_endpoints/<endpoint_id>/test": (Ask("write", "/v1/webhook_endpoints/whe_1/test"),),
    "GET /v1/webhook_endpoints/<endpoint_id>/deliveries": (Ask("read", "/v1/webhook_endpoints/whe_1/deliveries"),),
    "POST /v1/webhook_endpoints/<endpoint_id>/replay": (
        Ask("write", "/v1/webhook_endpoints/whe_1/replay", {"failed_since": 0}),
    ),
    "GET /v1/models": (Ask("", "/v1/models"),),
    "GET /v1/models/<model>": (Ask("", "/v1/models/wan2.6-t2v"),),
    "GET /v1/usage": (Ask("read", "/v1/usage"), Ask("read", "/v1/usage", None, {"month": "2026-05"})),
    f"POST {CREATE}": (Ask("write", CREATE, ORDER),),
    "GET /api/v1/tasks": (Ask("read", "/api/v1/tasks"),),
    "GET /api/v1/tasks/<task_id>": (Ask("read", "/api/v1/tasks/video_1"),),
    "POST /api/v1/tasks/<task_id>/cancel": (Ask("write", "/api/v1/tasks/video_1/cancel"),),
    "GET /api/v1/uploads": (Ask("write", "/api/v1/uploads", None, {"action": "getPolicy", "model": "wan2.5-t2v"}),),
    "GET /files/<video_id>/<name>": (Ask("", "/files/video_1/name"),),
    "GET /": (Ask("", "/"),),
    "GET /console/<version_asked>/<name>": (Ask("", "/console/1/main.js"),),
    "GET /healthz": (Ask("", "/healthz"),),
    "GET /openapi.json": (Ask("", "/openapi.json"),),
}
"""Every route, by what it does. A route that gives permission to write anywhere needs `write`."""


@dataclass(frozen=True)
class Door:
    """The deployed function, called by the owner of one token."""

    api: Api

    def status(self, method: str, ask: Ask, scope: str) -> int:
        item = {**token_key(hashlib.sha256(TOKEN.encode()).hexdigest()), "owner": "alice"}
        self.api.stack.dynamodb.Table(LEDGER).put_item(Item={**item, "scopes": {scope or "none"}})
        given = event("api_post" if ask.body is not None else "api_get")
        sent = {**given["headers"], "Authorization": f"Bearer {TOKEN}", "X-DashScope-Async": "enable"}
        given |= {
            "httpMethod": method,
            "path": ask.path,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "body": None if ask.body is None else json.dumps(ask.body),
            "queryStringParameters": dict(ask.query) or None,
            "multiValueQueryStringParameters": {name: [value] for name, value in ask.query.items()} or None,
        }
        given["requestContext"] |= {"path": f"/v1{ask.path}", "httpMethod": method}
        given["requestContext"]["authorizer"] |= {"owner": "alice", "scopes": scope}
        status: int = invoke("api", given)["statusCode"]
        return status


def routes() -> set[str]:
    """Return method and path of every route of the function, except for those that answer 405."""
    app = handler._app()
    app.load()
    return {
        f"{route.method} {route.path}"
        for route in (*app._static_routes, *app._dynamic_routes)
        if "_not_allowed" not in route.func.__qualname__
    }


def allows(token: str, needed: str) -> bool:
    return needed == "" or token in (needed, "admin")


def test_every_route_is_listed_with_its_scope(api: Api) -> None:
    assert routes() == set(ROUTES)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    ("route", "ask"),
    [(route, ask) for route, asks in ROUTES.items() for ask in asks],
    ids=lambda value: str(value)[:60],
)
def test_a_token_can_do_exactly_what_its_scopes_allow(api: Api, route: str, ask: Ask, scope: str) -> None:
    status = Door(api).status(route.partition(" ")[0], ask, scope)
    assert (status != HTTPStatus.FORBIDDEN) == allows(scope, ask.scope)
    if status == HTTPStatus.FORBIDDEN:
        assert api.stored == 0
