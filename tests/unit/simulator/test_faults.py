"""Faults: which can be queued, and which calls they affect."""

from __future__ import annotations

import pytest

from wan_simulator.faults import KINDS, Fault, FaultError, FaultQueue


def test_a_fault_affects_only_the_next_calls_of_its_route() -> None:
    queue = FaultQueue()
    queue.add(Fault("query", "garbage", times=2))

    assert queue.take("create") is None
    assert [fault.kind if (fault := queue.take("query")) else None for _ in range(3)] == ["garbage", "garbage", None]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_can_be_queued_by_name(kind: str) -> None:
    assert Fault.parse({"route": "result", "kind": kind}).kind == kind


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"route": "query"},
        {"route": "nowhere", "kind": "reset"},
        {"route": "query", "kind": "sulk"},
        {"route": "query", "kind": "reset", "times": 0},
        {"route": "query", "kind": "reset", "times": "2"},
        {"route": "query", "kind": "refuse", "code": "Nonsense"},
        {"route": "query", "kind": "reset", "colour": "red"},
        {"route": "query", "kind": "status", "retry_after": 5},
        {"route": "query", "kind": "status", "retry_after": "1\r\nX-Evil: 1"},
    ],
)
def test_an_invalid_fault_is_refused(body: object) -> None:
    with pytest.raises(FaultError):
        Fault.parse(body)
