"""POST /v1/videos/import: a task that exists at Wan is adopted, polled and delivered, and never submitted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.integration.api.client import Answer, Api, assert_problem
from tests.integration.wan.clients import FixedKeys
from tools.harness.lambdas import end_process, event, invoke
from tools.harness.samples import NOW, known_task, request, stored
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region

PATH = "/v1/videos/import"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Wan that the function can call."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _key(api: Api, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WAN_ENDPOINTS", f"singapore={simulator.base_url()}")
    end_process()
    api.stack.write_keys(singapore=simulator.key())
    yield
    simulator.faults.clear()
    end_process()


@pytest.fixture
def task(simulator: Simulator) -> str:
    """A task that someone has created at Wan."""
    keys = FixedKeys({Region.SINGAPORE: simulator.key()})
    client = WanClient(keys, endpoints=Endpoints({Region.SINGAPORE: simulator.base_url()}))
    return client.prepare(request())().task_id


def adopt(api: Api, task_id: object, **wanted: object) -> Answer:
    return api.post({"task_id": task_id, **wanted}, path=PATH)


def test_an_imported_task_gets_an_execution_with_its_id(api: Api, task: str) -> None:
    answer = adopt(api, task, prompt="a fox", model="wan2.5-t2v-preview", metadata={"case": "7"})
    video = answer.json
    assert (answer.status, video["status"], video["prompt"], video["model"]) == (
        202,
        "queued",
        "a fox",
        "wan2.5-t2v-preview",
    )
    assert (video["upstream"]["task_id"], video["queue_position"], video["waiting_for"]) == (task, None, None)
    record = event("stream_insert")
    record["Records"][0]["dynamodb"]["NewImage"] |= {"id": {"S": video["id"]}, "status": {"S": "starting"}}
    invoke("dispatch", record)
    assert api.stack.executions() == {f"{video['id']}-1": {"video_id": video["id"], "n": 1, "task_id": task}}


def test_a_task_id_is_enough(api: Api, task: str) -> None:
    assert adopt(api, task).status == 202


def test_importing_again_returns_the_same_video(api: Api, task: str) -> None:
    assert adopt(api, task).json["id"] == adopt(api, task, prompt="a fox").json["id"]
    assert api.stored == 1


def test_a_task_of_another_video_is_a_conflict_that_lasts(api: Api, task: str) -> None:
    adopt(api, task)
    answer = api.post({"task_id": task}, path=PATH, owner="bob")
    assert_problem(answer, 409, "task_claimed")
    assert (answer.json["retryable"], api.stored) == (False, 1)


def test_an_imported_video_that_was_deleted_is_gone(api: Api, task: str) -> None:
    video_id = adopt(api, task).json["id"]
    video = api.stack.videos.get(video_id)
    video = api.stack.videos.save(video, video.task_seen(NOW, replace(known_task(video), status="SUCCEEDED"), 1))
    video = api.stack.videos.save(video, video.completed(NOW, stored(video_id)))
    api.stack.videos.save(video, video.announced(NOW))
    api.delete(f"/v1/videos/{video_id}")
    assert_problem(adopt(api, task), 410, "video_gone")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task_id": 7},
        {"task_id": ""},
        {"task_id": "../tasks"},
        {"task_id": "a b"},
        {"task_id": "a" * 129},
        {"task_id": "13b1848b\n"},
        {"task_id": None},
        {"task_id": "13b1848b", "region": "beijing"},
        {"task_id": "13b1848b", "model": "sora-2"},
        {"task_id": "13b1848b", "prompt": ""},
        {"task_id": "13b1848b", "promt": "a fox"},
    ],
    ids=json.dumps,
)
def test_an_invalid_task_id_is_a_400(api: Api, body: dict[str, object]) -> None:
    assert_problem(api.post(body, path=PATH), 400, "invalid_request")
    assert api.stored == 0


def test_a_task_above_max_price_is_not_imported(api: Api, task: str) -> None:
    assert_problem(adopt(api, task, max_price="0.01"), 402, "budget_exceeded")


def test_a_token_with_only_the_scope_to_read_imports_nothing(api: Api, task: str) -> None:
    assert_problem(api.post({"task_id": task}, path=PATH, scopes="read"), 403, "forbidden")
    assert api.stored == 0


def test_a_task_that_wan_does_not_know_is_refused_and_starts_nothing(api: Api) -> None:
    answer = adopt(api, "bogus-0")
    assert_problem(answer, 400, "invalid_request")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/task_id"]
    assert api.stored == 0


def test_a_key_that_wan_refuses_is_reported_with_its_region(api: Api, task: str) -> None:
    api.stack.write_keys(singapore="sk-of-another-region")
    end_process()
    answer = adopt(api, task)
    assert_problem(answer, 400, "invalid_request")
    assert (answer.json["error"]["param"], "singapore" in answer.json["detail"]) == ("region", True)
    assert api.stored == 0


def test_at_most_twenty_tasks_are_imported_while_wan_is_unavailable(api: Api, simulator: Simulator) -> None:
    simulator.faults.add(Fault("query", "refuse", times=22, code="Throttling"))
    answers = [adopt(api, f"bogus-{at}") for at in range(21)]
    assert [answer.status for answer in answers] == [202] * 20 + [409]
    assert_problem(answers[-1], 409, "too_many_unknown_tasks")
    assert (answers[-1].json["retryable"], answers[-1].headers["x-should-retry"]) == (True, "false")
    video = answers[0].json
    assert (video["progress"], video["upstream"]["status"]) == (0, "UNKNOWN")
    simulator.faults.clear()

    cancelled = api.post(None, path=f"/v1/videos/{video['id']}/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    simulator.faults.add(Fault("query", "refuse", times=2, code="Throttling"))
    assert adopt(api, "bogus-20").status == 202


def test_an_import_works_with_the_off_switch(api: Api, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARTS", "disabled")
    end_process()
    video = adopt(api, task).json
    record = event("stream_insert")
    record["Records"][0]["dynamodb"]["NewImage"] |= {"id": {"S": video["id"]}, "status": {"S": "starting"}}
    invoke("dispatch", record)
    assert api.stack.executions() == {f"{video['id']}-1": {"video_id": video["id"], "n": 1, "task_id": task}}
