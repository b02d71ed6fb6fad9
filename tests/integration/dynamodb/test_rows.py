"""Rows, and the places and reservations that are released with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.integration.dynamodb.stores import FAILURE, POOL, Store, adopted
from tools.harness.samples import NOW, TODAY, known_task, queued, stored
from wan_video.domain.budget import STACK, Reservation, Usage
from wan_video.domain.pool import Line, Pool
from wan_video.domain.queue import BATCH, QueueItem, queue_key, waits_since
from wan_video.domain.task import Task, TaskStatus
from wan_video.domain.trouble import Condition
from wan_video.domain.video import Video
from wan_video.errors import TooManyUnknownTasks, VideoChanged, VideoExists, VideoNotFound


def test_an_accepted_video_is_stored_and_waits_in_its_owners_line(store: Store) -> None:
    video = store.accept(queued())
    assert store.videos.get("video_1") == video
    assert store.pools.head(POOL, "alice") == QueueItem("video_1", video.queue_key)
    alice = Line("alice", interactive=1, since=1000 * NOW)
    assert store.pool() == Pool(POOL, lines=(alice,))
    store.accept(queued("video_2", owner="bob", queue_key=queue_key(BATCH, NOW + 1, "video_2")))
    bob = Line("bob", batch=1, since=1000 * NOW + 1000)
    assert store.pool() == Pool(POOL, lines=(alice, bob))


def test_an_id_is_accepted_once_and_a_second_time_changes_nothing(store: Store) -> None:
    video = store.accept(queued())
    with pytest.raises(VideoExists):
        store.accept(queued(owner="bob", at=NOW + 1))
    assert store.videos.get("video_1") == video
    assert store.pools.head(POOL, "bob") is None
    assert store.pool() == Pool(POOL, lines=(Line("alice", interactive=1, since=1000 * NOW),))


def test_a_missing_item_is_not_found(store: Store) -> None:
    with pytest.raises(VideoNotFound):
        store.videos.get("video_1")
    assert store.videos.get_many(["video_1"]) == {}
    assert store.videos.get_many([]) == {}
    assert store.pools.read([]) == []
    assert store.pools.read([POOL]) == [Pool(POOL)]
    assert store.pools.head(POOL, "alice") is None
    assert store.used() == (0, 0)


def test_the_rows_of_a_large_pool_are_read_by_one_call(store: Store) -> None:
    names = [f"video_{number}" for number in range(250)]
    accepted = [store.accept(queued(name)).id for name in names[95:105]]
    assert sorted(store.videos.get_many(names)) == sorted(accepted)


def test_a_save_increments_the_version_and_only_a_current_reader_can_write(store: Store) -> None:
    video = store.accept(queued())
    first = store.videos.save(video, replace(video, updated_at=NOW + 1))
    assert first.version == 1
    assert store.videos.get("video_1") == first
    with pytest.raises(VideoChanged):
        store.videos.save(video, replace(video, updated_at=NOW + 2))
    assert store.videos.get("video_1") == first


def test_a_deleted_row_is_not_saved(store: Store) -> None:
    with pytest.raises(VideoChanged):
        store.videos.save(queued(), queued())


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
def test_places_and_reservations_are_released_in_the_transaction_of_the_transition(
    store: Store, end: Step, used: int
) -> None:
    video = store.submitted()
    after = store.videos.save(video, end(video))
    assert store.videos.get("video_1") == after
    assert store.pool().running == frozenset()
    assert store.used() == (used, used)
    again = store.videos.save(after, replace(after, updated_at=NOW + 1))
    assert again.version == after.version + 1
    assert store.used() == (used, used)


def spending(store: Store) -> list[tuple[str, int, int, Decimal]]:
    """Return day, reserved seconds, spent seconds and price of the owner, which must equal those of the whole stack."""
    mine, all_of_it = (
        [(day.day, day.reserved, day.spent, day.price) for day in store.pools.usage(owner, "2026-05-01", "2026-05-31")]
        for owner in ("alice", STACK)
    )
    assert mine == all_of_it
    return mine


def test_spent_seconds_are_settled_once_despite_later_writes_of_the_row(store: Store) -> None:
    video = store.submitted()
    assert spending(store) == [(TODAY, 5, 0, Decimal(0))]
    video = store.videos.save(video, video.task_succeeded(NOW, Usage(4, Decimal("2.935696"), "CNY")))
    settled = [(TODAY, 0, 4, Decimal("2.935696"))]
    assert spending(store) == settled
    steps: tuple[Step, ...] = (
        lambda made: made.delivery_failed(NOW, Condition("delivery_delayed", "Late.", NOW)),
        lambda made: made.restarted(NOW, 2),
        lambda made: made.completed(NOW, stored()),
        lambda made: made.announced(NOW),
    )
    for step in steps:
        video = store.videos.save(video, step(video))
        assert spending(store) == settled
    store.videos.delete(video, NOW)
    assert spending(store) == settled


def test_a_failed_video_spends_nothing_despite_later_writes(store: Store) -> None:
    video = store.submitted()
    video = store.videos.save(video, video.task_ended(NOW, FAILURE))
    video = store.videos.save(video, video.ended(NOW, FAILURE))
    store.videos.save(video, video.announced(NOW))
    assert spending(store) == [(TODAY, 0, 0, Decimal(0))]


def test_an_imported_video_spends_nothing_of_a_budget(store: Store) -> None:
    video = adopted("video_1")
    store.videos.adopt(video)
    video = store.videos.save(video, video.task_seen(NOW, known_task(video), 1))
    video = store.videos.save(video, video.task_succeeded(NOW, Usage(5, Decimal("3.669620"), "CNY")))
    store.videos.save(video, video.completed(NOW, stored()))
    assert spending(store) == []


def test_tasks_that_wan_has_not_confirmed_are_counted_with_their_rows(store: Store) -> None:
    def unseen(video_id: str) -> Video:
        return replace(adopted(video_id), task=Task(f"task_of_{video_id}", NOW, TaskStatus.UNKNOWN))

    store.videos.adopt(unseen("video_1"), 2)
    with pytest.raises(VideoExists):
        store.videos.adopt(unseen("video_1"), 2)
    store.videos.adopt(unseen("video_2"), 2)
    with pytest.raises(TooManyUnknownTasks):
        store.videos.adopt(unseen("video_3"), 2)
    with pytest.raises(VideoNotFound):
        store.videos.get("video_3")
    assert set(store.videos.unknown_tasks("alice")) == {"video_1", "video_2"}
    assert set(store.videos.unknown_tasks("bob")) == set()
    store.videos.adopt(unseen("video_4"))
    store.videos.settle_unknown_tasks("alice", ["video_1"])
    store.videos.adopt(unseen("video_3"), 2)
    store.videos.settle_unknown_tasks("alice", ["video_2", "video_3"])
    assert set(store.videos.unknown_tasks("alice")) == set()
    store.videos.adopt(unseen("video_5"), 2)


def test_a_refused_save_releases_nothing(store: Store) -> None:
    stale = store.submitted()
    store.videos.save(stale, stale.delivery_failed(NOW, Condition("delivery_delayed", "Late.", NOW)))
    with pytest.raises(VideoChanged):
        store.videos.save(stale, stale.task_ended(NOW, FAILURE))
    assert store.pool().running == {"video_1"}
    assert store.used() == (5, 5)


def test_the_seconds_are_released_on_the_day_of_their_reservation(store: Store) -> None:
    video = store.accept(queued())
    started = store.videos.start(
        video, video.start(NOW, Reservation("2026-05-27", 5)), places=6, budgets={"alice": None, STACK: None}
    )
    store.videos.save(started, started.ended(NOW, FAILURE))
    assert (store.used("2026-05-27"), store.used()) == ((0, 0), (0, 0))


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


def test_the_oldest_row_comes_first(store: Store) -> None:
    for number in (2, 0, 1):
        video = store.accept(queued(f"video_{number}"))
        saved = store.start(video)
        store.videos.save(saved, replace(saved, updated_at=NOW + number))
    assert list(store.videos.attention("open", NOW + 9)) == ["video_0", "video_1", "video_2"]


def test_a_video_that_ended_in_doubt_needs_attention_until_the_doubt_is_closed(store: Store) -> None:
    started = store.start(store.accept(queued()))
    doubtful = store.videos.save(started, started.submitting(NOW))
    ended = store.videos.save(doubtful, doubtful.ended(NOW, FAILURE))
    assert list(store.videos.attention("watched", NOW)) == []
    announced = store.videos.save(ended, ended.announced(NOW))
    assert list(store.videos.attention("watched", NOW)) == ["video_1"]
    assert list(store.videos.attention("open", NOW)) == []
    store.videos.save(announced, announced.closed(NOW))
    assert list(store.videos.attention("watched", NOW)) == []


def test_announced_videos_are_found_oldest_first_until_they_are_deleted(store: Store) -> None:
    for number in (2, 0, 1):
        video = store.accept(queued(f"video_{number}"))
        ended = store.videos.save(video, video.cancelled(NOW + number))
        assert f"video_{number}" not in list(store.videos.attention("kept", NOW + 99))
        store.videos.save(ended, ended.announced(NOW + number))
    assert list(store.videos.attention("kept", NOW + 1)) == ["video_0", "video_1"]
    assert list(store.videos.attention("open", NOW + 9)) == []
    store.videos.delete(store.videos.get("video_0"), NOW + 99)
    assert list(store.videos.attention("kept", NOW + 9)) == ["video_1", "video_2"]


def test_a_video_can_be_saved_at_every_step_from_the_queue_to_the_notice(store: Store) -> None:
    video = store.submitted()
    video = store.videos.save(video, video.task_seen(NOW, replace(known_task(video), status="SUCCEEDED"), 1))
    video = store.videos.save(video, video.task_succeeded(NOW, Usage(5, Decimal("3.669620"), "CNY")))
    video = store.videos.save(video, video.completed(NOW, stored()))
    video = store.videos.save(video, video.announced(NOW))
    assert store.videos.get("video_1") == video
    assert video.version == 7
    assert store.pool() == Pool(POOL, lines=(Line("alice", since=waits_since(NOW)),))
