"""The client does not sleep for Wan's Retry-After, because a worker is paid by the second and ends within minutes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.integration.wan.clients import SINGAPORE, client_of, create, received
from tools.harness.samples import NOW
from wan_simulator.faults import Fault, Route
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.client import WanClient
from wan_video.errors import WanError

MODEL = "wan2.6-t2v"
CALLS: dict[Route, Callable[[WanClient], object]] = {
    "create": create,
    "query": lambda client: client.query(SINGAPORE, "task_1"),
    "list": lambda client: client.tasks(SINGAPORE, MODEL, NOW, NOW + 60),
    "upload": lambda client: client.policy(SINGAPORE, MODEL),
}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of every sleep in this process; no sleep is executed."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.mark.parametrize("retry_after", ["1", "86400", "1000000000", "Fri, 31 Dec 9999 23:59:59 GMT", "-1", "soon", ""])
@pytest.mark.parametrize(
    "fault", [{"kind": "refuse", "code": "Throttling.RateQuota"}, {"kind": "status", "status": 503}], ids=str
)
@pytest.mark.parametrize("route", CALLS)
def test_a_refusal_is_reported_at_once_despite_any_retry_after(
    simulator: Simulator, slept: list[float], route: Route, fault: dict[str, object], retry_after: str
) -> None:
    posts = received(simulator)
    simulator.faults.add(Fault(route, retry_after=retry_after, **fault))  # type: ignore[arg-type]
    with pytest.raises(WanError):
        CALLS[route](client_of(simulator))
    assert slept == []
    assert received(simulator) == posts + (route == "create")
    assert not simulator.faults.waiting()
