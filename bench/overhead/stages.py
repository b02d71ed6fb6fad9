"""The stages of the waits before and after Wan, from the executions' histories and the functions' logs."""

from __future__ import annotations

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.overhead.day import Seen
from wan_video_local.aws import Aws
from wan_video_local.evidence import function_of, history
from wan_video_local.stack import Stack

BEFORE: Final = "before Wan has accepted"
AFTER: Final = "after Wan's end"
PRODUCT: Final = "the product"
ENGINE: Final = "the local engine"

_REPORT: Final = re.compile(r"REPORT RequestId: \S+\tDuration: (\d+) ms")

Stage = tuple[str, float, str]
"""The name of a stage, its mean in seconds, and to whom the time belongs."""


@dataclass(frozen=True)
class Invocation:
    """When a function began and ended, in epoch seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


@dataclass(frozen=True)
class Walk:
    """The moments of one video: those that clients saw, those of its history, and the functions that worked on it."""

    seen: Seen
    started: float
    poll: float
    deliver: float
    functions: Mapping[str, Sequence[Invocation]]

    def before(self) -> Iterator[Stage]:
        """Yield the stages from the request until Wan accepted the task."""
        one, submit = self.seen, self.functions["Submit"][0]
        yield from split("API", one.answered - one.requested, self.functions["Api"][0].seconds)
        dispatch = self.functions["Dispatch"][0]
        yield from split(
            "queue and dispatch", self.started - one.answered, dispatch.end - max(dispatch.begin, one.answered)
        )
        yield "start", max(0.0, submit.begin - max(self.started, one.answered)), ENGINE
        yield "submit", one.accepted - max(submit.begin, one.answered), PRODUCT

    def after(self) -> Iterator[Stage]:
        """Yield the stages from Wan's end until the notice arrived."""
        one, deliver = self.seen, self.functions["Deliver"][-1]
        yield "wait for the poll", self.poll - one.made, PRODUCT
        yield from split("poll", self.deliver - self.poll, self.functions["Poll"][-1].seconds)
        yield from split("deliver", one.completed - self.deliver, one.completed - deliver.begin)
        yield from split("announce", one.noticed - one.completed, deliver.end - one.completed)


def split(stage: str, seconds: float, own: float) -> Iterator[Stage]:
    """Yield the product's part of a stage, which is `own` seconds at most, and the rest, which is the engine's."""
    whole = max(0.0, seconds)
    part = min(max(0.0, own), whole)
    yield stage, part, PRODUCT
    yield stage, whole - part, ENGINE


def shares_of(stack: Stack, videos: Sequence[Seen]) -> tuple[list[Stage], list[Stage]]:
    """Return the mean of each stage before and after Wan, over some videos."""
    found = invocations(stack.aws)
    walks = [walk(stack, one, found[one.video_id]) for one in videos]
    return means([list(one.before()) for one in walks]), means([list(one.after()) for one in walks])


def means(stages: Sequence[Sequence[Stage]]) -> list[Stage]:
    """Return the mean of each stage over all videos; means add up, medians do not."""
    return [
        (name, statistics.fmean(seconds for _, seconds, _ in column), owner)
        for column in zip(*stages, strict=True)
        for name, _, owner in column[:1]
    ]


def walk(stack: Stack, one: Seen, functions: Mapping[str, Sequence[Invocation]]) -> Walk:
    """Return the moments of one video."""
    machine = stack.outputs["StateMachineArn"]
    events = history(stack.aws, f"{machine.replace(':stateMachine:', ':execution:')}:{one.video_id}-1")
    entered = {
        event["stateEnteredEventDetails"]["name"]: event["timestamp"].timestamp()
        for event in events
        if "stateEnteredEventDetails" in event
    }
    return Walk(one, events[0]["timestamp"].timestamp(), entered["Poll"], entered["Deliver"], functions)


def invocations(aws: Aws) -> Mapping[str, Mapping[str, Sequence[Invocation]]]:
    """Return the invocations that logged the id of a video, by video and function, in their order."""
    found: dict[str, dict[str, list[Invocation]]] = defaultdict(lambda: defaultdict(list))
    for page in aws.logs.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            for invocation, ids in of_group(aws, name):
                for video_id in ids:
                    found[video_id][function_of(name)].append(invocation)
    for functions in found.values():
        for seen in functions.values():
            seen.sort(key=lambda invocation: invocation.begin)
    return found


def of_group(aws: Aws, name: str) -> Iterator[tuple[Invocation, set[str]]]:
    """Yield each invocation of a log group, with the ids of the videos that it logged."""
    ids: dict[str, set[str]] = defaultdict(set)
    for page in aws.logs.get_paginator("filter_log_events").paginate(logGroupName=name):
        for event in page["events"]:
            stream, message = event["logStreamName"], event["message"].strip()
            if report := _REPORT.match(message):
                end = event["timestamp"] / 1000
                yield Invocation(end - int(report[1]) / 1000, end), ids.pop(stream, set())
            elif message.startswith("{"):
                line: dict[str, Any] = json.loads(message)
                ids[stream] |= {line["video_id"]} if "video_id" in line else set()
