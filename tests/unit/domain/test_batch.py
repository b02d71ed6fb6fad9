"""A batch: its steps, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tools.harness.samples import (
    NOW,
    ended_batch,
    made,
    open_batch,
    queued,
    running,
    starting,
    stored,
    validating_batch,
    waiting_batch,
)
from wan_video.domain.batch import (
    Batch,
    BatchError,
    BatchStatus,
    Source,
    requested_id,
    retry_id,
    row_seed,
    upload_key,
    uploaded_id,
)
from wan_video.domain.batch_status import counted
from wan_video.domain.document import batch_document, request_counts
from wan_video.domain.trouble import Failure
from wan_video.domain.video import InvalidTransition, Video

FAILURE = Failure("x", "y", "poll", True)
FILE = Source("prompts", "batches/batch_1/a.jsonl", "etag")


def without_rows(batch: Batch) -> Batch:
    """Return the batch after all its requests were completed."""
    return replace(batch, started=batch.accepted, completed=batch.accepted, left=0)


def test_a_batch_takes_every_step_from_its_upload_to_its_notice() -> None:
    batch = waiting_batch().receive(NOW + 1, FILE).accept(NOW + 2, total=5, refused=2)
    assert (batch.status, batch.accepted, batch.left, batch.started_at) == ("in_progress", 3, 3, NOW + 2)

    ended = without_rows(batch).finalize(NOW + 3).end(NOW + 4).announce(NOW + 5)
    assert (ended.status, ended.ended_at, ended.announced_at, ended.open) == ("completed", NOW + 4, NOW + 5, False)


def test_a_batch_without_a_valid_request_fails() -> None:
    assert validating_batch().accept(NOW, total=2, refused=2).finalize(NOW).end(NOW).status == "failed"


def test_a_refused_file_says_why() -> None:
    batch = validating_batch().refuse(NOW, BatchError("file_refused", "The file is empty."))

    assert batch_document(batch.finalize(NOW).end(NOW)) | {
        "status": "failed",
        "error": {"code": "file_refused", "message": "The file is empty."},
    } == batch_document(batch.finalize(NOW).end(NOW))


@pytest.mark.parametrize("batch", [waiting_batch(), validating_batch(), open_batch()])
def test_a_batch_is_cancelled_until_its_last_request_has_ended(batch: Batch) -> None:
    asked = batch.cancel(NOW + 1)
    assert (asked.status, asked.cancel_requested_at) == ("cancelling", NOW + 1)
    assert asked.cancel(NOW + 2) is asked
    assert without_rows(asked).finalize(NOW).end(NOW).status == "cancelled"


def test_a_batch_whose_file_never_arrives_expires_without_a_notice() -> None:
    batch = waiting_batch().expire(NOW + 1)

    assert (batch.status, batch.ended_at, batch.open) == ("expired", NOW + 1, False)


@pytest.mark.parametrize(
    "step",
    [
        lambda: waiting_batch().accept(NOW, total=1, refused=0),
        lambda: validating_batch().expire(NOW),
        lambda: open_batch().receive(NOW, FILE),
        lambda: open_batch().finalize(NOW),
        lambda: validating_batch().finalize(NOW),
        lambda: open_batch().end(NOW),
        lambda: open_batch().announce(NOW),
        lambda: ended_batch().cancel(NOW),
        lambda: without_rows(open_batch()).finalize(NOW).cancel(NOW),
        lambda: ended_batch().announce(NOW).restart(NOW),
    ],
)
def test_no_step_starts_from_the_wrong_state(step: Callable[[], Batch]) -> None:
    with pytest.raises(InvalidTransition):
        step()


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (queued(), starting(), {"started": 1}),
        (queued(), queued().cancelled(NOW), {"started": 1, "cancelled": 1, "left": -1}),
        (queued(), queued().ended(NOW, FAILURE), {"started": 1, "failed": 1, "left": -1}),
        (running(), running().ended(NOW, FAILURE), {"failed": 1, "left": -1}),
        (made(), made().completed(NOW, stored()), {"completed": 1, "left": -1}),
        (running(), made(), {}),
        (made().completed(NOW, stored()), made().completed(NOW, stored()).announced(NOW), {}),
    ],
)
def test_each_step_of_a_row_is_counted_once(before: Video, after: Video, counts: dict[str, int]) -> None:
    assert counted(before, after) == counts


def test_every_request_is_counted_under_exactly_one_status() -> None:
    batch = replace(open_batch(total=10, refused=1), started=5, completed=1, failed=1, expired=1, left=6)

    assert request_counts(batch) == {
        "total": 10,
        "queued": 4,
        "in_progress": 2,
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
        "expired": 1,
        "refused": 1,
    }


def test_all_statuses_are_shown_unchanged_and_four_are_final() -> None:
    assert [str(status) for status in BatchStatus if status.final] == ["completed", "failed", "cancelled", "expired"]


def test_ids_depend_only_on_what_they_name() -> None:
    assert requested_id("alice", "key") == requested_id("alice", "key") != requested_id("bob", "key")
    assert len({requested_id("alice", "key", number) for number in (1, 2, 3)}) == 3
    assert requested_id("alice", "key", 1) == requested_id("alice", "key")
    assert retry_id("batch_1", 1) != retry_id("batch_1", 2)
    assert row_seed("batch_1", 1) == row_seed("batch_1", 1) != row_seed("batch_1", 2)
    assert 0 <= row_seed("batch_1", 3) < 2**31


def test_a_key_below_batches_names_its_batch() -> None:
    assert uploaded_id(upload_key("batch_1", "a/b.jsonl")) == "batch_1"
    assert uploaded_id("prompts/batches/batch_1/a.jsonl") is None
