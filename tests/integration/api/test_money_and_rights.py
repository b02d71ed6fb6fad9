"""Scopes, budgets and idempotency keys of a creation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.api import api_over
from tests.fakes.world import FakeClock
from tests.integration.api.client import Api, assert_problem
from tools.harness.samples import ALICE, fields
from tools.harness.stack import VIDEOS, deployed

POOL = "singapore#wan2.6-t2v"


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


def test_a_video_that_never_fits_the_budget_is_a_402(api: Api) -> None:
    assert_problem(api.post({"prompt": "a", "max_price": 0.01}), 402, "budget_exceeded")
    assert_problem(api.post({"prompt": "a"}, daily_seconds="4"), 402, "budget_exceeded")
    assert api.stored == 0


def test_a_token_without_the_scope_is_a_403(api: Api) -> None:
    assert_problem(api.post({"prompt": "a"}, scopes="read"), 403, "forbidden")
    assert_problem(api.get("/v1/videos/video_1", scopes="write"), 403, "forbidden")
    assert_problem(api.post({"prompt": "a"}, scopes=""), 403, "forbidden")


def test_fifty_simultaneous_posts_with_one_key_are_one_row_and_one_queue_item(credentials: None) -> None:
    with deployed(for_threads=True) as stack:
        service = api_over(stack.videos, stack.pools, stack.batches, FakeClock()).new_videos()

        def create(_: int) -> str:
            return service.create(ALICE, fields(), {"prompt": "a"}, "order-7").id

        with ThreadPoolExecutor(50) as threads:
            ids = set(threads.map(create, range(50)))
        assert len(ids) == 1
        assert stack.dynamodb.Table(VIDEOS).scan()["Count"] == 1
        (pool,) = stack.pools.read([POOL])
        assert [(line.owner, line.interactive) for line in pool.lines] == [("alice", 1)]
