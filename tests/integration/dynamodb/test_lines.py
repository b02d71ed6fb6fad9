"""Queues, their lines, and places."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.integration.dynamodb.stores import FAILURE, POOL, Store
from tools.harness.samples import NOW, TODAY, queued, request
from wan_video.domain.models import Size
from wan_video.domain.pool import Line
from wan_video.domain.queue import BATCH, QueueItem, queue_key, waits_since
from wan_video.errors import VideoChanged


def test_the_head_of_a_queue_is_the_first_by_priority_and_time(store: Store) -> None:
    late = store.accept(queued("video_a", at=NOW + 1))
    early = store.accept(queued("video_z", at=NOW))
    assert store.pools.head(POOL, "alice") == QueueItem("video_z", early.queue_key)
    store.pools.remove_item(POOL, "alice", QueueItem("video_z", early.queue_key))
    assert store.pools.head(POOL, "alice") == QueueItem("video_a", late.queue_key)
    store.pools.remove_item(POOL, "alice", QueueItem("video_z", early.queue_key))
    assert store.pools.head(POOL, "alice") == QueueItem("video_a", late.queue_key)


def test_queues_of_other_owners_and_pools_are_separate(store: Store) -> None:
    store.accept(queued("video_1"))
    store.accept(queued("video_2", request=request(model="wan2.2-t2v-plus", size=Size(832, 480))))
    assert store.pools.head(POOL, "bob") is None
    head = store.pools.head("singapore#wan2.2-t2v-plus", "alice")
    assert head is not None
    assert head.video_id == "video_2"
    names = [POOL, "singapore#wan2.2-t2v-plus", "beijing#wan2.6-t2v"]
    assert [len(pool.lines) for pool in store.pools.read(names)] == [1, 1, 0]


def test_a_line_counts_waiting_videos_through_every_way_out_of_a_queue(store: Store) -> None:
    videos = [queued(f"video_{number}", at=NOW + number) for number in range(4)]
    videos += [queued(f"row_{number}", queue_key=queue_key(BATCH, NOW, f"row_{number}")) for number in range(3)]
    for video in videos:
        store.accept(video)
    (line,) = store.pool().lines
    assert (line.interactive, line.batch, line.since) == (4, 3, 1000 * NOW)
    store.start(videos[0])
    store.videos.save(videos[1], videos[1].cancelled(NOW))
    store.videos.save(videos[4], videos[4].ended(NOW, FAILURE))
    store.pools.remove_item(POOL, "alice", QueueItem("video_2", videos[2].queue_key))
    store.pools.remove_item(POOL, "alice", QueueItem("video_2", videos[2].queue_key))
    (line,) = store.pool().lines
    assert (line.interactive, line.batch, line.since) == (1, 2, waits_since(NOW))


def test_a_refused_save_leaves_the_line_unchanged(store: Store) -> None:
    video = store.accept(queued())
    store.videos.save(video, replace(video, updated_at=NOW + 1))
    with pytest.raises(VideoChanged):
        store.videos.save(video, video.cancelled(NOW))
    assert [line.waits for line in store.pool().lines] == [1]


def test_an_empty_line_is_deleted_unless_a_video_has_joined_it(store: Store) -> None:
    store.start(store.accept(queued("video_1")))
    (seen,) = store.pool().lines
    second = store.accept(queued("video_2"))
    store.pools.remove_line(POOL, seen)
    assert store.pool().waiting == {"alice"}
    store.start(second)
    store.pools.remove_line(POOL, seen)
    (seen,) = store.pool().lines
    store.pools.remove_line(POOL, seen)
    store.pools.remove_line(POOL, seen)
    assert store.pool().lines == ()
    store.accept(queued("video_3", at=NOW + 7))
    assert store.pool().lines == (Line("alice", interactive=1, since=1000 * NOW + 7000),)


def test_a_reader_of_a_deleted_line_cannot_delete_its_successor(store: Store) -> None:
    first = store.accept(queued("video_1"))
    (stale,) = store.pool().lines
    store.start(first)
    (empty,) = store.pool().lines
    store.pools.remove_line(POOL, empty)
    store.accept(queued("video_2"))
    store.pools.remove_line(POOL, stale)
    assert store.pool().waiting == {"alice"}


def test_the_budget_that_a_line_needs_is_stored_until_the_line_changes(store: Store) -> None:
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


def test_rows_of_many_lines_fit_into_their_transactions(store: Store) -> None:
    videos = [queued(f"video_{number}", owner=f"owner-{number % 40}") for number in range(80)]
    for video in videos:
        store.accept(video)
    assert sorted(line.waits for line in store.pool().lines) == [2] * 40
    assert store.videos.cancel_rows(videos, NOW) == 80
    assert not store.pool().waiting


def test_a_leaked_place_is_freed_and_freeing_it_again_changes_nothing(store: Store) -> None:
    store.start(store.accept(queued("video_1")))
    store.start(store.accept(queued("video_2")))
    store.pools.give_back(POOL, "video_1")
    store.pools.give_back(POOL, "video_1")
    assert store.pool().running == {"video_2"}
    store.pools.give_back(POOL, "video_2")
    assert store.pool().running == frozenset()
    assert store.start(store.accept(queued("video_3")), places=1).place == POOL
