"""The frozen items of commit 855997e, and what completes them: handlers, the state machine, `sweep`.

The code of that commit wrote `tests/golden/855997e` with its own adapters, one row and one batch for each state.
`items.json` has the items as DynamoDB stores them, `attributes.json` the names that it knew, and `executions.json` the
inputs of its executions and all answers of its steps, beside its state machine. These files never change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from boto3.dynamodb.types import TypeDeserializer
from jsonata import Jsonata  # type: ignore[import-untyped]

from tests.contract.test_state_machine import chosen, expressions
from tests.fakes.wan import FakeWan, WanTask, lost_tasks
from tests.fakes.world import FakeClock, FakeExecutions, FakeObjects, FakeReports, FakeTopic, FakeTransfer
from tools.harness.lambdas import invoke
from tools.harness.samples import NOW
from tools.harness.stack import LEDGER, VIDEOS, Stack
from wan_video import bootstrap, errors
from wan_video.adapters.dynamodb.claims import DynamoClaims
from wan_video.domain.hosts import ResultHosts
from wan_video.domain.video import StoredObject, Video
from wan_video.services.announce import Announce
from wan_video.services.deliver import Deliver
from wan_video.services.dispatch import Dispatch
from wan_video.services.finish_batch import FinishBatch
from wan_video.services.poll import Poll
from wan_video.services.reconcile import Reconcile
from wan_video.services.repairs.orphans import OrphanedTasks
from wan_video.services.repairs.unfinished import UnfinishedVideos
from wan_video.services.report_failure import ReportFailure
from wan_video.services.submit import Submit
from wan_video.services.sweep import Sweep

GOLDEN: Final = Path(__file__).parents[2] / "golden/855997e"
POOL: Final = "singapore#wan2.6-t2v"
GRACE: Final = 600
MOST_STEPS: Final = 2000
ANY_HOST: Final = cast(ResultHosts, SimpleNamespace(allow=lambda url: True))

Json = dict[str, Any]


def golden(name: str) -> Json:
    """Return one of the frozen documents."""
    loaded: Json = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    return loaded


def plain(item: Mapping[str, Any]) -> Json:
    """Return an item in plain values."""
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


OLD_STATES: Final[dict[str, Any]] = golden("generate_video.asl.json")["States"]
ITEMS: Final = golden("items.json")
ROWS: Final = {item["id"]["S"]: plain(item) for item in ITEMS["videos"] if "deleted_at" not in item}
BATCHES: Final = {item["id"]["S"]: plain(item) for item in ITEMS["ledger"] if item["sk"]["S"] == "batch"}


def as_saved_before(item: Json, known: Mapping[str, Any]) -> Json:
    """Return an item after a save by 855997e, which puts the whole item without attributes that it does not know."""
    return {
        name: as_saved_before(value, known[name]) if isinstance(value, dict) and known[name] else value
        for name, value in item.items()
        if name in known
    }


@dataclass
class World:
    """The tables with the frozen items, this version's services, and a Wan with their tasks."""

    stack: Stack
    monkeypatch: pytest.MonkeyPatch
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW + 900))
    objects: FakeObjects = field(default_factory=FakeObjects)
    topic: FakeTopic = field(default_factory=FakeTopic)
    reports: FakeReports = field(default_factory=FakeReports)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    after_step: Callable[[str], None] = lambda video_id: None

    def __post_init__(self) -> None:
        for table, items in ((VIDEOS, ITEMS["videos"]), (LEDGER, ITEMS["ledger"])):
            with self.stack.dynamodb.Table(table).batch_writer() as batch:
                for item in items:
                    batch.put_item(Item=plain(item))
        for execution in golden("executions.json")["executions"]:
            self.executions.inputs[execution["name"]] = execution["input"]
            self.executions.statuses[execution["name"]] = "RUNNING"
        videos = self.stack.videos
        self.wan = FakeWan(clock=self.clock)
        for row in ROWS:
            video = videos.get(row)
            if video.task is not None:
                over = video.usage is not None or video.error is not None
                self.wan.tasks_made.append(WanTask(video.task.id, video.request, NOW if not over else NOW - 600))
            if video.object is not None:
                self.objects.stored[video.object.key] = video.object
        self.tasks_before = len(self.wan.tasks_made)
        announce = Announce(videos, self.topic, self.clock)
        search = lost_tasks(self.wan, DynamoClaims(self.stack.tables, LEDGER), videos)
        submit = Submit(videos, self.wan, Reconcile(videos, search, self.clock, GRACE, resend=True), self.clock)
        poll = Poll(videos, self.wan, self.clock)
        deliver = Deliver(
            videos=videos,
            wan=self.wan,
            transfer=FakeTransfer(self.objects),
            objects=self.objects,
            announce=announce,
            hosts=ANY_HOST,
            clock=self.clock,
        )
        report_failure = ReportFailure(videos, announce, self.clock)
        unfinished = UnfinishedVideos(videos, self.executions, announce, report_failure, self.clock, start=lambda _: 0)
        sweep = Sweep([], unfinished, [OrphanedTasks(videos, search, self.clock, start=lambda _: 0)])
        dispatch = Dispatch(videos, self.stack.pools, self.executions, self.clock)
        finish = FinishBatch(self.stack.batches, videos, self.reports, self.topic, self.clock, "videos")
        for word, service in (
            ("submit", submit), ("poll", poll), ("deliver", deliver), ("report_failure", report_failure),
            ("sweep", sweep), ("dispatch", dispatch), ("finish_batch", finish),
        ):  # fmt: skip
            self.monkeypatch.setattr(bootstrap, word, lambda service=service: service)
        self.sweep, self.dispatch, self.finish = sweep, dispatch, finish

    # --- the state machine -------------------------------------------------------------------------------------------

    def walk(self, definition: Json, name: str, state: str | None = None, **variables: Any) -> str:
        """Run one execution from a state or from its start, and return the name of its last state.

        Functions are invoked with the payloads of the definition, which also decides about their answers, including
        successors.
        """
        states: dict[str, Json] = definition["States"]
        given = self.executions.inputs[name]
        known: Json = {"video_id": given["video_id"], "n": given["n"], "task_id": None, "loops": 0, **variables}
        state, answer = state or definition["StartAt"], dict(given)
        for _ in range(MOST_STEPS):
            here = states[state]
            match here["Type"]:
                case "Succeed" | "Fail":
                    self.executions.statuses[name] = "SUCCEEDED" if here["Type"] == "Succeed" else "FAILED"
                    return state
                case "Wait":
                    self.clock.advance(61)
                    state = here["Next"]
                case "Choice":
                    before, state = state, chosen(definition, state, answer)
                    if before in ("Is there a task already?", "Was it submitted?"):
                        known["task_id"] = answer.get("task_id", known["task_id"])
                case _:
                    payload = {key: _value(text, known) for key, text in here["Arguments"]["Payload"].items()}
                    try:
                        answer = invoke(_word(here), payload)
                        state = here["Next"]
                    except errors.WanVideoError:
                        answer = {"outcome": "unread"}
                        state = here["Catch"][0]["Next"] if "Catch" in here else state
                    self.after_step(known["video_id"])
        raise AssertionError(f"{name} did not end within {MOST_STEPS} states: {state}")

    def carry_on(self, definition: Json) -> None:
        """Complete everything: what waits, what runs, and what was abandoned."""
        for _ in range(4):
            self.dispatch([POOL])
            for name, status in list(self.executions.statuses.items()):
                if status == "RUNNING":
                    self.walk(definition, name)
            self.clock.advance(3700)
            self.sweep()

    # --- results -----------------------------------------------------------------------------------------------------

    def item(self, video_id: str) -> Json:
        """Return a row as the table stores it."""
        return dict(self.stack.dynamodb.Table(VIDEOS).get_item(Key={"id": video_id})["Item"])

    def ledger(self, pk: str, sk: str) -> Json:
        """Return an item of the ledger, or an empty mapping."""
        return dict(self.stack.dynamodb.Table(LEDGER).get_item(Key={"pk": pk, "sk": sk}).get("Item", {}))

    def save_as_before(self, video_id: str) -> None:
        """Let a function of 855997e read a row and save it."""
        item = as_saved_before(self.item(video_id), golden("attributes.json")["Video"])
        item["version"] += 1
        self.stack.dynamodb.Table(VIDEOS).put_item(Item=item)

    def row(self, video_id: str) -> Video:
        """Return a row as this version reads it."""
        return self.stack.videos.get(video_id)

    @property
    def notices(self) -> Counter[str]:
        """Return the number of notices of each video."""
        return Counter(event["data"]["id"] for event in self.topic.events if event["type"].startswith("video."))

    def stored(self, video_id: str) -> StoredObject | None:
        """Return the video's object in the bucket."""
        return self.objects.stored.get(f"videos/{video_id}/video.mp4")


def _word(state: Json) -> str:
    """Return the folder of the function that a Task invokes."""
    name = state["Arguments"]["FunctionName"].removeprefix("${").removesuffix("Arn}")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _value(text: Any, known: Json) -> Any:
    """Return the value of a JSONata expression with the variables of an execution."""
    (expression,) = expressions(text)
    bindings = "; ".join(f"${name} := {json.dumps(value)}" for name, value in known.items())
    return Jsonata(f"({bindings}; {expression})").evaluate(None)
