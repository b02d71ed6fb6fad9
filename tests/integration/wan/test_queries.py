"""Queries of tasks, and the list of tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.raw_server import answer, never_answer, raw_server, say
from tests.integration.wan.clients import SINGAPORE, FixedKeys, client_at, client_of, create
from tools.harness.samples import request
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Size, Tier
from wan_video.errors import WanError, WanRefused, WanThrottled, WanUnavailable
from wan_video.services.lost_tasks import made_for


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "reset"}, WanUnavailable),
        ({"kind": "garbage"}, WanUnavailable),
        ({"kind": "truncate"}, WanUnavailable),
        ({"kind": "redirect"}, WanUnavailable),
        ({"kind": "status", "status": 502}, WanUnavailable),
        ({"kind": "status", "status": 429}, WanThrottled),
        ({"kind": "status", "status": 404}, WanRefused),
        ({"kind": "refuse", "code": "Throttling.RateQuota"}, WanThrottled),
        ({"kind": "refuse", "code": "ModelUnavailable"}, WanThrottled),
        ({"kind": "refuse", "code": "InternalError"}, WanUnavailable),
        ({"kind": "refuse", "code": "AccessDenied"}, WanRefused),
    ],
    ids=str,
)
def test_a_failed_query_is_a_named_error_and_can_be_retried(
    simulator: Simulator, fault: dict[str, Any], expected: type[WanError]
) -> None:
    client = client_of(simulator)
    simulator.faults.add(Fault("query", **fault))
    with pytest.raises(expected):
        client.query(SINGAPORE, "task-1")
    assert client.query(SINGAPORE, "task-1").status == "UNKNOWN"


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        ({"duration": 10}, "10.000"),
        ({"video_duration": 5}, "5.000"),
        ({"output_video_duration": 4.2}, "4.200"),
        ({"duration": 5.041666666666667}, "5.042"),
        ({"duration": 1e-300}, "0.001"),
        ({"duration": 0, "video_duration": 5}, "5.000"),
        ({"duration": "5"}, None),
        ({"duration": True}, None),
        ({"duration": -5}, None),
        ({"duration": 1e9}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
    ids=str,
)
def test_plausible_billed_seconds_are_used(usage: object, seconds: str | None) -> None:
    body = {"output": {"task_id": "task-1", "task_status": "SUCCEEDED"}, "usage": usage}
    with raw_server(say(answer("200 OK", json.dumps(body).encode()))) as server:
        stated = client_at(server).query(SINGAPORE, "task-1").seconds
        assert (stated if stated is None else str(stated)) == seconds


def test_every_task_of_a_model_and_time_is_listed_across_pages(simulator: Simulator) -> None:
    simulator.advance(2 * 24 * 3600)
    now = int(simulator.wan.clock.now())
    client = WanClient(
        FixedKeys({SINGAPORE: simulator.key()}),
        endpoints=Endpoints({SINGAPORE: simulator.base_url()}),
        pause=lambda _: None,
    )
    made = [create(client, request(prompt=f"fox {number}")).task_id for number in range(53)]
    create(client, request(model="wan2.5-t2v-preview"))
    listed = client.tasks(SINGAPORE, "wan2.6-t2v", now - 60, now + 60).tasks
    assert sorted(task.task_id for task in listed) == sorted(made)
    assert {task.created_at for task in listed} == {now}
    assert client.tasks(SINGAPORE, "wan2.6-t2v", now - 3600, now - 60).tasks == []


def test_a_list_is_requested_with_a_new_key_if_the_old_one_is_refused(simulator: Simulator) -> None:
    keys = FixedKeys({SINGAPORE: "sk-old"}, fresh={SINGAPORE: simulator.key()})
    client = WanClient(keys, endpoints=Endpoints({SINGAPORE: simulator.base_url()}), pause=lambda _: None)
    client.tasks(SINGAPORE, "wan2.6-t2v", 0, 60)
    assert keys.refreshes == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("list", "reset"), WanUnavailable),
        (Fault("list", "garbage"), WanUnavailable),
        (Fault("list", "status", status=502), WanUnavailable),
        (Fault("list", "truncate"), WanUnavailable),
        (Fault("list", "refuse", code="Throttling.RateQuota"), WanThrottled),
        (Fault("list", "refuse", code="AccessDenied"), WanRefused),
    ],
)
def test_a_list_that_does_not_arrive_is_an_error_and_not_an_empty_list(
    simulator: Simulator, fault: Fault, error: type[WanError]
) -> None:
    simulator.faults.add(fault)
    with pytest.raises(error):
        client_of(simulator).tasks(SINGAPORE, "wan2.6-t2v", 0, 60)


def test_the_request_of_a_task_is_read_in_the_format_of_its_generation(simulator: Simulator) -> None:
    client = client_of(simulator)
    for wanted, stated in (
        (request(), (Size(1280, 720), Tier.P720, None)),
        (request(model="wan2.5-t2v-preview", size=Size(832, 480)), (Size(832, 480), None, None)),
        (request(model="wan2.7-t2v", size=Size(720, 1280)), (None, Tier.P720, "9:16")),
    ):
        task_id = create(client, wanted).task_id
        simulator.finish(task_id)
        made = client.query(SINGAPORE, task_id)
        assert (made.size, made.tier, made.ratio) == stated
        assert made_for(wanted, made)
        assert not made_for(request(prompt="another"), made)


def test_a_pending_task_is_cancelled_and_one_that_is_not_pending_is_refused(simulator: Simulator) -> None:
    client = client_of(simulator)
    task_id = create(client, request()).task_id
    client.cancel(SINGAPORE, task_id)
    assert client.query(SINGAPORE, task_id).status == "CANCELED"
    for other in (task_id, "no-such-task"):
        with pytest.raises(WanRefused, match="UnsupportedOperation"):
            client.cancel(SINGAPORE, other)
    assert task_id not in {entry["task_id"] for entry in simulator.ledger("billed")}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "reset", "after": True}, WanUnavailable),
        ({"kind": "truncate", "after": True}, WanUnavailable),
        ({"kind": "garbage", "after": True}, WanUnavailable),
        ({"kind": "status", "status": 502}, WanUnavailable),
        ({"kind": "refuse", "code": "Throttling.RateQuota"}, WanThrottled),
    ],
    ids=str,
)
def test_a_cancellation_that_is_not_clearly_accepted_is_an_error(
    simulator: Simulator, fault: dict[str, Any], expected: type[WanError]
) -> None:
    client = client_of(simulator)
    task_id = create(client, request()).task_id
    simulator.faults.add(Fault("cancel", **fault))
    with pytest.raises(expected):
        client.cancel(SINGAPORE, task_id)
    taken = bool(fault.get("after"))
    assert (client.query(SINGAPORE, task_id).status == "CANCELED") is taken


@pytest.mark.parametrize(
    "body", [b'{"code": "InvalidParameter", "message": "no", "request_id": "r"}', b"{}", b"[]", b"<html>"], ids=repr
)
def test_a_200_that_does_not_say_that_a_cancellation_was_accepted_is_unclear(body: bytes) -> None:
    with raw_server(say(answer("200 OK", body))) as server, pytest.raises(WanUnavailable):
        client_at(server).cancel(SINGAPORE, "task-1")
    assert b"POST /api/v1/tasks/task-1/cancel HTTP/1.1" in server.requests[0]


def test_a_cancellation_is_sent_with_a_new_key_if_the_old_one_is_refused(simulator: Simulator) -> None:
    task_id = create(client_of(simulator), request()).task_id
    keys = FixedKeys({SINGAPORE: "sk-old"}, fresh={SINGAPORE: simulator.key()})
    WanClient(keys, endpoints=Endpoints({SINGAPORE: simulator.base_url()})).cancel(SINGAPORE, task_id)
    assert keys.refreshes == 1


def test_a_client_with_less_patience_gives_up_sooner() -> None:
    """`api` has 29 seconds in total; a poll may take more than a minute."""
    with raw_server(never_answer) as server, pytest.raises(WanUnavailable, match="AnswerLost"):
        WanClient(
            FixedKeys({SINGAPORE: "sk"}), endpoints=Endpoints({SINGAPORE: f"{server.url}/api/v1"}), answer_seconds=0.2
        ).query(SINGAPORE, "task-1")


def test_no_error_quotes_the_key_or_the_prompt(simulator: Simulator) -> None:
    errors: list[str] = []
    for kind in ("reset", "garbage", "redirect", "status"):
        simulator.faults.add(Fault("create", kind))
        with pytest.raises(WanError) as caught:
            create(client_of(simulator))
        errors.append(repr(caught.value) + repr(caught.value.__cause__) + str(caught.value))
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "CANARY" not in "".join(errors)
    assert simulator.key() not in "".join(errors)
