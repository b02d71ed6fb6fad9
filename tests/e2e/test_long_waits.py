"""Tasks that take about as long as Wan keeps one: executions that follow each other, and a clock that a test moves."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.conftest import Local, deployed
from tests.e2e.steps import (
    FINAL_SECONDS,
    NOTICE_SECONDS,
    accepted,
    assert_stored_once,
    await_chain,
    await_that,
    executions_of,
    failures,
    objects,
    request,
)
from tools.template import Json
from wan_video_local.engine import WORKER_DIED_TYPE
from wan_video_local.servers import Server
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import SIMULATOR_HEALTH, WORK, Plan

pytestmark = pytest.mark.slow  # a stack of its own; tests/contract/test_state_machine.py has successors without one

HOUR = 3600
SPEED = 2.0
"""The speed of the clock: a running clock can be moved, and at this speed the last hour takes half a real hour."""

PACE = 120.0
"""The speed of the waits in executions: a minute between two polls takes half a second, so that polls do not keep the
machine busy while the tests wait for something else."""

POLLS_PER_EXECUTION = 5
CHAIN = 3
"""Number of executions that follow each other before the clock is moved."""

MOST_EVENTS = 25_000
"""Number of events that an execution may write ("Quotas for state machine executions", Step Functions)."""


@pytest.fixture(scope="module")
def patient() -> Iterator[Local]:
    """Yield a stack whose tasks take 23 hours."""
    plan = Plan(
        speed=SPEED,
        latency=23 * HOUR,
        films="still",
        parameters={"PollIntervalSeconds": "60", "PollsPerExecution": str(POLLS_PER_EXECUTION)},
        servers={"engine": ["wan_video_local.engine", "--speed", f"{PACE:g}"]},
    )
    with deployed(plan, WORK / "test-patient.log") as local:
        # At this speed, scheduled events would arrive every second.
        events = local.stack.aws.events
        for rule in events.list_rules()["Rules"]:
            if "ScheduleExpression" in rule:
                events.disable_rule(Name=rule["Name"])
        yield local


@pytest.fixture(scope="module")
def endless(patient: Local) -> Iterator[SimulatorControls]:
    """Yield the controls of another Wan, in Beijing, whose tasks take 25 hours."""
    command = [sys.executable, "-m", "wan_simulator", "--still", "--latency", str(25 * HOUR)]
    clock = ["--clock", f"{SPEED:g}@{time.time():.3f}"]
    with Path(WORK / "test-endless.log").open("wb") as log, Server("simulator", [*command, *clock], log) as server:
        url = server.await_url(SIMULATOR_HEALTH)
        endpoints = {"singapore": patient.stack.simulator_url, "beijing": url}
        urls = ",".join(f"{region}={base}/{region}/api/v1" for region, base in endpoints.items())
        patient.set_variable(["submit", "poll"], "WAN_ENDPOINTS", urls)
        yield SimulatorControls(url)


@pytest.fixture(scope="module")
def videos(patient: Local, endless: SimulatorControls) -> dict[str, str]:
    """Return the ids of two videos by the hours that their tasks take: one is delivered, then the other expires."""
    ids = {
        "23": patient.client.create(request("a fox waits for a day"))["id"],
        "25": patient.client.create({**request("a fox waits for ever"), "region": "beijing"})["id"],
    }
    for video_id in ids.values():
        await_that(partial(has_begun, patient, f"{video_id}-{CHAIN + 1}"), f"execution {CHAIN + 1}")
    # The stack's clock moves first: the stack gives up an expired task only if Wan has no answer for it.
    patient.advance(23 * HOUR)
    patient.simulator.advance(23 * HOUR)
    patient.client.await_final(ids["23"], within=FINAL_SECONDS)
    endless.advance(25 * HOUR)
    patient.advance(2 * HOUR)
    patient.client.await_final(ids["25"], within=FINAL_SECONDS)
    return ids


def has_begun(patient: Local, name: str) -> bool | None:
    """Return True if an execution of that name exists, else None."""
    pages = patient.stack.aws.states.get_paginator("list_executions").paginate(
        stateMachineArn=patient.stack.outputs["StateMachineArn"]
    )
    return any(execution["name"] == name for page in pages for execution in page["executions"]) or None


def assert_nothing_failed(patient: Local, video_id: str) -> None:
    """Check that no task of a video failed, except those whose worker ended because the clock was moved.

    Every exception of a handler appears with its own name.
    """
    assert set(failures(patient, video_id)) <= {WORKER_DIED_TYPE}


def test_a_task_of_23_hours_is_delivered_by_executions_that_follow_each_other(
    patient: Local, videos: dict[str, str], tmp_path: Path
) -> None:
    video = patient.client.video(videos["23"])
    assert_stored_once(patient, video, "a fox waits for a day", tmp_path)
    assert video["completed_at"] - video["started_at"] > 23 * HOUR
    assert_nothing_failed(patient, video["id"])

    chain = await_chain(patient, video["id"])
    assert len(chain) > CHAIN
    assert [execution.name for execution in chain] == [f"{video['id']}-{n + 1}" for n in range(len(chain))]
    assert {execution.status for execution in chain} == {"SUCCEEDED"}
    assert all(len(execution.events) < MOST_EVENTS for execution in chain)
    inputs = [json.loads(execution.input) for execution in chain]
    assert inputs[0] == {"video_id": video["id"], "n": 1}
    task_id = video["upstream"]["task_id"]
    assert inputs[1:] == [{"video_id": video["id"], "n": n + 2, "task_id": task_id} for n in range(len(chain) - 1)]


def test_the_polls_of_one_execution_stay_below_the_events_it_may_write(
    patient: Local, videos: dict[str, str], template: Json
) -> None:
    events = executions_of(patient, videos["23"])[1].events
    polls = [at for at, event in enumerate(events) if event.get("stateEnteredEventDetails", {}).get("name") == "Poll"]
    assert 1 < len(polls) <= POLLS_PER_EXECUTION
    # The engine leaves out TaskStarted, which AWS writes between TaskScheduled and TaskSucceeded.
    loops = [[event["type"] for event in events[begin:end]] for begin, end in pairwise(polls)]
    longest = max(len([*loop, "TaskStarted"]) for loop in loops)
    parameter = template["Parameters"]["PollsPerExecution"]
    for times in (parameter["Default"], parameter["MaxValue"]):
        assert times * longest < MOST_EVENTS * 0.95, "the rest is for the beginning and the end"


def test_a_task_of_25_hours_expires_with_one_notice(
    patient: Local, endless: SimulatorControls, videos: dict[str, str]
) -> None:
    video = patient.client.video(videos["25"])
    event = patient.notices.await_about(video["id"], within=NOTICE_SECONDS)

    assert (video["status"], video["error"]["code"]) == ("expired", "task_expired")
    assert (event["type"], event["data"]["status"]) == ("video.expired", "expired")
    assert len(patient.notices.about(video["id"])) == 1
    assert objects(patient, video["id"]) == []
    assert len(endless.entries("received")) == len(endless.entries("accepted")) == 1
    assert_nothing_failed(patient, video["id"])
    assert accepted(patient, "a fox waits for ever") == []
    assert {execution.status for execution in await_chain(patient, video["id"])} == {"SUCCEEDED"}
