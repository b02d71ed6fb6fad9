"""A save keeps attributes that this version does not know, because during a deployment another one writes the items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.dynamodb.stores import FAILURE, Store
from tools.harness.samples import NOW, known_task, open_batch, queued, rows_of, stored, waiting_batch
from tools.harness.stack import LEDGER, VIDEOS, Stack
from wan_video.adapters.dynamodb.claims import DynamoClaims
from wan_video.adapters.dynamodb.ledger import batch_key
from wan_video.adapters.dynamodb.rows import row_item
from wan_video.domain.batch import Source
from wan_video.domain.budget import Usage
from wan_video.domain.request import VideoRequest
from wan_video.domain.video import Video

NEW: dict[str, Any] = {"text": "new", "numbers": {Decimal(1), Decimal("2.5")}, "bytes": [b"x"], "inner": {"deep": {}}}
"""Attributes that another version may write, including types that this one never writes."""

USAGE = Usage(5, Decimal("3.669620"), "CNY")


@pytest.fixture
def store(stack: Stack) -> Store:
    return Store(stack.videos, stack.pools, DynamoClaims(stack.tables, LEDGER), stack.quotas)


@pytest.fixture
def item(stack: Stack) -> Callable[[str], dict[str, Any]]:
    """Return a row as the table stores it."""
    return lambda video_id: dict(stack.dynamodb.Table(VIDEOS).get_item(Key={"id": video_id})["Item"])


def plant(stack: Stack, video: Video) -> None:
    """Add unknown attributes to a row, and to every mapping in it except for those of its owner."""
    item = dict(stack.dynamodb.Table(VIDEOS).get_item(Key={"id": video.id})["Item"])
    for name, value in item.items():
        if isinstance(value, dict):
            item[name] = {**value, "of_another_version": NEW}
    stack.dynamodb.Table(VIDEOS).put_item(Item={**item, "of_another_version": NEW})


def unknown(item: dict[str, Any]) -> set[str]:
    """Return the mappings that still have the unknown attributes; the row itself is the empty name."""
    found = {name for name, value in item.items() if isinstance(value, dict) and "of_another_version" in value}
    return found | ({""} if item.get("of_another_version") else set())


STEPS: list[tuple[Callable[[Store], Video], Callable[[Video], Video]]] = [
    (lambda store: store.accept(queued()), lambda video: video.cancelled(NOW)),
    (lambda store: store.start(store.accept(queued())), lambda video: video.submitting(NOW, "https://wan.test")),
    (lambda store: store.submitting(), lambda video: video.submission_uncertain(NOW)),
    (lambda store: store.submitting(), lambda video: video.scanned(NOW, empty=True, grace=0)),
    (lambda store: store.submitting(), lambda video: video.not_submitted(NOW)),
    (lambda store: store.submitting(), lambda video: video.refused(NOW, FAILURE)),
    (lambda store: store.submitted(), lambda video: video.task_seen(NOW, replace(known_task(video), status="X"), 1)),
    (lambda store: store.submitted(), lambda video: video.task_succeeded(NOW, USAGE)),
    (lambda store: store.submitted(), lambda video: video.completed(NOW, stored())),
    (lambda store: store.submitted(), lambda video: video.ended(NOW, FAILURE)),
    (lambda store: store.submitted(), lambda video: video.restarted(NOW, 2)),
]


@pytest.mark.parametrize(("begin", "step"), STEPS)
def test_a_save_of_a_row_keeps_unknown_attributes_at_every_level(
    stack: Stack,
    store: Store,
    item: Callable[[str], dict[str, Any]],
    begin: Callable[[Store], Video],
    step: Callable[[Video], Video],
) -> None:
    video = begin(store)
    plant(stack, video)
    before = unknown(item("video_1"))
    assert {"", "request", "estimate"} <= before
    saved = store.videos.save(store.videos.get("video_1"), step(video))
    after = item("video_1")
    # A mapping that is removed loses everything in it: a place, a reservation, a condition that has ended.
    assert unknown(after) == {name for name in before if not name or name in after}
    assert after["of_another_version"] == NEW
    assert known(after) == stack_item(saved)
    assert store.videos.get("video_1") == saved


def known(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without the unknown attributes."""
    kept = {name: value for name, value in item.items() if name != "of_another_version"}
    return {name: known(value) if isinstance(value, dict) else value for name, value in kept.items()}


def stack_item(video: Video) -> dict[str, Any]:
    """Return a row as this version writes a new one."""
    return {name: value for name, value in row_item(video).items() if value is not None}


def test_a_start_keeps_unknown_attributes(stack: Stack, store: Store, item: Callable[[str], dict[str, Any]]) -> None:
    plant(stack, store.accept(queued()))
    store.start(store.videos.get("video_1"))
    assert {"", "request", "estimate"} <= unknown(item("video_1"))


def test_a_cancelled_batch_keeps_unknown_attributes_of_its_rows(
    stack: Stack, store: Store, item: Callable[[str], dict[str, Any]]
) -> None:
    batch = open_batch(total=2)
    stack.batches.create(batch)
    rows = rows_of(batch, 1, 2)
    store.videos.accept_rows(batch, rows, NOW)
    for row in rows:
        plant(stack, row)
    assert store.videos.cancel_rows(rows, NOW) == 2
    assert all({"", "request"} <= unknown(item(row.id)) for row in rows)


def test_a_save_of_a_batch_keeps_unknown_attributes_at_every_level(stack: Stack) -> None:
    batch = waiting_batch()
    stack.batches.create(batch)
    batch = stack.batches.save(batch, batch.receive(NOW, Source("prompts", "batches/batch_1/a.jsonl", "etag")))
    table = stack.dynamodb.Table(LEDGER)
    item = dict(table.get_item(Key=batch_key("batch_1"))["Item"])
    assert isinstance(item["source"], dict)
    item["source"] = {**item["source"], "of_another_version": NEW}
    table.put_item(Item={**item, "of_another_version": NEW})
    assert batch.source is not None
    batch = stack.batches.save(batch, replace(batch, source=replace(batch.source, digest="d" * 64), updated_at=NOW + 1))
    stack.batches.save(batch, batch.accept(NOW, total=2, refused=0))
    after = dict(table.get_item(Key=batch_key("batch_1"))["Item"])
    assert (after["of_another_version"], after["status"]) == (NEW, "in_progress")
    assert isinstance(after["source"], dict)
    assert (after["source"]["of_another_version"], after["source"]["digest"]) == (NEW, "d" * 64)


def test_a_row_of_an_earlier_release_gets_the_keys_of_its_indexes_with_the_next_save(
    stack: Stack, store: Store, item: Callable[[str], dict[str, Any]]
) -> None:
    video = store.submitted()
    whole = item("video_1")
    table = stack.dynamodb.Table(VIDEOS)
    table.put_item(Item={name: value for name, value in whole.items() if name not in ("listed", "owner_status")})
    store.videos.save(video, video.restarted(NOW, 2))
    assert (item("video_1")["listed"], item("video_1")["owner_status"]) == (whole["listed"], whole["owner_status"])


def test_a_save_writes_only_what_it_changes_in_the_request(stack: Stack, store: Store) -> None:
    """The prompt is the largest part of a row, so it is not sent again with every poll."""
    video = store.submitted()
    sent: list[str] = []
    stack.tables.meta.events.register(
        "before-parameter-build.dynamodb", note := lambda params, **_: sent.append(str(params))
    )
    try:
        store.videos.save(video, video.restarted(NOW, 2))
    finally:
        stack.tables.meta.events.unregister("before-parameter-build.dynamodb", note)
    assert isinstance(video.request, VideoRequest)
    assert video.request.prompt not in "".join(sent)
