"""dispatch: everything that is interrupted is completed later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.world import Killed
from tests.unit.services.dispatching import FAILURE, POOL, World
from tools.harness.samples import NOW, TODAY, open_batch, queued, rows_of, starting
from wan_video.domain.models import POOLS
from wan_video.domain.task import Task
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoChanged
from wan_video.services.dispatch import Dispatch


def test_the_next_call_repairs_a_crash_between_the_transaction_and_the_start() -> None:
    world = World()
    (video,) = world.wait("alice")
    world.executions.failures = [Killed()]
    with pytest.raises(Killed):
        world()
    assert (world.status(video), world.executions.inputs) == (Status.STARTING, {})
    assert world() == 0
    assert world.executions.inputs == {f"{video.id}-1": {"video_id": video.id, "n": 1}}
    assert world.store.used("alice", TODAY) == 5


def test_a_start_that_is_repeated_is_one_execution() -> None:
    world = World()
    world.store.add(starting("video_alice_1"))
    world()
    world()
    assert list(world.executions.inputs) == ["video_alice_1-1"]


def test_the_off_switch_starts_nothing_new_and_completes_interrupted_starts() -> None:
    world = World(enabled=False)
    (waiting,) = world.wait("alice")
    world.store.add(starting("video_alice_0"))
    assert world() == 0
    assert world.status(waiting) is Status.QUEUED
    assert list(world.executions.inputs) == ["video_alice_0-1"]
    world.enabled = True
    assert world() == 1


@pytest.mark.parametrize("lose", ["the row is gone", "the video has ended"])
def test_a_queue_item_whose_video_no_longer_waits_is_dropped_without_delaying_others(lose: str) -> None:
    world = World()
    first, second = world.wait("alice", "alice")
    if lose == "the row is gone":
        world.store.lose(first.id)
    else:
        world.store.save(world.store.get(first.id), first.ended(NOW, FAILURE))
    assert world() == 1
    assert list(world.executions.inputs) == [f"{second.id}-1"]
    assert world.store.head(POOL, "alice") is None


def test_a_row_that_changes_during_a_start_is_read_again() -> None:
    world = World()
    (video,) = world.wait("alice")

    def touch(_: Video) -> None:
        world.store.before_write = lambda _: None
        row = world.store.get(video.id)
        world.store.save(row, replace(row, updated_at=NOW + 1))
        raise VideoChanged(video.id)

    world.store.before_write = touch
    assert world() == 1
    assert world.status(video) is Status.STARTING


def test_rows_of_a_cancelled_batch_are_cancelled_without_delaying_others() -> None:
    world = World()
    batch = open_batch(total=8, owner="alice")
    rows = rows_of(batch, *range(1, 9))
    world.store.batches.create(batch)
    world.store.accept_rows(batch, rows, NOW)
    world.store.batches.save(batch, batch.cancel(NOW))
    (other,) = world.wait("bob")
    assert world() == 1
    assert [world.status(row) for row in rows] == [Status.CANCELLED] * 8
    assert world.status(other) is Status.STARTING
    assert list(world.executions.inputs) == [f"{other.id}-1"]
    assert world.store.used("alice", TODAY) == 0
    assert world.store.pool(POOL).running == {other.id}
    ended = world.store.batches.get(batch.id)
    assert (ended.started, ended.cancelled, ended.left) == (8, 8, 0)


def test_a_batch_that_is_cancelled_at_the_moment_of_a_start_starts_nothing_more() -> None:
    world = World()
    batch = open_batch(total=3, owner="alice")
    rows = rows_of(batch, 1, 2, 3)
    world.store.batches.create(batch)
    world.store.accept_rows(batch, rows, NOW)

    def cancel(_: Video) -> None:
        world.store.before_write = lambda _: None
        world.store.batches.save(batch, batch.cancel(NOW))

    world.store.before_write = cancel
    assert world() == 1
    assert [world.status(row) for row in rows] == [Status.STARTING, Status.CANCELLED, Status.CANCELLED]


def test_an_empty_line_is_deleted() -> None:
    world = World()
    world.wait("alice")
    world()
    assert world.store.pool(POOL).lines == ()


def test_an_empty_line_that_gets_a_new_video_is_not_deleted() -> None:
    world = World()
    world.wait("alice")

    def join(video: Video) -> None:
        if video.status is Status.STARTING:
            world.store.before_write = lambda _: None
            world.wait("bob")

    world.store.before_write = join
    world()
    assert "bob" in world.store.pool(POOL).waiting
    assert world() == 1
    assert world.started == ["alice", "bob"]


def test_a_queue_without_startable_videos_ends_the_dispatcher() -> None:
    world = World()
    world.wait("alice")

    def always_changed(video: Video) -> None:
        raise VideoChanged(video.id)

    world.store.before_write = always_changed
    assert world() == 0


def test_an_imported_task_starts_without_a_place_even_with_the_off_switch() -> None:
    world = World(enabled=False)
    task = Task("task-1", NOW)
    world.store.adopt(replace(queued("video_1"), status=Status.STARTING, execution=1, task=task))
    dispatch = Dispatch(world.store, world.store, world.executions, world.clock, enabled=False)
    dispatch(POOLS, ["video_1"])
    dispatch(POOLS, ["video_1"])
    assert world.executions.inputs == {"video_1-1": {"video_id": "video_1", "n": 1, "task_id": "task-1"}}
