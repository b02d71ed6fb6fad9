"""dispatch fills the free places of a pool, and never more."""

from __future__ import annotations

from tests.unit.services.dispatching import PLACES, POOL, PORTS, CountingStore, World
from tools.harness.samples import NOW, TODAY, request, running
from wan_video.domain.budget import Reservation
from wan_video.domain.models import Size
from wan_video.domain.quota import Quota
from wan_video.domain.video import Status, Video
from wan_video.services.dispatch import LEASE_SECONDS, Dispatch


def test_a_waiting_video_gets_a_place_a_reservation_and_an_execution() -> None:
    world = World()
    (video,) = world.wait("alice")
    assert world() == 1
    row = world.store.get(video.id)
    assert (row.status, row.place, row.reservation) == (Status.STARTING, POOL, Reservation(TODAY, 5))
    assert world.executions.inputs == {f"{video.id}-1": {"video_id": video.id, "n": 1}}
    assert world.store.pool(POOL).running == {video.id}
    assert world.store.head(POOL, "alice") is None


def test_no_more_videos_start_than_places_are_free() -> None:
    world = World()
    videos = world.wait(*["alice"] * 10)
    assert world() == PLACES
    assert world() == 0
    world.end(videos[0].id)
    assert world() == 1
    assert len(world.executions.inputs) == PLACES + 1
    assert world.started == ["alice"] * 7
    assert [world.status(video) for video in videos[7:]] == [Status.QUEUED] * 3


def test_a_limit_that_wan_raises_is_filled() -> None:
    world = World()
    world.wait(*["alice"] * 30)
    assert world() == PLACES
    world.store.keep_quota(POOL, Quota(20), NOW)
    assert world() == 24 - PLACES


def test_a_limit_below_what_runs_starts_nothing_until_there_is_room() -> None:
    world = World()
    videos = world.wait(*["alice"] * 10)
    assert world() == PLACES
    world.store.keep_quota(POOL, Quota(2), NOW)
    started = []
    for video in videos[:PLACES]:
        started.append(world())
        world.end(video.id)
    # Places that are held stay held: three of six have to end before two and one more are left.
    assert started == [0, 0, 0, 0, 1, 1]
    assert len(world.store.pool(POOL).running) == 2


def test_a_limit_of_zero_starts_nothing_and_loses_nothing() -> None:
    world = World()
    (video,) = world.wait("alice")
    world.store.keep_quota(POOL, Quota(0), NOW)
    assert world() == 0
    assert world.status(video) is Status.QUEUED
    world.store.keep_quota(POOL, Quota(1), NOW)
    assert world() == 1


def test_the_parameter_decides_how_many_start_whatever_wan_states() -> None:
    world = World(limits={POOL: 1})
    world.wait(*["alice"] * 10)
    world.store.keep_quota(POOL, Quota(20), NOW)
    assert world() == 2


def test_a_limit_that_is_read_costs_dispatch_no_further_call() -> None:
    world = World()
    world.store.keep_quota(POOL, Quota(4), NOW)
    world.wait("alice")
    counting = CountingStore(world.store)
    assert Dispatch(counting, counting, world.executions, world.clock)([POOL]) == 1
    assert set(counting.calls) <= PORTS - {"stated"}
    assert (counting.calls["read"], counting.calls["stated"]) == (1, 0)


def test_pools_are_filled_independently() -> None:
    world = World()
    world.wait(*["alice"] * 7)
    world.wait(*["alice"] * 4, request=request(model="wan2.2-t2v-plus", size=Size(832, 480)))
    assert world() == PLACES + 3


def test_only_the_named_pools_are_filled() -> None:
    world = World()
    world.wait("alice")
    dispatch = Dispatch(world.store, world.store, world.executions, world.clock)
    assert dispatch(["beijing#wan2.6-t2v"]) == 0
    assert dispatch([POOL]) == 1


def test_a_place_that_another_dispatcher_took_is_not_taken_twice() -> None:
    world = World()
    world.wait(*["alice"] * 12)
    for number in range(5):
        world.store.add(running(f"video_old_{number}"))
    others: list[int] = []

    def another_dispatcher(_: Video) -> None:
        world.store.before_write = lambda _: None
        world.clock.advance(LEASE_SECONDS)
        others.append(world())

    world.store.before_write = another_dispatcher
    world()
    assert len(world.store.pool(POOL).running) == PLACES
    assert len(world.executions.inputs) == 1
    assert others == [1]
