"""What the API itself costs: processor time of a warm handler, beside an empty route of the same framework.

DynamoDB is one in memory, whose own time is taken off; so what is compared is reading, checking, asking and answering.
A ratio is ours over the empty route's.
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
"""In one run of a pair: one call alone is too short for the clock."""

Call = Callable[[], Any]


def rows(quick: bool) -> Iterator[Row]:
    """Create, show and list, each beside the empty route."""
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
    """Processor time of one call, without DynamoDB's."""
    spent, began = dynamodb.counts.seconds, time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began - (dynamodb.counts.seconds - spent)) * 1000 / CALLS


def answered(name: str, status: int, path: str | None = None) -> None:
    """Ask the API as API Gateway does, and hold it to a status."""
    given = event(name)
    given["requestContext"]["authorizer"]["owner"] = OWNER
    if path is not None:
        given["path"] = path
    answer = invoke("api", given)
    assert answer["statusCode"] == status, answer["body"]


empty = APIGatewayRestResolver()


@empty.get("/v1/videos")
def nothing() -> dict[str, str]:
    """An answer that is always the same."""
    return {}


def empty_route() -> None:
    """What the framework alone takes, and what reading an event of a file does."""
    given = event("api_get")
    given["path"] = "/v1/videos"
    context: Any = Context()
    assert json.loads(empty.resolve(given, context)["body"]) == {}
