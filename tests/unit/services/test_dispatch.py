"""dispatch: places, budgets and turns; everything that is interrupted is completed later."""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeExecutions, Killed
from tools.harness.samples import NOW, TODAY, open_batch, queued, request, rows_of, running, starting
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.models import POOLS, Size
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.queue import BATCH, queue_key
from wan_video.domain.quota import Quota
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoChanged
from wan_video.services.dispatch import LEASE_SECONDS, MAX_LOOKS, START_SECONDS, Dispatch

POOL = "singapore#wan2.6-t2v"
PLACES = 6
FAILURE = Failure("x", "y", "poll", True)


@dataclass
class World:
    """The queues of one stack, and the dispatcher over them."""

    daily_seconds: int | None = None
    enabled: bool = True
    store: MemoryStore = field(default_factory=MemoryStore)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    clock: FakeClock = field(default_factory=FakeClock)
    arrivals: int = 0
    limits: dict[str, int] = field(default_factory=dict)

    def wait(self, *owners: str, **wanted: Any) -> list[Video]:
        """Queue one video for each named owner, one after the other."""
        videos = []
        for owner in owners:
            self.arrivals += 1
            video = queued(f"video_{owner}_{self.arrivals}", owner=owner, at=NOW + self.arrivals, **wanted)
            self.store.accept(video)
            videos.append(video)
        return videos

    def __call__(self) -> int:
        dispatch = Dispatch(
            self.store,
            self.store,
            self.executions,
            self.clock,
            enabled=self.enabled,
            daily_seconds=self.daily_seconds,
            limits=self.limits,
        )
        return dispatch(POOLS)

    def end(self, video_id: str) -> None:
        row = self.store.get(video_id)
        self.store.save(row, row.ended(NOW, FAILURE))

    def status(self, video: Video) -> Status:
        return self.store.get(video.id).status

    @property
    def started(self) -> list[str]:
        """The owners of the started videos, in the order of the starts."""
        return [name.split("_")[1] for name in self.executions.inputs]


class CountingStore(MemoryStore):
    """The contents of another store, with counted calls."""

    def __init__(self, store: MemoryStore) -> None:
        self.__dict__.update(vars(store))
        self.calls: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in PORTS:
            self.calls[name] += 1
        return found


class AskedStore(CountingStore):
    """A store in which others ask the holder of a lease to look again, as soon as it has the lease."""

    def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        assert super().lease(name, holder, now, until)
        assert not super().lease(name, f"not {holder}", now, until)
        return True


PORTS = {
    *("accept", "get", "get_many", "head", "lease", "note_begun", "pass_over", "read", "release", "remove_item"),
    *("remove_line", "save", "start", "stated", "used_by"),
}


# --- places ----------------------------------------------------------------------------------------------------------


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


# --- leases ----------------------------------------------------------------------------------------------------------


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


# --- turns -----------------------------------------------------------------------------------------------------------


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


# --- budgets ---------------------------------------------------------------------------------------------------------


def test_the_stacks_daily_budget_is_not_exceeded_and_renewed_each_day() -> None:
    world = World(daily_seconds=12)
    videos = world.wait(*["alice"] * 4)
    assert world() == 2
    assert world.store.used(STACK, TODAY) == 10
    assert world() == 0
    world.clock.advance(DAY_SECONDS)
    assert world() == 2
    assert [world.status(video) for video in videos] == [Status.STARTING] * 4


def test_an_owner_over_budget_is_skipped_without_delaying_others() -> None:
    world = World()
    world.wait(*["alice"] * 3, daily_seconds=5)
    world.wait(*["bob"] * 3)
    assert world() == 4
    assert sorted(world.started) == ["alice", "bob", "bob", "bob"]
    assert world.store.used("alice", TODAY) == 5


def test_a_video_that_never_fits_a_lowered_budget_fails_without_delaying_others() -> None:
    world = World(daily_seconds=5)
    (long,) = world.wait("alice", request=request(seconds=10))
    (short,) = world.wait("alice")
    assert world() == 1
    assert world.status(long) is Status.FAILED
    assert world.status(short) is Status.STARTING
    error = world.store.get(long.id).error
    assert error is not None
    assert error.code == "budget_exceeded"


def test_a_released_reservation_can_be_used_again() -> None:
    world = World(daily_seconds=5)
    first, second = world.wait("alice", "alice")
    assert world() == 1
    row = world.store.get(first.id)
    world.store.save(row, row.refused(NOW, FAILURE))
    assert world.store.used(STACK, TODAY) == 0
    assert world() == 1
    assert world.status(second) is Status.STARTING


@pytest.mark.parametrize(("budget", "percent"), [(None, None), (10, 50.0)])
def test_the_used_share_of_the_budget_is_logged_in_percent(budget: int | None, percent: float | None) -> None:
    world = World()
    world.wait("alice")
    world()
    dispatch = Dispatch(world.store, world.store, world.executions, world.clock, daily_seconds=budget)
    assert dispatch.budget_used() == percent


# --- interruptions ---------------------------------------------------------------------------------------------------


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
