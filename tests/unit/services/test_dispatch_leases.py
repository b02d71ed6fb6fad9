"""dispatch: one dispatcher at a time starts the videos of a pool; one that dies or runs out of time is replaced."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.world import Killed
from tests.unit.services.dispatching import PLACES, POOL, AskedStore, World
from tools.harness.samples import NOW
from wan_video.domain.video import Status, Video
from wan_video.services.dispatch import LEASE_SECONDS, MAX_LOOKS, START_SECONDS, Dispatch


def test_one_dispatcher_starts_videos_and_looks_again_for_those_that_find_it_at_work() -> None:
    world = World()
    world.wait("alice")
    others: list[int] = []

    def meanwhile(video: Video) -> None:
        if video.status is Status.STARTING:
            world.store.before_write = lambda _: None
            world.wait("bob", "bob")
            others.append(world())

    world.store.before_write = meanwhile
    assert world() == 3
    assert (others, world.started) == ([0], ["alice", "bob", "bob"])


def test_a_dispatcher_that_died_delays_its_pool_only_until_its_lease_ends() -> None:
    world = World()
    (first, second) = world.wait("alice", "bob")
    world.executions.failures = [Killed()]
    with pytest.raises(Killed):
        world()
    assert world() == 0
    assert (world.status(first), world.status(second)) == (Status.STARTING, Status.QUEUED)
    world.clock.advance(LEASE_SECONDS)
    assert world() == 1
    assert world.started == ["alice", "bob"]


def test_a_dispatcher_that_fails_ends_its_lease() -> None:
    world = World()
    world.wait("alice", "bob")
    world.executions.failures = [OSError("Step Functions is out of reach")]
    with pytest.raises(OSError, match="out of reach"):
        world()
    assert world() == 1
    assert world.started == ["alice", "bob"]


def test_a_dispatcher_without_time_left_starts_nothing_more_and_leaves_the_rest_to_the_next() -> None:
    world = World()
    world.wait(*["alice"] * 3)
    times = iter([0.0, 0.0, START_SECONDS, START_SECONDS])
    dispatch = Dispatch(
        world.store, world.store, world.executions, world.clock, stopwatch=lambda: next(times, START_SECONDS)
    )
    assert dispatch([POOL]) == 1
    assert world() == 2


def test_a_dispatcher_without_time_left_leaves_empty_lines_to_the_next() -> None:
    world = World()
    for video in world.wait("alice", "bob", "carol"):
        world.store.save(video, video.cancelled(NOW))
    # The call begins, removes one line, and has no more time.
    times = iter([0.0, 0.0, 0.0])
    Dispatch(world.store, world.store, world.executions, world.clock, stopwatch=lambda: next(times, START_SECONDS))(
        [POOL]
    )
    assert len(world.store.pool(POOL).lines) == 2
    assert world() == 0
    assert not world.store.pool(POOL).lines


def test_a_dispatcher_that_is_asked_without_end_leaves_in_the_end() -> None:
    world = World()
    world.wait("alice")
    store = AskedStore(world.store)
    assert Dispatch(store, store, world.executions, world.clock)([POOL]) == 1
    assert store.calls["lease"] == store.calls["release"] == MAX_LOOKS
    world.wait("bob")
    assert world() == 1


def test_a_video_that_is_queued_just_before_the_next_look_is_started_by_it() -> None:
    world = World()
    world.wait("alice")
    store = MemoryStore()
    store.__dict__.update(vars(world.store))
    looks = itertools.count(1)

    def lease(name: str, holder: str, now: int, until: int) -> bool:
        look = next(looks)
        if look == 2:
            world.wait("bob")
            assert not MemoryStore.lease(store, name, "another dispatcher", now, until)
        taken = MemoryStore.lease(store, name, holder, now, until)
        if look == 1:
            assert not MemoryStore.lease(store, name, "another dispatcher", now, until)
        return taken

    store.lease = lease  # type: ignore[method-assign]
    assert Dispatch(store, store, world.executions, world.clock)([POOL]) == 2
    assert world.started == ["alice", "bob"]


def test_dispatchers_at_once_start_each_video_once_and_leave_no_lease() -> None:
    world = World()
    world.wait(*[f"owner{number % 3}" for number in range(20)])
    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(lambda _: world(), range(40)))
    assert sum(started) == len(world.executions.inputs) == PLACES
    world.end(min(world.store.pool(POOL).running))
    assert world() == 1
