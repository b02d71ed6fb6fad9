"""This version completes the rows, batches and executions that commit 855997e wrote."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from tests.contract.test_state_machine import chosen
from tests.integration.upgrade.world import BATCHES, ROWS, World, as_saved_before, golden
from tools.harness.samples import NOW
from tools.harness.stack import LEDGER, VIDEOS
from tools.template import ROOT
from wan_video.adapters.dynamodb.places import SEAL
from wan_video.adapters.dynamodb.records import dump, load
from wan_video.adapters.dynamodb.rows import row_item
from wan_video.adapters.dynamodb.tokens import DynamoTokens
from wan_video.domain.batch import Batch, BatchStatus
from wan_video.domain.video import Status, Video

OLD: dict[str, Any] = golden("generate_video.asl.json")
NEW: dict[str, Any] = json.loads((ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8"))
ANSWERS: dict[str, list[dict[str, Any]]] = golden("executions.json")["answers"]
ADDED_TO_BATCHES = {"capped": False}
"""What later versions write into every batch, and how they read batches without it."""

ENDS = {
    "refused": (Status.FAILED, "DataInspectionFailed"),
    "task_failed": (Status.FAILED, "InternalError"),
    "task_expired": (Status.EXPIRED, "task_expired"),
    "failed_unannounced": (Status.FAILED, "InternalError"),
    "failed_announced": (Status.FAILED, "InternalError"),
    "expired_unannounced": (Status.EXPIRED, "task_expired"),
    "expired_announced": (Status.EXPIRED, "task_expired"),
    "cancelled_unannounced": (Status.CANCELLED, None),
    "cancelled_announced": (Status.CANCELLED, None),
    "watched": (Status.FAILED, "submission_uncertain"),
}
"""How rows end whose tasks have already ended at Wan; every other row becomes a video."""


def test_the_frozen_rows_contain_every_status() -> None:
    assert {row["status"] for row in ROWS.values()} == {str(status) for status in Status}
    assert {batch["status"] for batch in BATCHES.values()} == {str(status) for status in BatchStatus}
    states = {row["submission"].get("state") for row in ROWS.values() if "submission" in row}
    assert states == {None, "submitting", "uncertain", "submitted", "refused"}


@pytest.mark.parametrize("item", ROWS.values(), ids=ROWS)
def test_a_row_is_read_completely(item: dict[str, Any]) -> None:
    assert row_item(load(Video, item)) == item


@pytest.mark.parametrize("item", BATCHES.values(), ids=BATCHES)
def test_a_batch_is_read_completely(item: dict[str, Any]) -> None:
    read = {**dump(load(Batch, item)), "pk": item["pk"], "sk": item["sk"]}
    assert read == {**ADDED_TO_BATCHES, **item}


@pytest.mark.parametrize("definition", [OLD, NEW], ids=["its own state machine", "this version's"])
def test_everything_ends_once(world: World, definition: dict[str, Any]) -> None:
    world.carry_on(definition)
    assert_ended(world)


def end_of(video_id: str) -> tuple[Status, str | None]:
    """Return how a frozen row ends: its status, and the code of its error."""
    if ROWS[video_id].get("batch_id") == "batch_cancelling":
        return Status.CANCELLED, None
    return ENDS.get(video_id.removeprefix("video_"), (Status.COMPLETED, None))


def assert_ended(world: World) -> None:
    """Check that every frozen row ended and was announced once, and that nothing is paid twice or still held."""
    for video_id, before in ROWS.items():
        row = world.row(video_id)
        status, code = end_of(video_id)
        assert (video_id, row.status, row.error.code if row.error else None) == (video_id, status, code)
        assert row.announced_at is not None
        assert world.notices[video_id] == (0 if "announced_at" in before else 1), video_id
        assert (world.stored(video_id) is not None) is (status is Status.COMPLETED), video_id
        assert (row.place, row.reservation) == (None, None)
    # There is one new task for each row without one that Wan never had: nothing is paid twice.
    unsent = [row for row in ROWS if end_of(row)[0] is Status.COMPLETED and "task" not in ROWS[row]]
    made = Counter(task.request.prompt for task in world.wan.tasks_made[world.tasks_before :])
    assert made == Counter(world.row(row).request.prompt for row in unsent)
    assert world.ledger("pool#singapore#wan2.6-t2v", "pool").get("running") == SEAL
    # Imported tasks were created elsewhere, and used no budget here.
    spent = sum(world.row(row).spent_seconds for row in ROWS if row != "video_imported")
    days = [item for item in world.stack.dynamodb.Table(LEDGER).scan()["Items"] if item["pk"] == "budget#*"]
    assert sum(int(str(day["used"])) for day in days) == spent


@pytest.mark.parametrize("definition", [OLD, NEW], ids=["its own state machine", "this version's"])
@pytest.mark.parametrize(
    ("video_id", "state", "variables"),
    [
        ("video_starting", "Submit", {}),
        ("video_submitting", "Wait to reconcile", {"loops": 3}),
        ("video_uncertain", "Submit", {"loops": 3}),
        ("video_running", "Wait for the task", {"task_id": "task-running", "pause": 15}),
        ("video_troubled", "Poll", {"task_id": "task-troubled", "pause": 15}),
        ("video_made", "Deliver", {"task_id": "task-made"}),
        ("video_delivery_delayed", "Deliver", {"task_id": "task-delivery_delayed"}),
        ("video_refused", "Report failure", {}),
        ("video_task_failed", "Report failure", {"task_id": "task-task_failed"}),
    ],
)
def test_a_running_execution_continues_from_its_state(
    world: World, definition: dict[str, Any], video_id: str, state: str, variables: dict[str, Any]
) -> None:
    assert world.walk(definition, f"{video_id}-1", state, **variables) == "Done"
    row = world.row(video_id)
    assert row.status.final
    assert row.announced_at is not None
    assert world.notices[video_id] == 1


def test_a_successor_that_an_old_execution_starts_is_one_of_this_versions(world: World) -> None:
    """Step Functions starts it with the current definition and the old input."""
    for execution in golden("executions.json")["executions"]:
        assert set(execution["input"]) <= {"video_id", "n", "task_id"}
    assert world.walk(NEW, "video_restarted-2") == "Done"
    assert world.row("video_restarted").status is Status.COMPLETED


@pytest.mark.parametrize(
    ("step", "choice"),
    [("Submit", "Was it submitted?"), ("Poll", "Is the task finished?"), ("Deliver", "Is it delivered?")],
)
def test_an_answer_of_the_old_functions_leads_to_the_same_state(step: str, choice: str) -> None:
    """During a deployment the new state machine may still invoke the old functions."""
    assert NEW["States"][step]["Next"] == choice
    for answer in ANSWERS[step]:
        assert chosen(NEW, choice, answer) == chosen(OLD, choice, answer)


@pytest.mark.parametrize("step", ANSWERS)
def test_the_old_functions_get_everything_that_they_read(step: str) -> None:
    before, now = (definition["States"][step]["Arguments"] for definition in (OLD, NEW))
    assert before["Payload"].items() <= now["Payload"].items()
    assert before["FunctionName"] == now["FunctionName"]


def test_the_batches_of_the_old_version_end(world: World) -> None:
    world.carry_on(NEW)
    waits = {"batch_waiting_for_file", "batch_validating", "batch_nothing_written", "batch_expired"}
    ended: list[str] = []
    for batch_id in (name for name in BATCHES if "announced_at" not in BATCHES[name]):
        batch = world.finish(batch_id)
        if batch_id in waits:
            assert (batch.status, world.notices[batch_id]) == (BatchStatus(BATCHES[batch_id]["status"]), 0)
            continue
        ended.append(batch_id)
        assert batch.announced_at is not None, batch_id
        cancelled = batch_id == "batch_cancelling"
        assert batch.status is (BatchStatus.CANCELLED if cancelled else BatchStatus.COMPLETED), batch_id
        assert (batch.left, batch.completed + batch.cancelled) == (0, 2), batch_id
        assert world.ledger("open_batches", batch_id) == {}
        assert [event["data"]["id"] for event in world.topic.events if event["type"] == "batch.completed"] == ended
    assert ended
    assert waits < set(BATCHES)


def test_tokens_budgets_and_deleted_ids_keep_their_meaning(world: World) -> None:
    tokens = DynamoTokens(world.stack.tables, LEDGER)
    token = tokens.find("a" * 64)
    assert token is not None
    assert (token.owner, token.scopes, token.daily_seconds) == ("alice", frozenset({"read", "write"}), 100)
    assert tokens.find("b" * 64) is None
    (today,) = world.stack.pools.usage("alice", "2026-05-01", "2026-05-31")
    assert (today.day, today.price > Decimal(0)) == ("2026-05-28", True)
    deleted = world.stack.dynamodb.Table(VIDEOS).get_item(Key={"id": "video_deleted"})["Item"]
    assert deleted["ttl"] == NOW + 90 * 86400


@pytest.mark.parametrize("save_from", [0, *(pytest.param(at, marks=pytest.mark.slow) for at in (1, 2))])
def test_rows_of_this_version_survive_saves_of_the_old_one(world: World, save_from: int) -> None:
    """During a deployment either version may run the next step: every third save is by the old one."""
    steps = count(save_from)
    saved: list[str] = []

    def save(video_id: str) -> None:
        if next(steps) % 3 == 0:
            world.save_as_before(video_id)
            saved.append(video_id)

    world.after_step = save
    world.carry_on(NEW)
    assert len(saved) > 5
    assert_ended(world)


def test_the_attributes_that_the_old_version_would_erase_are_known(world: World) -> None:
    """Each of these is written again by the next poll, or can be lost, as docs/operations.md says."""
    known = golden("attributes.json")["Video"]
    world.carry_on(NEW)
    items = [world.item(video_id) for video_id in ROWS]
    lost = {name for item in items for name in missing(item, as_saved_before(item, known))}
    assert lost == {"base_url"}


def missing(item: dict[str, Any], kept: dict[str, Any], path: str = "") -> set[str]:
    """Return the names of the attributes that the second item no longer has."""
    gone = {f"{path}{name}" for name in item if name not in kept}
    inner = [(name, value) for name, value in item.items() if isinstance(value, dict) and name in kept]
    return gone.union(*(missing(value, kept[name], f"{path}{name}.") for name, value in inner))
