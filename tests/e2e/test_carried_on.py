"""Videos that are continued: one whose execution was stopped, and one whose task was created without the stack."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path

import requests

from tests.e2e.conftest import Local
from tests.e2e.steps import (
    FINAL_SECONDS,
    MODEL,
    accepted,
    assert_stored_once,
    await_chain,
    await_that,
    executions_of,
    request,
)
from tools.harness.patience import PATIENCE
from wan_video_local.evidence import logs_of
from wan_video_local.stack import simulator_keys


def make_task(local: Local, prompt: str) -> str:
    """Create a task at Wan, as anyone with the key can, and return its id."""
    url = f"{local.stack.simulator_url}/singapore/api/v1/services/aigc/video-generation/video-synthesis"

    def taken() -> requests.Response | None:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                url,
                json={"model": MODEL, "input": {"prompt": prompt}, "parameters": {"size": "832*480", "duration": 5}},
                headers={"Authorization": f"Bearer {simulator_keys()['singapore']}", "X-DashScope-Async": "enable"},
                timeout=PATIENCE,
            )
        # A fast machine may exceed the rate limit.
        return None if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS else answer

    answer = await_that(taken, "a place for the task")
    assert answer.ok, answer.text
    return str(answer.json()["output"]["task_id"])


def deliveries(local: Local, mark: str) -> int:
    """Return the number of lines in the deliverer's log that begin with a mark."""
    return sum(line.startswith(mark) for line in logs_of(local.stack.aws, "Deliver"))


def test_a_delivery_whose_execution_was_stopped_is_continued_with_the_same_task(local: Local, tmp_path: Path) -> None:
    prompt = "a fox is stopped at the bridge"
    with local.hanging("result") as await_call:
        video_id = local.client.create(request(prompt))["id"]
        await_call()
        (stopped,) = executions_of(local, video_id)
        local.stack.aws.states.stop_execution(executionArn=stopped.arn)
        # The first worker is still at work: without this wait it could finish before another execution starts.
        await_that(lambda: len(executions_of(local, video_id)) == 2 or None, "the next execution")

    video = local.client.await_final(video_id, within=FINAL_SECONDS)
    first, second = await_chain(local, video_id)
    assert (first.status, second.status) == ("ABORTED", "SUCCEEDED")
    assert json.loads(second.input) == {"video_id": video_id, "n": 2, "task_id": video["upstream"]["task_id"]}
    # The first worker continues although its execution has ended, and must do no harm when it finishes.
    started = deliveries(local, "START")
    await_that(lambda: deliveries(local, "END") >= started or None, "the end of the first delivery")
    assert_stored_once(local, video, prompt, tmp_path, overlapping=True)


def test_a_task_that_exists_is_polled_and_delivered_and_never_submitted(local: Local, tmp_path: Path) -> None:
    prompt = "a fox brings its own letter"
    task_id = make_task(local, prompt)
    received = len(local.simulator.entries("received"))
    video = local.client.import_task(task_id, {"model": MODEL, "size": "832x480", "seconds": 5, "prompt": prompt})
    assert local.client.import_task(task_id, {"model": MODEL})["id"] == video["id"]

    done = local.client.await_final(video["id"], within=FINAL_SECONDS)
    assert done["upstream"]["task_id"] == task_id
    assert_stored_once(local, done, prompt, tmp_path)
    assert len(accepted(local, prompt)) == 1
    assert len(local.simulator.entries("received")) == received
    (only,) = executions_of(local, video["id"])
    entered = {
        event["stateEnteredEventDetails"]["name"] for event in only.events if "stateEnteredEventDetails" in event
    }
    assert {"Poll", "Deliver"} <= entered
    assert "Submit" not in entered
