"""Places: no more than the pool has, each freed once, including those that an earlier release recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.dynamodb.stores import FAILURE, POOL, Store
from tests.simulation.stack import SimulatedStack
from tools.harness.samples import NOW, TODAY, queued, running, starting
from tools.harness.stack import LEDGER, VIDEOS, Stack
from wan_video.adapters.dynamodb.claims import DynamoClaims
from wan_video.adapters.dynamodb.ledger import place_key, pool_key
from wan_video.adapters.dynamodb.places import SEAL
from wan_video.adapters.dynamodb.rows import row_item
from wan_video.adapters.dynamodb.transactions import Transactions
from wan_video.domain.budget import STACK
from wan_video.domain.pool import Place
from wan_video.domain.video import Video
from wan_video.errors import NoPlace, VideoChanged

PLACES_BEFORE = 6
"""Places of the largest pool of release 0.2."""


def test_a_place_names_its_owner_and_whether_its_execution_was_started(store: Store) -> None:
    store.start(store.accept(queued("video_1", owner="alice")))
    store.start(store.accept(queued("video_2", owner="bob")))
    assert sorted(store.pool().places, key=str) == [Place("video_1", "alice"), Place("video_2", "bob")]
    store.pools.note_begun(POOL, "video_2")
    store.pools.note_begun(POOL, "video_2")
    assert sorted(store.pool().places, key=str) == [Place("video_1", "alice"), Place("video_2", "bob", begun=True)]


def test_a_video_without_a_place_is_not_recorded_as_started(store: Store) -> None:
    started = store.start(store.accept(queued()))
    store.videos.save(started, started.ended(NOW, FAILURE))
    store.pools.note_begun(POOL, "video_1")
    assert store.pool().places == ()


def test_with_fewer_places_than_running_videos_nothing_starts_until_enough_are_free(store: Store) -> None:
    held = [store.start(store.accept(queued(f"video_{number}"))) for number in range(4)]
    waiting = store.accept(queued("video_9"))
    for left, video in zip((4, 3), held, strict=False):
        assert store.pool().taken == left
        with pytest.raises(NoPlace):
            store.start(waiting, places=3)
        store.videos.save(video, video.ended(NOW, FAILURE))
    assert store.start(waiting, places=3).place == POOL
    assert (store.pool().taken, len(store.pool().places)) == (3, 3)


def test_a_pool_without_places_starts_nothing(store: Store) -> None:
    with pytest.raises(NoPlace):
        store.start(store.accept(queued()), places=0)
    assert store.pool().places == ()


def test_a_count_is_set_to_the_number_of_places_unless_it_has_changed_since(store: Store) -> None:
    store.start(store.accept(queued("video_1")))
    seen = store.pool()
    store.start(store.accept(queued("video_2")))
    store.pools.recount(seen)
    assert store.pool().taken == 2


# --- places of an earlier release ------------------------------------------------------------------------------------


@dataclass
class Upgraded:
    """The tables as release 0.2 leaves them, and this version's adapters over them."""

    stack: Stack | SimulatedStack

    def __post_init__(self) -> None:
        self.store = Store(
            self.stack.videos, self.stack.pools, DynamoClaims(self.stack.tables, LEDGER), self.stack.quotas
        )
        self.ledger = self.stack.dynamodb.Table(LEDGER)

    def hold(self, *videos: Video) -> list[Video]:
        """Write rows that hold a place, as release 0.2 records it."""
        for video in videos:
            self.stack.dynamodb.Table(VIDEOS).put_item(Item=row_item(video))
            self.ledger.update_item(
                Key=pool_key(POOL),
                UpdateExpression="ADD running :id",
                ExpressionAttributeValues={":id": {video.id}},
            )
        return list(videos)

    def start_as_before(self, video_id: str) -> None:
        """Take a place as the dispatcher of release 0.2 does."""
        self.ledger.update_item(
            Key=pool_key(POOL),
            UpdateExpression="ADD running :id",
            ConditionExpression="attribute_not_exists(running) OR size(running) < :places",
            ExpressionAttributeValues={":id": {video_id}, ":places": PLACES_BEFORE},
        )

    def move(self) -> None:
        """Move the recorded places, as `dispatch` does."""
        pool = self.store.pool()
        assert pool.earlier is not None
        rows = self.stack.videos.get_many(sorted(pool.earlier)).values()
        self.stack.pools.move(POOL, pool.earlier, [Place(row.id, row.owner) for row in rows if row.place == POOL])

    @property
    def noted(self) -> Any:
        """Return the places in the pool's item, in the format of release 0.2."""
        return self.ledger.get_item(Key=pool_key(POOL)).get("Item", {}).get("running")


@pytest.fixture(params=["dynamodb", "simulated"])
def upgraded(request: pytest.FixtureRequest, stack: Stack) -> Upgraded:
    return Upgraded(stack if request.param == "dynamodb" else SimulatedStack())


def test_places_of_an_earlier_release_are_read_and_moved(upgraded: Upgraded) -> None:
    upgraded.hold(running("video_1"), starting("video_2", owner="bob"))
    pool = upgraded.store.pool()
    assert (pool.places, pool.earlier) == ((), frozenset({"video_1", "video_2"}))
    upgraded.move()
    pool = upgraded.store.pool()
    assert sorted(pool.places, key=str) == [Place("video_1", "alice"), Place("video_2", "bob")]
    assert (pool.taken, pool.earlier, upgraded.noted) == (2, None, SEAL)


def test_a_place_that_its_video_does_not_hold_is_not_moved(upgraded: Upgraded) -> None:
    upgraded.hold(running("video_1"), running("video_2").ended(NOW, FAILURE))
    upgraded.start_as_before("video_gone")
    upgraded.move()
    assert upgraded.store.pool().running == {"video_1"}
    assert upgraded.store.pool().taken == 1


def test_nothing_starts_while_places_have_not_been_moved(upgraded: Upgraded) -> None:
    upgraded.hold(running("video_1"))
    waiting = upgraded.store.accept(queued("video_2"))
    with pytest.raises(NoPlace):
        upgraded.store.start(waiting)
    upgraded.move()
    assert upgraded.store.start(waiting).place == POOL
    assert upgraded.store.pool().taken == 2


@pytest.mark.parametrize("begin", ["a pool that was used", "a pool that was not"])
def test_a_dispatcher_of_the_earlier_release_sees_a_full_pool(upgraded: Upgraded, begin: str) -> None:
    if begin == "a pool that was used":
        upgraded.hold(running("video_1"))
        upgraded.move()
    upgraded.store.start(upgraded.store.accept(queued("video_2")))
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        upgraded.start_as_before("video_3")
    assert upgraded.noted == SEAL


def test_places_that_changed_since_they_were_read_are_not_moved(upgraded: Upgraded) -> None:
    upgraded.hold(running("video_1"))
    seen = upgraded.store.pool()
    assert seen.earlier is not None
    upgraded.start_as_before("video_2")
    upgraded.stack.pools.move(POOL, seen.earlier, [Place("video_1", "alice")])
    assert upgraded.store.pool().places == ()
    assert upgraded.store.pool().earlier == frozenset({"video_1", "video_2"})


def test_more_places_than_one_transaction_can_write_are_moved_one_after_the_other(upgraded: Upgraded) -> None:
    ids = {f"video_{number:03d}" for number in range(150)}
    upgraded.ledger.put_item(Item={**pool_key(POOL), "running": ids})
    for left in (150, 51, 0):
        pool = upgraded.store.pool()
        noted = pool.earlier or frozenset()
        assert (len(noted - SEAL), pool.taken, len(pool.places)) == (left, 150 - left, 150 - left)
        if noted:
            held = [Place(video_id, "alice") for video_id in sorted(noted - SEAL)]
            upgraded.stack.pools.move(POOL, noted, held)
    assert upgraded.noted == SEAL


def test_a_place_is_freed_where_the_earlier_release_recorded_it(upgraded: Upgraded) -> None:
    (video, _) = upgraded.hold(running("video_1"), running("video_2"))
    upgraded.stack.videos.save(video, video.ended(NOW, FAILURE))
    assert upgraded.noted == {"video_2"}
    assert upgraded.store.pool().taken == 0
    assert upgraded.store.used(TODAY) == (0, 0)


@pytest.mark.parametrize("looks", [1, 2])
def test_a_place_that_is_moved_while_its_video_ends_is_freed_once(
    upgraded: Upgraded, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    (video, _) = upgraded.hold(running("video_1"), running("video_2"))
    after_attempt(monkeypatch, looks, upgraded.move)
    upgraded.stack.videos.save(video, video.ended(NOW, FAILURE))
    pool = upgraded.store.pool()
    assert (upgraded.stack.videos.get("video_1").place, pool.running) == (None, frozenset({"video_2"}))
    assert (pool.taken, upgraded.noted) == (1, SEAL)


def after_attempt(monkeypatch: pytest.MonkeyPatch, number: int, do: Callable[[], None]) -> None:
    """Call a function after the attempt of this number to write a transaction."""
    attempt = Transactions.attempt
    attempts = iter(range(1, 100))

    def attempted(writer: Transactions, actions: Any) -> Any:
        refusals = attempt(writer, actions)
        if next(attempts) == number:
            monkeypatch.setattr(Transactions, "attempt", attempt)
            do()
        return refusals

    monkeypatch.setattr(Transactions, "attempt", attempted)


def test_a_video_without_a_recorded_place_still_ends(upgraded: Upgraded) -> None:
    started = upgraded.store.start(upgraded.store.accept(queued()))
    upgraded.ledger.delete_item(Key=place_key(POOL, "video_1"))
    ended = upgraded.stack.videos.save(started, started.ended(NOW, FAILURE))
    assert (ended.place, upgraded.store.used()) == (None, (0, 0))
    assert upgraded.store.pool().taken == 1  # `sweep` corrects it


def test_a_row_that_another_writer_changed_frees_nothing_in_either_format(upgraded: Upgraded) -> None:
    (video,) = upgraded.hold(running("video_1"))
    upgraded.stack.videos.save(video, video.task_seen(NOW + 1, video.task, 2) if video.task else video)
    with pytest.raises(VideoChanged):
        upgraded.stack.videos.save(video, video.ended(NOW, FAILURE))
    assert upgraded.noted == {"video_1"}
    upgraded.move()
    with pytest.raises(VideoChanged):
        upgraded.stack.videos.save(video, video.ended(NOW, FAILURE))
    assert upgraded.store.pool().running == {"video_1"}


def test_after_a_rollback_and_an_update_places_of_the_earlier_release_are_moved_again(upgraded: Upgraded) -> None:
    upgraded.store.start(upgraded.store.accept(queued("video_1")))
    # Its sweep takes the seal for leaked places, and its dispatcher then starts videos.
    upgraded.ledger.update_item(
        Key=pool_key(POOL), UpdateExpression="DELETE running :seal", ExpressionAttributeValues={":seal": set(SEAL)}
    )
    upgraded.hold(running("video_2"))
    assert upgraded.store.pool().earlier == frozenset({"video_2"})
    upgraded.move()
    assert upgraded.store.pool().running == {"video_1", "video_2"}
    assert (upgraded.store.pool().taken, upgraded.noted) == (2, SEAL)
    assert upgraded.store.pools.used_by([STACK], TODAY)[STACK] == 5
