"""Faults of the simulator as a client sees them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from fastcrc import crc64

from tools.harness.patience import PATIENCE, until
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator() as one:
        yield one


def headers(simulator: Simulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {simulator.key()}"}


def create(simulator: Simulator, timeout: float = PATIENCE) -> requests.Response:
    return requests.post(
        f"{simulator.base_url()}/services/aigc/video-generation/video-synthesis",
        json={
            "model": "wan2.6-t2v",
            "input": {"prompt": "a fox"},
            "parameters": {"size": "1280*720", "duration": 2},
        },
        headers=headers(simulator) | {"X-DashScope-Async": "enable"},
        timeout=timeout,
    )


def query(simulator: Simulator, task_id: str) -> requests.Response:
    url = f"{simulator.base_url()}/tasks/{task_id}"
    return requests.get(url, headers=headers(simulator), timeout=PATIENCE, allow_redirects=False)


def finished(simulator: Simulator) -> tuple[str, str]:
    task_id = create(simulator).json()["output"]["task_id"]
    simulator.finish(task_id)
    return task_id, query(simulator, task_id).json()["output"]["video_url"]


def test_a_connection_reset_before_acceptance_leaves_no_task(simulator: Simulator) -> None:
    simulator.faults.add(Fault("create", "reset"))

    with pytest.raises(requests.ConnectionError):
        create(simulator)

    assert [entry["event"] for entry in simulator.ledger()] == ["received"]
    assert simulator.ledger()[0]["fault"] == "reset"
    assert create(simulator).status_code == 200


def test_a_connection_reset_after_acceptance_leaves_a_task_that_will_be_billed(simulator: Simulator) -> None:
    simulator.faults.add(Fault("create", "reset", after=True))

    with pytest.raises(requests.ConnectionError):
        create(simulator)
    simulator.finish(simulator.ledger("accepted")[0]["task_id"])

    assert [entry["event"] for entry in simulator.ledger()] == ["received", "accepted", "billed"]


def test_a_hanging_answer_outlasts_an_impatient_caller_who_is_still_charged(simulator: Simulator) -> None:
    simulator.faults.add(Fault("create", "hang", seconds=PATIENCE, after=True))

    with pytest.raises(requests.ReadTimeout):
        create(simulator, timeout=0.5)

    until(lambda: simulator.ledger("accepted") or None, "the task")
    assert len(simulator.ledger("accepted")) == 1


@pytest.mark.parametrize("after", [True, False])
def test_a_hanging_answer_arrives_once_the_faults_are_cleared(simulator: Simulator, after: bool) -> None:
    simulator.faults.add(Fault("create", "hang", seconds=2 * PATIENCE, after=after))
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(create, simulator)
        until(lambda: not simulator.faults.waiting(), "the call")
        simulator.faults.clear()
        assert answer.result().status_code == 200
    assert len(simulator.ledger("accepted")) == 1


def test_a_documented_refusal_can_be_queued_and_creates_no_task(simulator: Simulator) -> None:
    simulator.faults.add(Fault("create", "refuse", code="Throttling.RateQuota"))
    answer = create(simulator)

    assert (answer.status_code, answer.json()["code"]) == (429, "Throttling.RateQuota")
    assert simulator.ledger("accepted") == []


def test_an_answer_of_a_gateway_has_a_status_and_no_code(simulator: Simulator) -> None:
    simulator.faults.add(Fault("create", "status", status=502, after=True))

    assert create(simulator).status_code == 502
    assert len(simulator.ledger("accepted")) == 1


def test_garbage_is_a_success_that_no_one_can_read(simulator: Simulator) -> None:
    simulator.faults.add(Fault("query", "garbage"))
    answer = query(simulator, "any")

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_task_can_be_created_without_its_id_in_the_answer(simulator: Simulator) -> None:
    simulator.faults.add(Fault("create", "no_task_id"))
    answer = create(simulator)

    assert (answer.status_code, "task_id" in answer.json()["output"]) == (200, False)
    assert len(simulator.ledger("accepted")) == 1


def test_a_truncated_result_ends_before_its_length(simulator: Simulator) -> None:
    _, link = finished(simulator)
    simulator.faults.add(Fault("result", "truncate", keep=1000))

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="1000 bytes read"):
        requests.get(link, timeout=PATIENCE)


def test_a_flipped_byte_shows_only_in_the_checksum(simulator: Simulator) -> None:
    _, link = finished(simulator)
    true = requests.get(link, timeout=PATIENCE)
    simulator.faults.add(Fault("result", "flip"))
    flipped = requests.get(link, timeout=PATIENCE)

    assert len(flipped.content) == len(true.content)
    assert flipped.headers["x-oss-hash-crc64ecma"] == str(crc64.xz(true.content))
    assert crc64.xz(flipped.content) != crc64.xz(true.content)


def test_a_redirect_leads_to_another_host(simulator: Simulator) -> None:
    simulator.faults.add(Fault("query", "redirect", location="https://wan.invalid/x"))

    assert query(simulator, "any").headers["Location"] == "https://wan.invalid/x"


def test_a_link_can_lead_to_a_foreign_host(simulator: Simulator) -> None:
    task_id, link = finished(simulator)
    simulator.faults.add(Fault("query", "foreign_host", host="evil.invalid"))
    foreign = query(simulator, task_id).json()["output"]["video_url"]

    assert foreign == link.replace(simulator.origin, "https://evil.invalid")


def test_an_error_page_can_have_status_200(simulator: Simulator) -> None:
    _, link = finished(simulator)
    simulator.faults.add(Fault("result", "xml"))
    page = requests.get(link, timeout=PATIENCE)

    assert (page.status_code, page.content[:7]) == (200, b"<Error>")


def test_faults_are_queued_listed_and_cleared_over_http(simulator: Simulator) -> None:
    url = f"{simulator.origin}/_simulator/faults"
    queued = requests.post(url, json={"route": "query", "kind": "status", "times": 2}, timeout=PATIENCE)

    assert len(queued.json()["waiting"]) == 2
    assert query(simulator, "any").status_code == 502
    assert requests.delete(url, timeout=PATIENCE).json() == {"waiting": []}
    assert query(simulator, "any").status_code == 200


def test_an_unknown_fault_is_refused_over_http(simulator: Simulator) -> None:
    answer = requests.post(
        f"{simulator.origin}/_simulator/faults", json={"route": "query", "kind": "sulk"}, timeout=PATIENCE
    )

    assert (answer.status_code, "kind must be one of" in answer.json()["error"]) == (400, True)


def test_clock_and_switches_are_changed_over_http(simulator: Simulator) -> None:
    controls = f"{simulator.origin}/_simulator"
    before = requests.get(f"{controls}/clock", timeout=PATIENCE).json()["now"]
    after = requests.post(f"{controls}/clock", json={"advance": 90}, timeout=PATIENCE).json()["now"]
    switches = requests.post(f"{controls}/switches", json={"rates": True}, timeout=PATIENCE).json()

    assert after - before == 90
    assert switches == {
        "rates": True,
        "queue": True,
        "list_lag": 0.0,
        "list_key": "data",
        "quota_routes": ["quotas", "models/limits"],
        "retry_after": "1",
    }


@pytest.mark.parametrize(
    ("control", "body"),
    [
        ("clock", {"advance": -1}),
        ("clock", {}),
        ("switches", {"rates": "no"}),
        ("switches", {"list_key": "items"}),
        ("switches", {"list_lag": -1}),
        ("switches", {"quota_routes": ["limits"]}),
        ("switches", {"retry_after": "1\r\nX: y"}),
        ("switches", {"rate": True}),
        ("quotas", {"region": "mars", "model": "wan2.6-t2v"}),
        ("quotas", {"region": "singapore", "model": "wan9"}),
        ("quotas", {"region": "singapore", "model": "wan2.6-t2v", "request_limit": -1}),
        ("quotas", {"region": "singapore", "model": "wan2.6-t2v", "request_limit": True}),
        ("quotas", {"region": "singapore", "model": "wan2.6-t2v", "request_limit_period": 2}),
        ("quotas", {"region": "singapore", "model": "wan2.6-t2v", "hidden": ["everything"]}),
        ("quotas", {"region": "singapore", "model": "wan2.6-t2v", "hidden": [{}]}),
        ("quotas", {"region": "singapore", "model": "wan2.6-t2v", "places": 3}),
        ("retirements", {"region": "singapore", "model": "wan9", "offline_time": 1}),
        ("retirements", {"region": "singapore", "model": "wan2.6-t2v", "offline_time": "soon"}),
    ],
)
def test_a_control_refuses_invalid_bodies(simulator: Simulator, control: str, body: dict[str, object]) -> None:
    answer = requests.post(f"{simulator.origin}/_simulator/{control}", json=body, timeout=PATIENCE)

    assert answer.status_code == 400


def test_the_original_video_is_served_without_a_signature(simulator: Simulator) -> None:
    task_id, link = finished(simulator)
    true = requests.get(f"{simulator.origin}/_simulator/tasks/{task_id}/video", timeout=PATIENCE)

    assert true.content == requests.get(link, timeout=PATIENCE).content
