"""Claims: a task belongs to one video."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.integration.dynamodb.stores import POOL, Store, adopted
from tools.harness.samples import NOW, queued
from tools.harness.stack import LEDGER, Stack
from wan_video.adapters.dynamodb.ledger import claim_key
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.models import Region
from wan_video.domain.pool import Pool
from wan_video.domain.task import Task
from wan_video.errors import TaskClaimed, VideoExists, VideoNotFound


def test_a_task_belongs_to_the_first_video_that_claims_it(store: Store) -> None:
    first, second = store.submitting("video_1"), store.submitting("video_2")
    store.videos.save(first, first.submitted(NOW, Task("task_1", NOW)))
    with pytest.raises(TaskClaimed):
        store.videos.save(second, second.submitted(NOW, Task("task_1", NOW)))
    assert store.videos.get("video_2") == second


def test_the_same_task_id_in_another_region_is_another_task(store: Store) -> None:
    first = store.submitting("video_1")
    store.videos.save(first, first.submitted(NOW, Task("task_1", NOW)))
    store.videos.adopt(adopted("video_2", region=Region.BEIJING))


def test_an_adopted_video_does_not_wait_and_needs_attention(store: Store) -> None:
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


def test_the_seconds_of_a_task_that_was_found_late_are_reserved_with_its_claim(store: Store) -> None:
    video = replace(adopted("video_1"), reservation=Reservation("2026-05-28", 5))
    store.videos.adopt(video)
    for again in (video, replace(video, id="video_2")):
        with pytest.raises((VideoExists, TaskClaimed)):
            store.videos.adopt(again)
    assert store.pools.used_by([video.owner, STACK], "2026-05-28") == {video.owner: 5, STACK: 5}


def test_a_claim_expires_long_after_wan_has_deleted_the_task(stack: Stack) -> None:
    stack.videos.adopt(adopted("video_1"))
    key = claim_key(Region.SINGAPORE, "task_1")
    assert stack.dynamodb.Table(LEDGER).get_item(Key=key)["Item"]["ttl"] == NOW + 2_592_000  # 30 days of seconds


def test_claims_are_read_for_any_number_of_tasks_of_one_region(store: Store) -> None:
    store.videos.adopt(adopted("video_1"))
    tasks = [f"task_{number}" for number in range(250)]
    assert store.claims.claimed(Region.SINGAPORE, tasks) == {"task_1"}
    assert store.claims.claimed(Region.BEIJING, tasks) == frozenset()
    assert store.claims.claimed(Region.SINGAPORE, []) == frozenset()
