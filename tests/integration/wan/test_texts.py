"""Damaged text in Wan's answers is repaired when answers are read, so that it can be stored and passed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest

from tests.integration.raw_server import answer, raw_server, say
from tests.integration.wan.clients import SINGAPORE, client_at, client_of, create
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.client import WanClient
from wan_video.errors import WanError, WanRefused, WanUnavailable

HALF = rb"\ud83d"


def replied(body: bytes, ask: Callable[[WanClient], Any], status: str = "200 OK") -> Any:
    """Return the result of a query with this answer."""
    with raw_server(say(answer(status, body))) as server:
        return ask(client_at(server))


def query(client: WanClient) -> Any:
    return client.query(SINGAPORE, "task-1")


@pytest.mark.parametrize(
    ("damage", "read"),
    [
        (HALF, "\ufffd"),
        (rb"\udd8a", "\ufffd"),
        (rb"\udd8a\ud83d", "\ufffd\ufffd"),
        (b"\xed\xa0\xbd", "\ufffd\ufffd\ufffd"),
        (b"\xf0\x9f\xa6", "\ufffd"),
        (b"\xff", "\ufffd"),
        (b"\n", "\n"),
        (rb"\ud83e\udd8a", "🦊"),
        ("🦊".encode(), "🦊"),
    ],
    ids=repr,
)
def test_text_that_cannot_be_stored_is_replaced_and_nothing_else_is_lost(damage: bytes, read: str) -> None:
    names = ("orig_prompt", "actual_prompt", "message", "code", "submit_time", "scheduled_time", "end_time")
    members = b", ".join(b'"%s": "fox %s"' % (name.encode(), damage) for name in names)
    body = b"""{"request_id": "r %s", "%s": {"%s": ["%s"]}, "usage": {"duration": 5, "note": "%s"}, "output":
        {"task_id": "task-1", "task_status": "SUCCEEDED", "video_url": "https://x/1", %s}}"""
    found = replied(body % (damage, damage, damage, damage, damage, members), query)
    assert {name: getattr(found, name) for name in names} == dict.fromkeys(names, f"fox {read}")
    assert (found.request_id, found.status, found.video_url) == (f"r {read}", "SUCCEEDED", "https://x/1")
    assert found.seconds == 5
    "".join(part for part in astuple(found) if isinstance(part, str)).encode()


@pytest.mark.parametrize("damage", [HALF, b"\xff"])
def test_a_task_is_read_from_an_answer_with_damaged_texts(damage: bytes) -> None:
    body = b'{"output": {"task_id": "task-1", "task_status": "PENDING", "note": "%s"}, "request_id": "r%s"}'
    made = replied(body % (damage, damage), create)
    assert (made.task_id, made.request_id) == ("task-1", "r\ufffd")


@pytest.mark.parametrize("ask", [create, query, lambda client: client.policy(SINGAPORE, "wan2.6-t2v")])
@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "429 Too Many Requests"])
def test_a_refusal_can_be_stored_and_shown(ask: Callable[[WanClient], Any], status: str) -> None:
    body = b'{"code": "Odd%s", "message": "No foxes %s", "request_id": "%s"}' % (HALF, HALF, HALF)
    with pytest.raises(WanError) as refused:
        replied(body, ask, status)
    assert (refused.value.code, refused.value.message) == ("Odd\ufffd", "No foxes \ufffd")
    assert refused.value.request_id == "\ufffd"
    str(refused.value).encode()


def test_a_damaged_task_id_is_not_another_task() -> None:
    with pytest.raises(WanUnavailable):
        replied(b'{"output": {"task_id": "task-1%s", "task_status": "SUCCEEDED"}}' % HALF, query)


def test_a_damaged_list_is_read() -> None:
    item = b'{"task_id": "task-1", "status": "RUNNING%s", "gmt_create": 5000, "request_id": "%s"}' % (HALF, HALF)
    body = b'{"data": [%s], "total": 1, "total_page": 1, "note": "%s"}' % (item, HALF)
    (listed,) = replied(body, lambda client: client.tasks(SINGAPORE, "wan2.6-t2v", 0, 60).tasks)
    assert (listed.task_id, listed.status) == ("task-1", "RUNNING\ufffd")


def test_a_permission_to_upload_can_be_passed_on() -> None:
    body = b'{"data": {"upload_host": "https://x", "policy": "%s", "max_file_size_mb": 1}}' % HALF
    policy = replied(body, lambda client: client.policy(SINGAPORE, "wan2.6-t2v"))
    assert policy == {"upload_host": "https://x", "policy": "\ufffd", "max_file_size_mb": 1}


@pytest.mark.parametrize("asked", ["task-2", "TASK-1", "task-1 "])
@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "UNKNOWN", "RUNNING"])
def test_an_answer_about_another_task_is_refused(asked: str, status: str) -> None:
    body = b'{"output": {"task_id": "task-1", "task_status": "%s", "video_url": "https://x/1"}}' % status.encode()
    with pytest.raises(WanUnavailable, match="OtherTask"):
        replied(body, lambda client: client.query(SINGAPORE, asked))


def test_the_simulator_damages_texts_and_only_texts(simulator: Simulator) -> None:
    client = client_of(simulator)
    simulator.faults.add(Fault("create", "halves"))
    task_id = create(client).task_id
    simulator.finish(task_id)
    true = client.query(SINGAPORE, task_id)
    simulator.faults.add(Fault("query", "halves"))
    damaged = client.query(SINGAPORE, task_id)
    assert (damaged.orig_prompt, damaged.end_time) == (f"{true.orig_prompt}\ufffd", f"{true.end_time}\ufffd")
    assert (damaged.status, damaged.seconds, damaged.size) == (true.status, true.seconds, true.size)
    assert damaged.video_url is not None
    now = int(simulator.wan.clock.now())
    simulator.faults.add(Fault("list", "halves"))
    assert task_id in {task.task_id for task in client.tasks(SINGAPORE, "wan2.6-t2v", now - 60, now + 60).tasks}


def test_a_refusal_without_a_code_is_still_no_answer() -> None:
    with pytest.raises(WanUnavailable):
        replied(b'{"message": "%s"}' % HALF, query)
    with pytest.raises(WanRefused):
        replied(b'{"message": "%s"}' % HALF, query, "404 Not Found")
