"""A start takes a place, a reservation and the queue item together, or nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.integration.dynamodb.stores import FAILURE, POOL, Store
from tools.harness.samples import NOW, queued
from tools.harness.stack import LEDGER, VIDEOS, Stack
from wan_video.adapters.dynamodb.claims import DynamoClaims
from wan_video.domain.budget import STACK
from wan_video.domain.video import Video
from wan_video.errors import NoPlace, OverBudget, VideoChanged


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


def test_a_deleted_row_is_not_started(store: Store) -> None:
    with pytest.raises(VideoChanged):
        store.start(queued())


def test_a_full_pool_starts_nothing(store: Store) -> None:
    for number in range(3):
        store.accept(queued(f"video_{number}"))
    store.start(store.videos.get("video_0"), places=2)
    store.start(store.videos.get("video_1"), places=2)
    with pytest.raises(NoPlace, match=POOL):
        store.start(store.videos.get("video_2"), places=2)
    assert store.pool().running == {"video_0", "video_1"}
    assert store.used() == (10, 10)


@pytest.mark.parametrize(
    ("budgets", "short"),
    [
        ({"alice": 9, STACK: None}, "alice"),
        ({"alice": None, STACK: 9}, STACK),
        ({"alice": 9, STACK: 9}, "alice"),
    ],
)
def test_a_budget_without_room_is_named_and_nothing_is_taken(
    store: Store, budgets: dict[str, int | None], short: str
) -> None:
    first, second = store.accept(queued("video_1")), store.accept(queued("video_2"))
    store.start(first, budgets=budgets)
    with pytest.raises(OverBudget) as caught:
        store.start(second, budgets=budgets)
    assert caught.value.owner == short
    assert store.used() == (5, 5)
    assert store.videos.get("video_2") == second
    assert store.pool().running == {"video_1"}


def test_a_budget_can_be_used_to_its_last_second(store: Store) -> None:
    first, second = store.accept(queued("video_1")), store.accept(queued("video_2"))
    store.start(first, budgets={"alice": 10, STACK: 10})
    store.start(second, budgets={"alice": 10, STACK: 10})
    assert store.used() == (10, 10)


def test_the_first_video_of_a_day_does_not_exceed_a_budget_either(store: Store) -> None:
    with pytest.raises(OverBudget):
        store.start(store.accept(queued()), budgets={"alice": 4, STACK: None})
    assert store.used() == (0, 0)


def test_of_several_refusals_the_row_is_reported_first_and_the_place_second(store: Store) -> None:
    store.start(store.accept(queued("video_1")), places=1)
    second = store.accept(queued("video_2"))
    with pytest.raises(NoPlace):
        store.start(second, places=1, budgets={"alice": 1, STACK: 1})
    store.videos.save(second, replace(second, updated_at=NOW + 1))
    with pytest.raises(VideoChanged):
        store.start(second, places=1, budgets={"alice": 1, STACK: 1})


def test_forty_simultaneous_starts_use_exactly_the_places_and_the_budget(store: Store) -> None:
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


def test_a_row_states_explicitly_whether_it_holds_a_place(stack: Stack) -> None:
    store = Store(stack.videos, stack.pools, DynamoClaims(stack.tables, LEDGER), stack.quotas)

    def said() -> object:
        return stack.dynamodb.Table(VIDEOS).get_item(Key={"id": "video_1"})["Item"]["holds_place"]

    video = store.accept(queued())
    assert said() is False
    started = store.start(video)
    assert said() is True
    store.videos.save(started, started.ended(NOW, FAILURE))
    assert said() is False
