"""What Step Functions bills for a video of three minutes, counted in the histories of the state machine that ships.

It runs on the local engine with a faster clock. On a slow machine a loop takes more than 15 seconds of that clock,
which makes the figures smaller, never larger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any, Final

from bench.rows import Figure, Row
from tools.template import source
from wan_video_local.client import Client
from wan_video_local.evidence import history
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan, Stack

SPEED: Final = 6.0
TASK_SECONDS: Final = 180
FIRST_WAIT: Final = 60
DAY_SECONDS: Final = 24 * 3600
MOST_EVENTS: Final = 25_000
"""Events that the history of an execution can have ("Quotas for state machine executions", Step Functions)."""

PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Walk:
    """The counts of one execution's history."""

    transitions: int
    polls: int
    events: int
    events_a_poll: int
    """This includes the event `TaskStarted`, which the engine leaves out."""

    @classmethod
    def of(cls, events: Sequence[Mapping[str, Any]]) -> Walk:
        """Count a history of at least two polls."""
        entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
        polls = [
            at for at, event in enumerate(events) if event.get("stateEnteredEventDetails", {}).get("name") == "Poll"
        ]
        tasks = sum(event["type"] == "TaskScheduled" for event in events)
        return cls(
            transitions=len(entered),
            polls=len(polls),
            events=len(events) + tasks,
            events_a_poll=max(end - begin for begin, end in pairwise(polls)) + 1,
        )


def rows(quick: bool) -> Iterator[Figure]:
    """Yield the transitions of a video, of one that is first polled later, and the events of the longest wait."""
    plan = Plan(speed=SPEED, latency=TASK_SECONDS, films="reuse", enforce=False)
    with RunLog(WORK / "bench-transitions.log") as log, LocalStack(plan, log.file) as running:
        stack = running.start()
        warm_up(stack)
        usual = make(stack, "a fox waits for three minutes")
        yield Row("transitions of a 3-minute video", "", usual.transitions, goal=42, better="below")
        if not quick:
            poll_later(stack)
            later = make(stack, "a fox is looked at after a minute")
            yield Row("the same, first look after 60 s", "", later.transitions, goal=34, better="below")
    yield longest_wait(usual)


def longest_wait(seen: Walk) -> Row:
    """Return the events of an execution that polls as often as it may, with the number of executions in a day."""
    parameters = source()["Parameters"]
    polls, seconds = (int(parameters[name]["Default"]) for name in ("PollsPerExecution", "PollIntervalSeconds"))
    a_day = DAY_SECONDS // seconds
    events = seen.events + (polls - seen.polls) * seen.events_a_poll
    note = f"24 h: {a_day} polls in {ceil(a_day / polls)} executions"
    return Row("events of the longest execution", "", events, goal=MOST_EVENTS, better="below", note=note)


def warm_up(stack: Stack) -> None:
    """Start the workers before anything is counted."""
    client = Client(stack.api_url, stack.token)
    video_id = str(client.create({"prompt": "[simulate:DataInspectionFailed]"})["id"])
    client.await_final(video_id, within=PATIENCE_SECONDS)
    event = json.dumps({"video_id": video_id, "task_id": "none", "n": 1}).encode()
    for word in ("poll", "deliver"):
        stack.aws.functions.invoke(FunctionName=f"wan-video-{word}", Payload=event)


def make(stack: Stack, prompt: str) -> Walk:
    """Make one video and count its execution."""
    client = Client(stack.api_url, stack.token)
    video = client.await_final(str(client.create({"prompt": prompt})["id"]), within=PATIENCE_SECONDS)
    if video["status"] != "completed":
        raise RuntimeError(f"{prompt!r} ended as {video['status']}")
    machine = stack.outputs["StateMachineArn"]
    return Walk.of(history(stack.aws, f"{machine.replace(':stateMachine:', ':execution:')}:{video['id']}-1"))


def poll_later(stack: Stack) -> None:
    """Deploy the machine with another `FirstPollSeconds`."""
    machine = stack.outputs["StateMachineArn"]
    definition = json.loads(stack.aws.states.describe_state_machine(stateMachineArn=machine)["definition"])
    submitted = definition["States"]["Was it submitted?"]["Choices"][0]
    submitted["Assign"]["pause"] = f"{{% {FIRST_WAIT} %}}"
    stack.aws.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
