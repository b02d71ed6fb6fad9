"""What Wan states about a pool is kept in the pool's item, and a start never changes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.dynamodb.stores import FAILURE, POOL, Store
from tools.harness.samples import NOW, queued
from wan_video.domain.quota import LimitSource, Quota, Stated
from wan_video.errors import NoPlace

OTHER = "singapore#wan2.2-t2v-plus"


def test_a_pool_without_a_reading_has_no_quotas(store: Store) -> None:
    assert store.quotas.stated([POOL, OTHER]) == {POOL: Stated(), OTHER: Stated()}
    assert store.quotas.stated([]) == {}
    assert store.pool().stated == Stated()


@pytest.mark.parametrize(
    "quota", [Quota(20, 50, LimitSource.WORKSPACE), Quota(0, 0), Quota(None, 3), Quota(7)], ids=str
)
def test_stored_quotas_are_read_with_the_pool(store: Store, quota: Quota) -> None:
    store.quotas.keep_quota(POOL, quota, NOW)
    store.quotas.keep_retirement(POOL, NOW + 1000)
    assert store.pool().stated == Stated(quota, read_at=NOW, retires_at=NOW + 1000)
    assert store.quotas.stated([POOL, OTHER]) == {POOL: store.pool().stated, OTHER: Stated()}


def test_a_quota_that_is_no_longer_stated_is_deleted(store: Store) -> None:
    store.quotas.keep_quota(POOL, Quota(20, 50), NOW)
    store.quotas.keep_retirement(POOL, NOW + 1000)
    store.quotas.keep_quota(POOL, None, NOW + 60)
    store.quotas.keep_retirement(POOL, None)
    assert store.pool().stated == Stated(read_at=NOW + 60)


def test_a_member_that_is_no_longer_stated_is_deleted_too(store: Store) -> None:
    store.quotas.keep_quota(POOL, Quota(20, 50), NOW)
    store.quotas.keep_quota(POOL, Quota(20), NOW)
    assert store.pool().stated.quota == Quota(20)


def test_a_reading_starts_once_in_each_period(store: Store) -> None:
    assert store.quotas.begin_reading(POOL, NOW, NOW - 60)
    assert not store.quotas.begin_reading(POOL, NOW, NOW - 60)
    assert not store.quotas.begin_reading(POOL, NOW + 59, NOW - 1)
    assert store.quotas.begin_reading(POOL, NOW + 60, NOW)
    assert store.quotas.begin_reading(OTHER, NOW, NOW - 60)
    assert store.pool().stated == Stated(asked_at=NOW + 60)


def test_only_one_of_twenty_simultaneous_readers_asks(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        begun = threads.map(lambda _: store.quotas.begin_reading(POOL, NOW, NOW - 60), range(20))
        assert sum(begun) == 1


def test_places_and_quotas_do_not_change_each_other(store: Store) -> None:
    videos = [store.accept(queued(f"video_{number}")) for number in range(4)]
    started = [store.start(video) for video in videos[:3]]
    store.quotas.keep_quota(POOL, Quota(1), NOW)
    assert store.pool().running == {video.id for video in started}
    # The limit is below the running videos: none of them loses its place, and no other gets one.
    for video in started[:2]:
        with pytest.raises(NoPlace):
            store.start(videos[3], places=1)
        store.videos.save(video, video.ended(NOW, FAILURE))
    with pytest.raises(NoPlace):
        store.start(videos[3], places=1)
    store.pools.give_back(POOL, started[2].id)
    store.start(videos[3], places=1)
    assert store.pool().running == {videos[3].id}
    assert store.pool().stated == Stated(Quota(1), read_at=NOW)
