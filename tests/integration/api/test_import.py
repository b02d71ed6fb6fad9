"""POST /v1/videos/import: a task that exists at Wan is adopted, polled and delivered, and never submitted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.fakes.samples import NOW, known_task, stored
from tests.integration.api.client import Answer, Api, assert_problem
from tests.integration.lambdas import event, invoke

TASK = "13b1848b-5493-4c0e-8c44-68d038b492af"
PATH = "/v1/videos/import"


def adopt(api: Api, task_id: object = TASK, **wanted: object) -> Answer:
    return api.post({"task_id": task_id, **wanted}, path=PATH)


def test_an_imported_task_is_carried_by_an_execution_that_knows_it(api: Api) -> None:
    answer = adopt(api, prompt="a fox", model="wan2.5-t2v-preview", metadata={"case": "7"})
    video = answer.json
    assert (answer.status, video["status"], video["prompt"], video["model"]) == (
        202,
        "queued",
        "a fox",
        "wan2.5-t2v-preview",
    )
    assert (video["upstream"]["task_id"], video["queue_position"], video["waiting_for"]) == (TASK, None, None)
    record = event("stream_insert")
    record["Records"][0]["dynamodb"]["NewImage"] |= {"id": {"S": video["id"]}, "status": {"S": "starting"}}
    invoke("dispatch", record)
    assert api.stack.executions() == {f"{video['id']}-1": {"video_id": video["id"], "n": 1, "task_id": TASK}}


def test_a_task_id_alone_is_enough(api: Api) -> None:
    assert adopt(api).status == 202


def test_importing_again_gives_the_same_video(api: Api) -> None:
    assert adopt(api).json["id"] == adopt(api, prompt="a fox").json["id"]
    assert api.stored == 1


def test_a_task_of_another_video_is_a_conflict_that_lasts(api: Api) -> None:
    adopt(api)
    answer = api.post({"task_id": TASK}, path=PATH, owner="bob")
    assert_problem(answer, 409, "task_claimed")
    assert (answer.json["retryable"], api.stored) == (False, 1)


def test_an_imported_video_that_was_deleted_is_gone(api: Api) -> None:
    video_id = adopt(api).json["id"]
    video = api.stack.videos.get(video_id)
    video = api.stack.videos.save(video, video.task_seen(NOW, replace(known_task(video), status="SUCCEEDED"), 1))
    video = api.stack.videos.save(video, video.completed(NOW, stored(video_id)))
    api.stack.videos.save(video, video.announced(NOW))
    api.delete(f"/v1/videos/{video_id}")
    assert_problem(adopt(api), 410, "video_gone")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"task_id": 7},
        {"task_id": ""},
        {"task_id": "../tasks"},
        {"task_id": "a b"},
        {"task_id": "a" * 129},
        {"task_id": TASK + "\n"},
        {"task_id": None},
        {"task_id": TASK, "region": "beijing"},
        {"task_id": TASK, "model": "sora-2"},
        {"task_id": TASK, "prompt": ""},
        {"task_id": TASK, "promt": "a fox"},
    ],
    ids=json.dumps,
)
def test_a_task_that_cannot_be_is_a_400(api: Api, body: dict[str, object]) -> None:
    assert_problem(api.post(body, path=PATH), 400, "invalid_request")
    assert api.stored == 0


def test_what_costs_more_than_it_may_is_not_imported(api: Api) -> None:
    assert_problem(adopt(api, max_price="0.01"), 402, "budget_exceeded")


def test_who_may_only_read_imports_nothing(api: Api) -> None:
    assert_problem(api.post({"task_id": TASK}, path=PATH, scopes="read"), 403, "forbidden")
    assert api.stored == 0
