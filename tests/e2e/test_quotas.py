"""Limits that Wan changes while the stack runs: the stack reads them hourly and after a 429, obeys and shows them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.e2e.conftest import Local
from tests.e2e.steps import NOTICE_SECONDS
from tools.harness.patience import until
from wan_video_local.sam import STACK_NAME

pytestmark = pytest.mark.slow  # tests/integration/test_admission.py has the same limits without a stack

MODEL = "wan2.1-t2v-turbo"
"""A model that no other test of this stack uses."""

POOL = f"singapore#{MODEL}"
OFFLINE_AT = 4_102_444_800
"""A time that no test's clock reaches, so that the model remains."""


def shown(local: Local) -> dict[str, Any]:
    """Return the model as `GET /v1/models` shows it."""
    headers = {"Authorization": f"Bearer {local.stack.token}"}
    answer = requests.get(f"{local.stack.api_url}/v1/models/{MODEL}", headers=headers, timeout=60)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def limit(local: Local) -> tuple[int, str]:
    found = shown(local)["limits"]["singapore"]
    return found["concurrency"], found["source"]


def an_hour_passes(local: Local) -> None:
    """Make the next `sweep` read quotas and models again, as it does after an hour."""
    ledger = local.stack.aws.dynamodb.Table(local.stack.outputs["LedgerTableName"])
    for name in (POOL, "singapore"):
        ledger.update_item(Key={"pk": f"pool#{name}", "sk": "pool"}, UpdateExpression="REMOVE asked_at")


@contextmanager
def no_scheduled_sweep(local: Local) -> Iterator[None]:
    """Disable the schedule of `sweep` while the block runs, so that only the stream wakes it."""
    aws = local.stack.aws
    resources = aws.cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    (rule,) = (one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "SweepEveryFiveMinutes")
    aws.events.disable_rule(Name=rule)
    try:
        yield
    finally:
        aws.events.enable_rule(Name=rule)


@pytest.fixture(autouse=True)
def _as_it_was(local: Local) -> Iterator[None]:
    yield
    local.simulator.reset_quotas()
    local.simulator.retire("singapore", MODEL, None)
    an_hour_passes(local)
    until(lambda: limit(local)[0] == 2 and not shown(local)["retires_at"], "the reading of the first limits")


def create(local: Local, videos: int) -> list[str]:
    mark = secrets.token_hex(4)
    return [
        str(local.client.create({"prompt": f"a heron counts {mark} {at}", "model": MODEL, "size": "832x480"})["id"])
        for at in range(videos)
    ]


def billed(local: Local) -> list[str]:
    return [entry["task_id"] for entry in local.simulator.entries("billed") if entry["model"] == MODEL]


def test_a_limit_that_falls_is_noticed_at_the_first_429_and_one_that_rises_within_the_hour(local: Local) -> None:
    before = len(billed(local))
    an_hour_passes(local)
    until(lambda: limit(local) == (2, "account"), "the first reading")

    with no_scheduled_sweep(local):
        local.simulator.set_quota("singapore", MODEL, async_user_concurrency_limit=1, async_user_queue_limit=0)
        # The stack still counts on a limit of two and one more, so Wan refuses two of them at first.
        videos = create(local, 4)
        until(lambda: limit(local) == (1, "account"), "the reading after a 429")
    first = [local.client.await_final(video_id, within=NOTICE_SECONDS) for video_id in videos]

    local.simulator.set_quota("singapore", MODEL, async_user_concurrency_limit=4, async_user_queue_limit=4)
    an_hour_passes(local)
    until(lambda: limit(local) == (4, "account"), "the hourly reading")
    others = create(local, 6)
    second = [local.client.await_final(video_id, within=NOTICE_SECONDS) for video_id in others]

    assert {video["status"] for video in (*first, *second)} == {"completed"}
    assert len(billed(local)) - before == len(set(billed(local))) - before == 10


def test_a_limit_of_zero_starts_nothing_and_one_that_is_raised_again_does(local: Local) -> None:
    local.simulator.set_quota("singapore", MODEL, async_user_concurrency_limit=0)
    an_hour_passes(local)
    until(lambda: limit(local) == (0, "account"), "the reading of the limit")
    (video_id,) = create(local, 1)
    ledger = local.stack.aws.dynamodb.Table(local.stack.outputs["LedgerTableName"])
    passed = local.stack.aws.functions.invoke(FunctionName="wan-video-dispatch", Payload=b"{}")
    assert passed.get("FunctionError") is None
    assert local.client.video(video_id)["status"] == "queued"
    assert "Item" in ledger.get_item(Key={"pk": f"pool#{POOL}", "sk": f"line#{owner_of(local, video_id)}"})

    local.simulator.reset_quotas()
    an_hour_passes(local)
    assert local.client.await_final(video_id, within=NOTICE_SECONDS)["status"] == "completed"


def owner_of(local: Local, video_id: str) -> str:
    table = local.stack.aws.dynamodb.Table(local.stack.outputs["VideosTableName"])
    return str(table.get_item(Key={"id": video_id})["Item"]["owner"])


def test_a_retirement_that_wan_announces_is_shown(local: Local) -> None:
    assert shown(local)["retires_at"] == {}
    local.simulator.retire("singapore", MODEL, OFFLINE_AT)
    an_hour_passes(local)
    assert until(lambda: shown(local)["retires_at"] or None, "the retirement") == {"singapore": OFFLINE_AT}
