"""Tasks that take about as long as Wan keeps one: a day of polls, each of them made, on a clock that runs fast."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.conftest import Local, deployed
from tests.e2e.steps import NOTICE_SECONDS, accepted, assert_stored_once, executions_of, failures, objects, request
from tests.template import Json
from wan_video_local.servers import Server
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import SIMULATOR_HEALTH, WORK, Plan

HOUR = 3600
SPEED = 1200.0
"""A day in little more than a minute; its last hour is long enough to deliver a video in."""

POLLS_PER_EXECUTION = 100
MOST_EVENTS = 25_000
"""What an execution may write ("Quotas for state machine executions", Step Functions)."""

WITHIN = 240.0


@pytest.fixture(scope="module")
def patient() -> Iterator[Local]:
    """A stack whose tasks take 23 hours."""
    plan = Plan(
        speed=SPEED,
        latency=23 * HOUR,
        render=False,
        parameters={"PollIntervalSeconds": "60", "PollsPerExecution": str(POLLS_PER_EXECUTION)},
    )
    with deployed(plan, WORK / "test-patient.log") as local:
        # Here these would come every second, and a row would count as quiet after half of one.
        events = local.stack.aws.events
        for rule in events.list_rules()["Rules"]:
            if "ScheduleExpression" in rule:
                events.disable_rule(Name=rule["Name"])
        load_deliverer(local)
        yield local


def load_deliverer(local: Local) -> None:
    """Have the worker that delivers ready, by a video that is over already: the last hour is short."""
    video_id = local.client.create(request("[simulate:DataInspectionFailed]"))["id"]
    local.client.await_final(video_id, within=WITHIN)
    event = json.dumps({"video_id": video_id, "task_id": "none"})
    answer = local.stack.aws.functions.invoke(FunctionName="wan-video-deliver", Payload=event.encode())
    assert json.loads(answer["Payload"].read()) == {"outcome": "over"}


@pytest.fixture(scope="module")
def endless(patient: Local) -> Iterator[SimulatorControls]:
    """Another Wan, in Beijing, whose tasks take 25 hours."""
    command = [sys.executable, "-m", "wan_simulator", "--reuse", "--latency", str(25 * HOUR)]
    clock = ["--clock", f"{SPEED:g}@{time.time():.3f}"]
    with Path(WORK / "test-endless.log").open("wb") as log, Server("simulator", [*command, *clock], log) as server:
        url = server.await_url(SIMULATOR_HEALTH)
        endpoints = {"singapore": patient.stack.simulator_url, "beijing": url}
        told = ",".join(f"{region}={base}/{region}/api/v1" for region, base in endpoints.items())
        patient.set_variable(["submit", "poll"], "WAN_ENDPOINTS", told)
        yield SimulatorControls(url)


@pytest.fixture(scope="module")
def videos(patient: Local, endless: SimulatorControls) -> dict[str, str]:
    """The ids of two videos that are on their way at once, by how many hours their tasks take."""
    assert endless
    return {
        "23": patient.client.create(request("a fox waits for a day"))["id"],
        "25": patient.client.create({**request("a fox waits for ever"), "region": "beijing"})["id"],
    }


def test_a_task_of_23_hours_is_delivered_by_executions_that_follow_each_other(
    patient: Local, videos: dict[str, str], tmp_path: Path
) -> None:
    video = patient.client.await_final(videos["23"], within=WITHIN)
    assert_stored_once(patient, video, "a fox waits for a day", tmp_path)
    assert video["completed_at"] - video["started_at"] > 23 * HOUR
    assert failures(patient, video["id"]) == []

    chain = executions_of(patient, video["id"])
    assert len(chain) > 1
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
    patient.client.await_final(videos["23"], within=WITHIN)
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
    video = patient.client.await_final(videos["25"], within=WITHIN)
    event = patient.notices.await_about(video["id"], within=NOTICE_SECONDS)

    assert (video["status"], video["error"]["code"]) == ("expired", "task_expired")
    assert (event["type"], event["data"]["status"]) == ("video.expired", "expired")
    assert len(patient.notices.about(video["id"])) == 1
    assert objects(patient, video["id"]) == []
    assert len(endless.entries("received")) == len(endless.entries("accepted")) == 1
    assert failures(patient, video["id"]) == []
    assert accepted(patient, "a fox waits for ever") == []
    assert {execution.status for execution in executions_of(patient, video["id"])} == {"SUCCEEDED"}
