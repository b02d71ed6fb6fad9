"""One suite over two stores: the one in memory that unit tests believe, and DynamoDB's in moto."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from tests.fakes.samples import NOW, TODAY, known_task, queued, request, stored
from tests.fakes.store import MemoryStore
from tests.integration.stack import LEDGER, deployed
from wan_video.adapters.claims import DynamoClaims
from wan_video.domain.models import Region, Size
from wan_video.domain.video import (
    BATCH,
    STACK,
    Condition,
    Failure,
    Reservation,
    Status,
    Task,
    Usage,
    Video,
    queue_key,
    waits_since,
)
from wan_video.errors import NoPlace, OverBudget, TaskClaimed, VideoChanged, VideoExists, VideoNotFound
from wan_video.ports import Claims, Line, Pool, Pools, QueueItem, Videos

POOL = "singapore#wan2.6-t2v"
FAILURE = Failure("x", "y", "poll", True)
UNLIMITED: dict[str, int | None] = {"alice": None, STACK: None}


@dataclass(frozen=True)
class Store:
    """Both ports over the same rows."""

    videos: Videos
    pools: Pools
    claims: Claims

    def pool(self, name: str = POOL) -> Pool:
        (pool,) = self.pools.read([name])
        return pool

    def accept(self, video: Video) -> Video:
        self.videos.accept(video)
        return video

    def start(self, video: Video, places: int = 6, budgets: dict[str, int | None] | None = None) -> Video:
        started = video.start(NOW, Reservation(TODAY, video.request.seconds))
        return self.videos.start(video, started, places=places, budgets=budgets or {video.owner: None, STACK: None})

    def used(self, day: str = TODAY) -> tuple[int, int]:
        used = self.pools.used_by(["alice", STACK], day)
        return used["alice"], used[STACK]


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, credentials: None) -> Iterator[Store]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Store(memory, memory, memory)
    else:
        with deployed(for_threads=True) as stack:
            yield Store(stack.videos, stack.pools, DynamoClaims(stack.dynamodb, LEDGER))


# --- rows ------------------------------------------------------------------------------------------------------------


def test_an_accepted_video_is_there_and_waits_in_its_owners_line(store: Store) -> None:
    video = store.accept(queued())
    assert store.videos.get("video_1") == video
    assert store.pools.head(POOL, "alice") == QueueItem("video_1", video.queue_key)
    alice = Line("alice", interactive=1, since=1000 * NOW)
    assert store.pool() == Pool(POOL, frozenset(), (alice,))
    store.accept(queued("video_2", owner="bob", queue_key=queue_key(BATCH, NOW + 1, "video_2")))
    bob = Line("bob", batch=1, since=1000 * NOW + 1000)
    assert store.pool() == Pool(POOL, frozenset(), (alice, bob))


def test_an_id_is_accepted_once_and_the_second_changes_nothing(store: Store) -> None:
    video = store.accept(queued())
    with pytest.raises(VideoExists):
        store.accept(queued(owner="bob", at=NOW + 1))
    assert store.videos.get("video_1") == video
    assert store.pools.head(POOL, "bob") is None
    assert store.pool() == Pool(POOL, frozenset(), (Line("alice", interactive=1, since=1000 * NOW),))


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(VideoNotFound):
        store.videos.get("video_1")
    assert store.videos.get_many(["video_1"]) == {}
    assert store.videos.get_many([]) == {}
    assert store.pools.read([]) == []
    assert store.pools.read([POOL]) == [Pool(POOL)]
    assert store.pools.head(POOL, "alice") is None
    assert store.used() == (0, 0)


def test_a_hundred_rows_are_read_at_once(store: Store) -> None:
    names = [f"video_{number}" for number in range(100)]
    for name in names:
        store.accept(queued(name))
    assert set(store.videos.get_many(names)) == set(names)


# --- starts ----------------------------------------------------------------------------------------------------------


def test_a_start_takes_place_money_and_queue_item_together(store: Store) -> None:
    saved = store.start(store.accept(queued()))
    assert saved.version == 1
    assert store.videos.get("video_1") == saved
    assert store.pool().running == {"video_1"}
    assert store.pools.head(POOL, "alice") is None
    assert store.used() == (5, 5)


def test_a_row_that_changed_is_not_started(store: Store) -> None:
    video = store.accept(queued())
    store.videos.save(video, replace(video, updated_at=NOW + 1))
    with pytest.raises(VideoChanged):
        store.start(video)
    assert store.pool().running == frozenset()
    assert store.pools.head(POOL, "alice") is not None
    assert store.used() == (0, 0)


def test_a_row_that_is_gone_is_not_started(store: Store) -> None:
    with pytest.raises(VideoChanged):
        store.start(queued())


def test_a_full_pool_takes_nobody(store: Store) -> None:
    for number in range(3):
        store.accept(queued(f"video_{number}"))
    store.start(store.videos.get("video_0"), places=2)
    store.start(store.videos.get("video_1"), places=2)
    with pytest.raises(NoPlace, match=POOL):
        store.start(store.videos.get("video_2"), places=2)
    assert store.pool().running == {"video_0", "video_1"}
    assert store.used() == (10, 10)


@pytest.mark.parametrize(
    ("budgets", "poor"),
    [
        ({"alice": 9, STACK: None}, "alice"),
        ({"alice": None, STACK: 9}, STACK),
        ({"alice": 9, STACK: 9}, "alice"),
    ],
)
def test_a_budget_without_room_is_named_and_nothing_is_taken(
    store: Store, budgets: dict[str, int | None], poor: str
) -> None:
    first, second = store.accept(queued("video_1")), store.accept(queued("video_2"))
    store.start(first, budgets=budgets)
    with pytest.raises(OverBudget) as caught:
        store.start(second, budgets=budgets)
    assert caught.value.owner == poor
    assert store.used() == (5, 5)
    assert store.videos.get("video_2") == second
    assert store.pool().running == {"video_1"}


def test_a_budget_is_filled_to_its_last_second(store: Store) -> None:
    first, second = store.accept(queued("video_1")), store.accept(queued("video_2"))
    store.start(first, budgets={"alice": 10, STACK: 10})
    store.start(second, budgets={"alice": 10, STACK: 10})
    assert store.used() == (10, 10)


def test_the_first_video_of_a_day_does_not_break_a_budget_either(store: Store) -> None:
    with pytest.raises(OverBudget):
        store.start(store.accept(queued()), budgets={"alice": 4, STACK: None})
    assert store.used() == (0, 0)


def test_of_all_that_is_wrong_the_row_is_told_first_and_the_place_second(store: Store) -> None:
    store.start(store.accept(queued("video_1")), places=1)
    second = store.accept(queued("video_2"))
    with pytest.raises(NoPlace):
        store.start(second, places=1, budgets={"alice": 1, STACK: 1})
    store.videos.save(second, replace(second, updated_at=NOW + 1))
    with pytest.raises(VideoChanged):
        store.start(second, places=1, budgets={"alice": 1, STACK: 1})


def test_forty_starts_at_once_fill_exactly_the_places_and_the_budget(store: Store) -> None:
    videos = [store.accept(queued(f"video_{number}")) for number in range(20)]

    def start(video: Video) -> bool:
        try:
            store.start(video, places=6, budgets={"alice": 20, STACK: 1000})
        except (NoPlace, OverBudget, VideoChanged):
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        started = sum(threads.map(start, [*videos, *videos]))
    assert started == len(store.pool().running) == 4
    assert store.used() == (20, 20)


# --- saves -----------------------------------------------------------------------------------------------------------


def test_a_save_counts_versions_and_only_the_last_reader_may_write(store: Store) -> None:
    video = store.accept(queued())
    first = store.videos.save(video, replace(video, updated_at=NOW + 1))
    assert first.version == 1
    assert store.videos.get("video_1") == first
    with pytest.raises(VideoChanged):
        store.videos.save(video, replace(video, updated_at=NOW + 2))
    assert store.videos.get("video_1") == first


def test_a_row_that_is_gone_is_not_saved(store: Store) -> None:
    with pytest.raises(VideoChanged):
        store.videos.save(queued(), queued())
    with pytest.raises(VideoNotFound):
        store.videos.get("video_1")


def submitted(store: Store, video_id: str = "video_1") -> Video:
    intended = store.start(store.accept(queued(video_id))).submitting(NOW)
    started = store.videos.get(video_id)
    saved = store.videos.save(started, intended)
    return store.videos.save(saved, saved.submitted(NOW, Task(id=f"task-{video_id}", accepted_at=NOW)))


Step = Callable[[Video], Video]


@pytest.mark.parametrize(
    ("end", "used"),
    [
        (lambda video: video.task_succeeded(NOW, Usage(3, Decimal("2.201772"), "CNY")), 3),
        (lambda video: video.task_succeeded(NOW, Usage(5, Decimal("3.669620"), "CNY")), 5),
        (lambda video: video.task_succeeded(NOW, Usage(9, Decimal("6.605316"), "CNY")), 9),
        (lambda video: video.task_ended(NOW, FAILURE), 0),
        (lambda video: video.ended(NOW, FAILURE), 5),
    ],
)
def test_what_a_transition_gives_back_is_given_back_with_it(store: Store, end: Step, used: int) -> None:
    video = submitted(store)
    after = store.videos.save(video, end(video))
    assert store.videos.get("video_1") == after
    assert store.pool().running == frozenset()
    assert store.used() == (used, used)
    again = store.videos.save(after, replace(after, updated_at=NOW + 1))
    assert again.version == after.version + 1
    assert store.used() == (used, used)


def test_a_save_that_is_refused_gives_nothing_back(store: Store) -> None:
    stale = submitted(store)
    store.videos.save(stale, stale.delivery_failed(NOW, Condition("delivery_delayed", "Late.", NOW)))
    with pytest.raises(VideoChanged):
        store.videos.save(stale, stale.task_ended(NOW, FAILURE))
    assert store.pool().running == {"video_1"}
    assert store.used() == (5, 5)


def test_the_seconds_go_back_to_the_day_they_were_taken_from(store: Store) -> None:
    video = store.accept(queued())
    started = store.videos.start(
        video, video.start(NOW, Reservation("2026-05-27", 5)), places=6, budgets={"alice": None, STACK: None}
    )
    store.videos.save(started, started.ended(NOW, FAILURE))
    assert (store.used("2026-05-27"), store.used()) == ((0, 0), (0, 0))


# --- what needs attention --------------------------------------------------------------------------------------------


def test_a_video_needs_attention_from_its_start_until_its_notice_is_out(store: Store) -> None:
    video = store.accept(queued())
    assert list(store.videos.attention("open", NOW)) == []
    saved = store.start(video)
    assert list(store.videos.attention("open", NOW)) == ["video_1"]
    assert list(store.videos.attention("open", NOW - 1)) == []
    ended = store.videos.save(saved, saved.ended(NOW + 5, FAILURE))
    assert list(store.videos.attention("open", NOW)) == []
    assert list(store.videos.attention("open", NOW + 5)) == ["video_1"]
    store.videos.save(ended, ended.announced(NOW + 6))
    assert list(store.videos.attention("open", NOW + 9)) == []


def test_the_oldest_is_looked_at_first(store: Store) -> None:
    for number in (2, 0, 1):
        video = store.accept(queued(f"video_{number}"))
        saved = store.start(video)
        store.videos.save(saved, replace(saved, updated_at=NOW + number))
    assert list(store.videos.attention("open", NOW + 9)) == ["video_0", "video_1", "video_2"]


def test_a_video_that_ended_in_doubt_is_watched_until_that_is_closed(store: Store) -> None:
    started = store.start(store.accept(queued()))
    doubtful = store.videos.save(started, started.submitting(NOW))
    ended = store.videos.save(doubtful, doubtful.ended(NOW, FAILURE))
    assert list(store.videos.attention("watched", NOW)) == []
    announced = store.videos.save(ended, ended.announced(NOW))
    assert list(store.videos.attention("watched", NOW)) == ["video_1"]
    assert list(store.videos.attention("open", NOW)) == []
    store.videos.save(announced, announced.closed(NOW))
    assert list(store.videos.attention("watched", NOW)) == []


def test_what_was_announced_is_kept_and_found_oldest_first_until_it_is_deleted(store: Store) -> None:
    for number in (2, 0, 1):
        video = store.accept(queued(f"video_{number}"))
        ended = store.videos.save(video, video.cancelled(NOW + number))
        assert f"video_{number}" not in list(store.videos.attention("kept", NOW + 99))
        store.videos.save(ended, ended.announced(NOW + number))
    assert list(store.videos.attention("kept", NOW + 1)) == ["video_0", "video_1"]
    assert list(store.videos.attention("open", NOW + 9)) == []
    store.videos.delete(store.videos.get("video_0"), NOW + 99)
    assert list(store.videos.attention("kept", NOW + 9)) == ["video_1", "video_2"]


# --- queues and places -----------------------------------------------------------------------------------------------


def test_the_head_of_a_queue_is_the_first_by_priority_and_time(store: Store) -> None:
    late = store.accept(queued("video_a", at=NOW + 1))
    early = store.accept(queued("video_z", at=NOW))
    assert store.pools.head(POOL, "alice") == QueueItem("video_z", early.queue_key)
    store.pools.drop(POOL, "alice", QueueItem("video_z", early.queue_key))
    assert store.pools.head(POOL, "alice") == QueueItem("video_a", late.queue_key)
    store.pools.drop(POOL, "alice", QueueItem("video_z", early.queue_key))
    assert store.pools.head(POOL, "alice") == QueueItem("video_a", late.queue_key)


def test_queues_of_other_owners_and_pools_are_others(store: Store) -> None:
    store.accept(queued("video_1"))
    store.accept(queued("video_2", request=request(model="wan2.2-t2v-plus", size=Size(832, 480))))
    assert store.pools.head(POOL, "bob") is None
    head = store.pools.head("singapore#wan2.2-t2v-plus", "alice")
    assert head is not None
    assert head.video_id == "video_2"
    names = [POOL, "singapore#wan2.2-t2v-plus", "beijing#wan2.6-t2v"]
    assert [len(pool.lines) for pool in store.pools.read(names)] == [1, 1, 0]


def test_a_line_counts_who_waits_through_every_way_out_of_a_queue(store: Store) -> None:
    videos = [queued(f"video_{number}", at=NOW + number) for number in range(4)]
    videos += [queued(f"row_{number}", queue_key=queue_key(BATCH, NOW, f"row_{number}")) for number in range(3)]
    for video in videos:
        store.accept(video)
    (line,) = store.pool().lines
    assert (line.interactive, line.batch, line.since) == (4, 3, 1000 * NOW)
    store.start(videos[0])
    store.videos.save(videos[1], videos[1].cancelled(NOW))
    store.videos.save(videos[4], videos[4].ended(NOW, FAILURE))
    store.pools.drop(POOL, "alice", QueueItem("video_2", videos[2].queue_key))
    store.pools.drop(POOL, "alice", QueueItem("video_2", videos[2].queue_key))
    (line,) = store.pool().lines
    assert (line.interactive, line.batch, line.since) == (1, 2, waits_since(NOW))


def test_a_save_that_is_refused_leaves_the_line_as_it_is(store: Store) -> None:
    video = store.accept(queued())
    store.videos.save(video, replace(video, updated_at=NOW + 1))
    with pytest.raises(VideoChanged):
        store.videos.save(video, video.cancelled(NOW))
    assert [line.waits for line in store.pool().lines] == [1]


def test_an_empty_line_is_forgotten_unless_somebody_joined_meanwhile(store: Store) -> None:
    store.start(store.accept(queued("video_1")))
    (seen,) = store.pool().lines
    second = store.accept(queued("video_2"))
    store.pools.forget(POOL, seen)
    assert store.pool().waiting == {"alice"}
    store.start(second)
    store.pools.forget(POOL, seen)
    (seen,) = store.pool().lines
    store.pools.forget(POOL, seen)
    store.pools.forget(POOL, seen)
    assert store.pool().lines == ()
    store.accept(queued("video_3", at=NOW + 7))
    assert store.pool().lines == (Line("alice", interactive=1, since=1000 * NOW + 7000),)


def test_who_read_a_line_that_was_forgotten_cannot_forget_the_one_that_was_joined_anew(store: Store) -> None:
    first = store.accept(queued("video_1"))
    (stale,) = store.pool().lines
    store.start(first)
    (empty,) = store.pool().lines
    store.pools.forget(POOL, empty)
    store.accept(queued("video_2"))
    store.pools.forget(POOL, stale)
    assert store.pool().waiting == {"alice"}


def test_what_a_line_needs_is_noted_until_somebody_joins_or_leaves_it(store: Store) -> None:
    first = store.accept(queued("video_1"))
    (seen,) = store.pool().lines
    store.pools.pass_over(POOL, seen, 12)
    assert [line.used_at_most for line in store.pool().lines] == [12]
    second = store.accept(queued("video_2"))
    store.pools.pass_over(POOL, seen, 12)
    assert [line.used_at_most for line in store.pool().lines] == [None]
    for video in (first, second):
        store.pools.pass_over(POOL, store.pool().lines[0], 3)
        store.videos.save(video, video.cancelled(NOW))
        assert [line.used_at_most for line in store.pool().lines] == [None]


def test_the_budgets_of_many_owners_are_read_at_once(store: Store) -> None:
    store.start(store.accept(queued()))
    owners = [f"owner-{number}" for number in range(120)]
    assert store.pools.used_by([*owners, "alice"], TODAY) == {**dict.fromkeys(owners, 0), "alice": 5}
    assert store.pools.used_by([], TODAY) == {}


def test_rows_of_many_lines_fit_their_transactions(store: Store) -> None:
    videos = [queued(f"video_{number}", owner=f"owner-{number % 90}") for number in range(180)]
    for video in videos:
        store.accept(video)
    assert sorted(line.waits for line in store.pool().lines) == [2] * 90
    assert store.videos.cancel_rows(videos, NOW) == 180
    assert not store.pool().waiting


def test_a_leaked_place_is_given_back_and_giving_it_back_again_changes_nothing(store: Store) -> None:
    store.start(store.accept(queued("video_1")))
    store.start(store.accept(queued("video_2")))
    store.pools.give_back(POOL, "video_1")
    store.pools.give_back(POOL, "video_1")
    assert store.pool().running == {"video_2"}
    store.pools.give_back(POOL, "video_2")
    assert store.pool().running == frozenset()
    assert store.start(store.accept(queued("video_3")), places=1).place == POOL


# --- the whole of a life ---------------------------------------------------------------------------------------------


def test_a_video_lives_from_its_queue_to_its_notice(store: Store) -> None:
    video = submitted(store)
    video = store.videos.save(video, video.task_seen(NOW, replace(known_task(video), status="SUCCEEDED"), 1))
    video = store.videos.save(video, video.task_succeeded(NOW, Usage(5, Decimal("3.669620"), "CNY")))
    video = store.videos.save(video, video.completed(NOW, stored()))
    video = store.videos.save(video, video.announced(NOW))
    assert store.videos.get("video_1") == video
    assert video.version == 7
    assert store.pool() == Pool(POOL, lines=(Line("alice", since=waits_since(NOW)),))


# --- claims ----------------------------------------------------------------------------------------------------------


def submitting(store: Store, video_id: str) -> Video:
    started = store.start(store.accept(queued(video_id)))
    return store.videos.save(started, started.submitting(NOW))


def test_a_task_belongs_to_the_first_video_that_claims_it(store: Store) -> None:
    first, second = submitting(store, "video_1"), submitting(store, "video_2")
    store.videos.save(first, first.submitted(NOW, Task("task_1", NOW)))
    with pytest.raises(TaskClaimed):
        store.videos.save(second, second.submitted(NOW, Task("task_1", NOW)))
    assert store.videos.get("video_2") == second


def test_the_same_id_of_a_task_in_another_region_is_another_task(store: Store) -> None:
    first = submitting(store, "video_1")
    store.videos.save(first, first.submitted(NOW, Task("task_1", NOW)))
    store.videos.adopt(adopted("video_2", region=Region.BEIJING))


def adopted(video_id: str, region: Region = Region.SINGAPORE) -> Video:
    video = queued(video_id)
    asked = replace(video.request, region=region)
    return replace(video, request=asked, status=Status.STARTING, execution=1, task=Task("task_1", NOW), started_at=NOW)


def test_an_adopted_video_waits_for_nothing_and_needs_attention(store: Store) -> None:
    video = adopted("video_1")
    store.videos.adopt(video)
    assert store.videos.get("video_1") == video
    assert store.pools.read([POOL]) == [Pool(POOL)]
    assert list(store.videos.attention("open", NOW)) == ["video_1"]


def test_a_task_is_adopted_once(store: Store) -> None:
    store.videos.adopt(adopted("video_1"))
    with pytest.raises(VideoExists):
        store.videos.adopt(adopted("video_1"))
    with pytest.raises(TaskClaimed):
        store.videos.adopt(adopted("video_2"))
    with pytest.raises(VideoNotFound):
        store.videos.get("video_2")


def test_a_refused_adoption_claims_nothing(store: Store) -> None:
    store.accept(queued("video_1"))
    with pytest.raises(VideoExists):
        store.videos.adopt(adopted("video_1"))
    store.videos.adopt(adopted("video_2"))


def test_claims_are_told_for_any_number_of_tasks_and_by_region(store: Store) -> None:
    store.videos.adopt(adopted("video_1"))
    tasks = [f"task_{number}" for number in range(250)]
    assert store.claims.claimed(Region.SINGAPORE, tasks) == {"task_1"}
    assert store.claims.claimed(Region.BEIJING, tasks) == frozenset()
    assert store.claims.claimed(Region.SINGAPORE, []) == frozenset()
