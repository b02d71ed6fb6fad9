"""dispatch: owners take turns, whatever waits for each of them."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from tests.unit.services.dispatching import PLACES, POOL, CountingStore, World
from tools.harness.samples import NOW, queued, request, running
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.queue import BATCH, queue_key
from wan_video.domain.video import Status
from wan_video.services.dispatch import Dispatch


def test_owners_take_turns_however_many_videos_one_of_them_has() -> None:
    world = World()
    world.wait(*["alice"] * 20)
    world.wait("bob", "bob", "carol")
    world()
    assert sorted(world.started) == ["alice", "alice", "alice", "bob", "bob", "carol"]


def test_the_owner_with_the_fewest_running_goes_next() -> None:
    world = World()
    for number in range(4):
        world.store.add(running(f"video_alice_old{number}", owner="alice"))
    world.wait("alice", "alice", "bob", "bob", "bob")
    assert world() == 2
    assert world.started == ["bob", "bob"]


def test_videos_of_one_owner_start_in_the_order_of_arrival() -> None:
    world = World()
    videos = world.wait(*["alice"] * 8)
    world()
    assert list(world.executions.inputs) == [f"{video.id}-1" for video in videos[:PLACES]]


def test_interactive_goes_before_batch_among_equals() -> None:
    world = World()
    for number in range(3):
        name = f"video_alice_batch{number}"
        world.store.accept(queued(name, owner="alice", queue_key=queue_key(BATCH, NOW, name)))
    world.wait("bob", "carol")
    for number in range(4):
        world.store.add(running(f"video_zoe_{number}", owner="zoe"))
    assert world() == 2
    assert world.started == ["bob", "carol"]


def test_with_more_owners_than_places_each_owner_gets_a_turn() -> None:
    world = World()
    owners = [f"owner{number}" for number in range(2 * PLACES)]
    for owner in owners:
        for row in range(20):
            name = f"video_{owner}_{row}"
            world.store.accept(queued(name, owner=owner, queue_key=queue_key(BATCH, NOW, name, row)))
    for _ in range(4):
        world()
        world.clock.advance(60)
        for video_id in world.store.pool(POOL).running:
            world.end(video_id)
    assert Counter(world.started) == dict.fromkeys(owners, 2)


def test_a_single_prompt_goes_first_even_if_its_owners_batch_waits() -> None:
    world = World()
    for row in range(20):
        name = f"video_alice_row{row}"
        world.store.accept(queued(name, owner="alice", queue_key=queue_key(BATCH, NOW, name, row)))
    assert world() == PLACES
    world.clock.advance(5)
    (single,) = world.wait("alice")
    world.end("video_alice_row0")
    assert world() == 1
    assert world.status(single) is Status.STARTING


def test_with_fifty_owners_and_ten_thousand_waiting_a_wake_up_costs_no_more() -> None:
    def reads(owners: int, each: int) -> Counter[str]:
        world = World()
        for number in range(PLACES):
            world.store.add(running(f"video_old_{number}", owner=f"owner{number}"))
        for owner, row in itertools.product(range(owners), range(each)):
            name = f"video_{owner}_{row}"
            world.store.accept(queued(name, owner=f"owner{owner}", queue_key=queue_key(BATCH, NOW, name, row)))
        world.end("video_old_0")
        counted = CountingStore(world.store)
        assert Dispatch(counted, counted, world.executions, world.clock)([POOL]) == 1
        return counted.calls

    assert (
        reads(50, 200)
        == reads(2, 2)
        == Counter(read=1, get_many=2, head=1, get=1, start=1, lease=1, release=1, note_begun=1)
    )


def test_fifty_owners_without_budget_cost_one_read_of_their_budgets() -> None:
    world = World()
    for number in range(50):
        world.wait(*[f"owner{number}"] * 3, daily_seconds=5)
    while world():
        for video_id in world.store.pool(POOL).running:
            row = world.store.get(video_id)
            world.store.save(row, replace(row, place=None))
    counted = CountingStore(world.store)
    assert Dispatch(counted, counted, world.executions, world.clock)([POOL]) == 0
    assert counted.calls == Counter(read=1, get_many=2, used_by=1, lease=1, release=1)


@pytest.mark.parametrize(
    "how", ["a reservation is released", "a new day", "a shorter video arrives", "the head is cancelled"]
)
def test_a_skipped_owner_starts_as_soon_as_the_budget_allows_it(how: str) -> None:
    world = World()
    (first,) = world.wait("alice", daily_seconds=10)
    long = world.wait("alice", daily_seconds=10, request=request(seconds=10))[0]
    assert (world(), world()) == (1, 0)
    expected = long
    if how == "a reservation is released":
        world.end(first.id)
    elif how == "a new day":
        world.clock.advance(DAY_SECONDS)
    elif how == "a shorter video arrives":
        expected = queued("video_alice_0", owner="alice", at=NOW - 1, daily_seconds=10)
        world.store.accept(expected)
    else:
        (expected,) = world.wait("alice", daily_seconds=10)
        assert world() == 0
        world.store.save(long, long.cancelled(NOW))
    assert world() == 1
    assert world.status(expected) is Status.STARTING
