"""One suite for three stores of batches: that of unit tests, DynamoDB in moto, and the tables of the simulation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.fakes.store import MemoryStore
from tests.integration.dynamodb.stores import Videos
from tests.simulation.stack import SimulatedStack
from tools.harness.samples import (
    NOW,
    TODAY,
    ended_batch,
    made,
    open_batch,
    queued,
    rows_of,
    stored,
    validating_batch,
    waiting_batch,
)
from tools.harness.stack import LEDGER, deployed
from wan_video.domain.batch import Batch, BatchError, Source
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.document import request_counts
from wan_video.domain.listing import Mark, VideoQuery
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    BatchChanged,
    BatchExists,
    BatchNotFound,
    BatchNotInProgress,
    NoPlace,
    VideoChanged,
    VideoExists,
)
from wan_video.ports.batches import Batches


@dataclass(frozen=True)
class Store:
    """Both ports over the same items."""

    videos: Videos
    batches: Batches

    def create(self, batch: Batch) -> Batch:
        self.batches.create(batch)
        return batch

    def start(self, video: Video, places: int = 6) -> Video:
        started = video.start(NOW, Reservation(TODAY, video.request.seconds))
        return self.videos.start(video, started, places=places, budgets={video.owner: None, STACK: None})

    def counts(self) -> dict[str, int]:
        return request_counts(self.batches.get("batch_1"))


@pytest.fixture(params=["memory", "dynamodb", "simulated"])
def store(request: pytest.FixtureRequest, credentials: None) -> Iterator[Store]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Store(memory, memory.batches)
    elif request.param == "simulated":
        simulated = SimulatedStack()
        yield Store(simulated.videos, simulated.batches)
    else:
        with deployed(for_threads=True) as stack:
            yield Store(stack.videos, stack.batches)


OTHER = "wan2.5-t2v-preview"


def of_model(row: Video, model: str) -> Video:
    """Return the row with another model."""
    return replace(row, request=replace(row.request, model=model))


def counts(**others: int) -> dict[str, int]:
    """Return the counts of a batch: zero unless they are given."""
    return dict.fromkeys(request_counts(waiting_batch()), 0) | others


# --- the record ------------------------------------------------------------------------------------------------------


def test_a_batch_is_read_as_it_was_written_and_its_id_is_taken_once(store: Store) -> None:
    batch = store.create(replace(open_batch(), daily_seconds=60, retry_of="batch_0", error=BatchError("a", "b")))
    with pytest.raises(BatchExists):
        store.create(waiting_batch(owner="bob"))

    assert store.batches.get("batch_1") == batch
    assert store.batches.list("bob", 10) == ([], False)


def test_a_missing_item_is_not_found(store: Store) -> None:
    with pytest.raises(BatchNotFound):
        store.batches.get("batch_1")


def test_rows_end_even_if_the_record_of_their_batch_is_gone(store: Store) -> None:
    (row,) = rows_of(open_batch(), 1)
    store.videos.accept(row)
    store.videos.save(row, row.cancelled(NOW))

    with pytest.raises(BatchNotFound):
        store.batches.get("batch_1")


def test_an_announced_batch_is_listed_by_its_end_until_it_is_released(store: Store) -> None:
    for number in (2, 0, 1):
        at = NOW + number
        opened = store.create(waiting_batch(f"batch_{number}", at=NOW))
        store.batches.save(opened, opened.expire(at))
    done = store.create(replace(ended_batch("batch_9"), ended_at=NOW))
    assert list(store.batches.kept(NOW + 9, 10)) == ["batch_0", "batch_1", "batch_2"]
    assert list(store.batches.kept(NOW + 1, 10)) == ["batch_0", "batch_1"]
    assert list(store.batches.kept(NOW + 9, 1)) == ["batch_0"]
    announced = store.batches.save(done, done.announce(NOW + 9))
    assert list(store.batches.kept(NOW, 10)) == ["batch_0", "batch_9"]

    store.batches.remove_record_at(announced, NOW + 99)
    store.batches.remove_record_at(announced, NOW + 99)
    assert list(store.batches.kept(NOW, 10)) == ["batch_0"]
    assert store.batches.get("batch_9") == announced
    assert len(store.batches.list("alice", 10)[0]) == 4


def test_releasing_a_batch_sets_a_time_to_live_for_its_record_and_its_list_entry(credentials: None) -> None:
    with deployed() as stack:
        batch = replace(ended_batch(), announced_at=NOW)
        stack.batches.create(batch)
        stack.batches.remove_record_at(batch, NOW + 99)
        items = stack.dynamodb.Table(LEDGER).scan()["Items"]
        assert {str(item["pk"]): item.get("ttl") for item in items if item["pk"] != "open_batches"} == {
            "batch#batch_1": NOW + 99,
            "batches#alice": NOW + 99,
        }


def test_the_second_of_two_writers_gets_an_error(store: Store) -> None:
    batch = store.create(waiting_batch())
    saved = store.batches.save(batch, batch.receive(NOW, Source("prompts", "key", "etag")))
    with pytest.raises(BatchChanged):
        store.batches.save(batch, batch.cancel(NOW))

    assert store.batches.get("batch_1") == saved
    assert saved.version == 1


def test_a_transition_keeps_what_rows_have_counted_in_the_meantime(store: Store) -> None:
    batch = store.create(open_batch())
    (row,) = rows_of(batch, 1)
    store.videos.accept_rows(batch, [row], NOW)
    store.start(row)
    store.batches.save(batch, batch.cancel(NOW))

    now = store.batches.get("batch_1")
    assert (now.status, now.written, now.started, now.left) == ("cancelling", 1, 1, 3)


def test_a_batch_is_open_until_it_is_announced_or_has_expired(store: Store) -> None:
    late = store.create(waiting_batch("batch_2"))
    batch = store.create(validating_batch())
    batch = store.batches.save(batch, batch.accept(NOW, total=1, refused=1))
    batch = store.batches.save(batch, batch.finalize(NOW))
    batch = store.batches.save(batch, batch.end(NOW))
    assert list(store.batches.open()) == ["batch_1", "batch_2"]

    store.batches.save(batch, batch.announce(NOW))
    store.batches.save(late, late.expire(NOW))
    assert list(store.batches.open()) == []


def test_batches_of_an_owner_are_listed_newest_first_in_pages(store: Store) -> None:
    for at in (3, 1, 2):
        store.create(waiting_batch(f"batch_{at}", at=NOW + at))
    store.create(waiting_batch("batch_9", owner="bob"))

    first, more = store.batches.list("alice", 2)
    assert ([batch.id for batch in first], more) == (["batch_3", "batch_2"], True)
    second, more = store.batches.list("alice", 2, after=Mark("batch_2", NOW + 2))
    assert ([batch.id for batch in second], more) == (["batch_1"], False)


# --- its rows --------------------------------------------------------------------------------------------------------


def test_rows_are_written_once_in_their_order(store: Store) -> None:
    batch = store.create(open_batch())
    first, second, third = rows_of(batch, 1, 2, 3)
    after = store.videos.accept_rows(batch, [first, second], NOW)
    for again in (batch, replace(batch, last_row=1)):
        with pytest.raises(BatchChanged):
            store.videos.accept_rows(again, [first, second], NOW)
    store.videos.accept_rows(after, [third], NOW)

    now = store.batches.get("batch_1")
    assert (now.written, now.last_row, now.left) == (3, 3, 3)
    assert set(store.videos.get_many([first.id, second.id, third.id])) == {first.id, second.id, third.id}


def test_a_batch_knows_the_models_of_its_rows_with_the_first_row_of_each(store: Store) -> None:
    batch = store.create(open_batch(total=4))
    assert store.batches.get("batch_1").models == frozenset()
    first, second, third, fourth = rows_of(batch, 1, 2, 3, 4)
    second, fourth = of_model(second, OTHER), of_model(fourth, "wan2.2-t2v-plus")
    after = store.videos.accept_rows(batch, [first, second], NOW)
    assert after.models == store.batches.get("batch_1").models == {"wan2.6-t2v", OTHER}
    with pytest.raises(BatchChanged):
        store.videos.accept_rows(batch, [fourth], NOW)
    after = store.videos.accept_rows(after, [third], NOW)
    assert after == store.batches.get("batch_1")
    assert after.models == {"wan2.6-t2v", OTHER}
    store.batches.save(batch, batch.cancel(NOW))
    assert store.batches.get("batch_1").models == {"wan2.6-t2v", OTHER}


def test_a_row_is_listed_by_its_state_from_the_transaction_that_writes_it(store: Store) -> None:
    batch = store.create(open_batch(total=4))
    rows = rows_of(batch, 1, 2, 3, 4)
    rows[1], rows[2] = of_model(rows[1], OTHER), of_model(rows[2], OTHER)
    batch = store.videos.accept_rows(batch, rows, NOW)
    store.start(rows[0])
    store.start(rows[2])

    def listed(after: int | None = None, **wanted: Any) -> tuple[list[int], bool]:
        query = VideoQuery(**{"limit": 2, "descending": False, **wanted})
        page = store.videos.list_rows(store.batches.get("batch_1"), query, after)
        assert page.last_id == (page.videos[-1].id if page.videos else None)
        return [video.row for video in page.videos], page.has_more

    starting, waiting = (Status.STARTING,), (Status.QUEUED,)
    assert listed(statuses=starting) == ([1, 3], False)
    assert listed(statuses=waiting, descending=True) == ([4, 2], False)
    assert listed(statuses=waiting, model=OTHER) == ([2], False)
    assert listed(statuses=(*starting, *waiting)) == ([1, 2], True)
    assert listed(2, statuses=(*starting, *waiting)) == ([3, 4], False)
    assert listed(3, statuses=(*starting, *waiting), descending=True) == ([2, 1], False)
    assert listed(model=OTHER, limit=1) == ([2], True)
    assert listed(model="wan2.2-t2v-plus") == listed(statuses=(Status.FAILED,)) == ([], False)


def test_a_cancelled_batch_accepts_no_more_rows(store: Store) -> None:
    batch = store.create(open_batch())
    store.batches.save(batch, batch.cancel(NOW))
    with pytest.raises(BatchChanged):
        store.videos.accept_rows(batch, rows_of(batch, 1), NOW)

    assert store.videos.get_many([rows_of(batch, 1)[0].id]) == {}


def test_an_existing_row_is_never_overwritten(store: Store) -> None:
    batch = store.create(open_batch())
    first, second = rows_of(batch, 1, 2)
    store.videos.accept(second)
    with pytest.raises(VideoExists, match=second.id):
        store.videos.accept_rows(batch, [first, second], NOW)

    assert store.batches.get("batch_1").written == 0


def test_each_step_of_a_row_is_counted_in_its_transaction(store: Store) -> None:
    batch = store.create(open_batch(total=5, refused=1))
    one, two, three, four = rows_of(batch, 1, 2, 3, 4)
    store.videos.accept_rows(batch, [one, two, three, four], NOW)
    assert store.counts() == counts(total=5, refused=1, queued=4)

    started = store.start(one)
    assert store.counts() == counts(total=5, refused=1, queued=3, in_progress=1)
    store.videos.save(started, started.ended(NOW, Failure("x", "y", "poll", retryable=True)))
    store.videos.save(two, two.cancelled(NOW))
    with pytest.raises(VideoChanged):
        store.videos.save(two, two.cancelled(NOW))
    third = store.start(three)
    for step in (
        third.submitting(NOW),
        third.submitting(NOW).submitted(NOW, Task("task", NOW)),
        made(three.id, batch_id=batch.id, queue_key=three.queue_key),
        made(three.id, batch_id=batch.id, queue_key=three.queue_key).completed(NOW, stored()),
    ):
        third = store.videos.save(third, step)

    assert store.counts() == counts(total=5, refused=1, queued=1, failed=1, cancelled=1, completed=1)
    assert store.batches.get("batch_1").left == 1


def test_waiting_rows_are_cancelled_together_and_others_are_kept(store: Store) -> None:
    batch = store.create(open_batch(total=60))
    rows = rows_of(batch, *range(1, 61))
    after = store.videos.accept_rows(batch, rows[:40], NOW)
    store.videos.accept_rows(after, rows[40:], NOW)
    store.start(rows[50])

    assert store.videos.cancel_rows(rows, NOW + 1) == 59
    assert store.counts() == counts(total=60, in_progress=1, cancelled=59)
    now = store.videos.get_many([row.id for row in rows[:49]])
    assert {(row.status, row.ended_at) for row in now.values()} == {(Status.CANCELLED, NOW + 1)}
    assert store.videos.cancel_rows(list(now.values()), NOW + 2) == 0


def test_no_row_of_a_cancelled_batch_starts_or_takes_a_place_or_budget(store: Store) -> None:
    batch = store.create(open_batch())
    first, second = rows_of(batch, 1, 2)
    store.videos.accept_rows(batch, [first, second], NOW)
    store.start(first)
    with pytest.raises(NoPlace):
        store.start(second, places=1)
    store.batches.save(batch, batch.cancel(NOW))
    for places in (6, 1):
        with pytest.raises(BatchNotInProgress, match="batch_1"):
            store.start(second, places=places)

    assert store.videos.get(second.id) == second
    assert store.counts() == counts(total=3, queued=2, in_progress=1)
    assert store.videos.cancel_rows([second], NOW) == 1


def test_no_row_starts_without_the_record_of_its_batch(store: Store) -> None:
    (row,) = rows_of(open_batch(), 1)
    store.videos.accept(row)
    with pytest.raises(BatchNotInProgress):
        store.start(row)

    with pytest.raises(BatchNotFound):
        store.batches.get("batch_1")


def test_requests_without_rows_are_given_up_once(store: Store) -> None:
    batch = store.create(open_batch(total=3))
    after = store.videos.accept_rows(batch, rows_of(batch, 1), NOW)
    with pytest.raises(BatchChanged):
        store.batches.cancel_unwritten(batch)
    store.batches.cancel_unwritten(after)
    assert store.counts() == counts(total=3, queued=1, cancelled=2)

    store.batches.cancel_unwritten(store.batches.get("batch_1"))
    assert store.counts() == counts(total=3, queued=1, cancelled=2)


def test_a_video_without_a_batch_is_not_counted(store: Store) -> None:
    store.create(open_batch())
    store.videos.accept(queued())
    store.start(queued())

    assert store.counts() == counts(total=3, queued=3)


def test_simultaneous_starts_are_all_counted(store: Store) -> None:
    batch = store.create(open_batch(total=6))
    rows = rows_of(batch, 1, 2, 3, 4, 5, 6)
    store.videos.accept_rows(batch, rows, NOW)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(store.start, rows))

    assert store.counts() == counts(total=6, in_progress=6)
