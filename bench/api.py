"""The processor time of the API in a warm handler, compared with an empty route of the same framework.

DynamoDB is in memory and its own time is subtracted, so that parsing, checking, storing and answering are compared.
A ratio is our time over the empty route's.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from bench.dynamodb import DynamoDB
from bench.rows import Row
from bench.scale import OWNER, completed, functions, items_like, tables
from tools.harness.lambdas import Context, event, invoke
from tools.harness.samples import NOW
from tools.harness.stack import VIDEOS

PAGE = 20
CALLS = 20
"""Calls in one run of a pair: a single call is too short for the clock."""

Call = Callable[[], Any]


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row each for creating, showing and listing videos."""
    rounds = 5 if quick else 25
    dynamodb = tables()
    stored = completed()
    dynamodb.tables[VIDEOS].load(items_like((stored, f"video_{at}", NOW - at, at) for at in range(PAGE)))
    asked: dict[str, Call] = {
        "POST /v1/videos": lambda: answered("api_post", 202),
        "GET /v1/videos/{id}": lambda: answered("api_get", 200, "/v1/videos/video_1"),
        f"GET /v1/videos, a page of {PAGE}": lambda: answered("api_get", 200, "/v1/videos"),
    }
    with functions(dynamodb, NOW):
        for what, ask in asked.items():
            dynamodb.counts.calls.clear()
            ask()
            empty_route()
            calls = ", ".join(dynamodb.counts.calls)
            pairs = [(milliseconds(ask, dynamodb), milliseconds(empty_route, dynamodb)) for _ in range(rounds)]
            ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratios = [our / their for our, their in pairs]
            yield Row(what, "ms CPU", ours, ratios, "an empty route", theirs, better="below", note=calls)


def milliseconds(call: Call, dynamodb: DynamoDB) -> float:
    """Return the processor time of one call in milliseconds, without DynamoDB's."""
    spent, began = dynamodb.counts.seconds, time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began - (dynamodb.counts.seconds - spent)) * 1000 / CALLS


def answered(name: str, status: int, path: str | None = None) -> None:
    """Call the API as API Gateway does, and check the status of its answer."""
    given = event(name)
    given["requestContext"]["authorizer"]["owner"] = OWNER
    if path is not None:
        given["path"] = path
    answer = invoke("api", given)
    assert answer["statusCode"] == status, answer["body"]


empty = APIGatewayRestResolver()


@empty.get("/v1/videos")
def nothing() -> dict[str, str]:
    """Return a constant answer."""
    return {}


def empty_route() -> None:
    """Run only the framework, and the reading of an event from a file."""
    given = event("api_get")
    given["path"] = "/v1/videos"
    context: Any = Context()
    assert json.loads(empty.resolve(given, context)["body"]) == {}
