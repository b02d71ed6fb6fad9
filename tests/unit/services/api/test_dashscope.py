"""dashscope: a request that an SDK repeats is one video, and an intended second one is another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fakes.api import api_over
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeObjects, FakeRepeats
from tools.harness.samples import ALICE, BOB, DEFAULTS, NOW, TODAY, fields
from wan_video.adapters.clock import ScaledClock
from wan_video.domain.budget import Reservation
from wan_video.domain.digests import body_digest
from wan_video.domain.sender import Sender
from wan_video.domain.token import Token
from wan_video.domain.video import Status, Video
from wan_video.errors import BudgetExceeded, IdempotencyKeyReused, InvalidRequest, VideoGone, VideoNotCancellable
from wan_video.ports.clock import Clock
from wan_video.services.api.new_videos import Accepted
from wan_video.services.intake import Intake

POOL = "singapore#wan2.6-t2v"
BODY: dict[str, Any] = {"model": "wan2.6-t2v", "input": {"prompt": "a fox"}}
SECOND_GENERATION = Sender("session-1", waits_long=True)
OTHER_PROCESS = Sender("session-2", waits_long=True)
FIRST_GENERATION = Sender("session-1")


class World:
    """The service over rows in memory."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.repeats = FakeRepeats()
        self.objects = FakeObjects()
        self.api = api_over(
            self.store, self.store, self.store.batches, clock or self.clock, objects=self.objects, repeats=self.repeats
        )
        self.dashscope = self.api.dashscope

    def create(
        self,
        sender: Sender = SECOND_GENERATION,
        key: str | None = None,
        *,
        body: dict[str, Any] | None = None,
        caller: Token = ALICE,
    ) -> Accepted:
        return self.dashscope().create(caller, fields(), BODY if body is None else body, sender, key)

    def fetch(self, video: Video, sender: Sender = SECOND_GENERATION) -> Video | None:
        return self.dashscope().retrieve(ALICE, video.id, sender)

    def delete(self, video: Video) -> None:
        """Cancel, announce and delete a video."""
        cancelled = self.api.own_videos().cancel(ALICE, video.id)
        self.store.save(cancelled, cancelled.announced(NOW))
        self.api.own_videos().delete(ALICE, video.id)

    @property
    def waiting(self) -> int:
        """The number of waiting videos, each of which would be paid for."""
        return sum(line.waits for line in self.store.pool(POOL).lines)


# --- with a key ------------------------------------------------------------------------------------------------------


def test_one_key_makes_one_video_as_long_as_its_row_exists() -> None:
    world = World()
    first = world.create(key="aisdk_vid_1")
    world.fetch(first.video)
    world.clock.advance(365 * 86_400)
    again = world.create(OTHER_PROCESS, "aisdk_vid_1")
    assert (again.video, first.replayed, again.replayed) == (first.video, False, True)
    assert world.waiting == 1


def test_two_keys_make_two_videos_of_the_same_body() -> None:
    world = World()
    assert world.create(key="take-1").video.id != world.create(key="take-2").video.id
    assert world.waiting == 2


def test_a_key_with_another_body_is_refused_and_creates_nothing() -> None:
    world = World()
    world.create(key="aisdk_vid_1")
    with pytest.raises(IdempotencyKeyReused):
        world.create(key="aisdk_vid_1", body={**BODY, "parameters": {"seed": 1}})
    assert world.waiting == 1


def test_the_key_of_a_deleted_video_never_creates_another() -> None:
    world = World()
    world.delete(world.create(key="aisdk_vid_1").video)
    for _ in range(3):
        with pytest.raises(VideoGone):
            world.create(key="aisdk_vid_1")
    assert world.waiting == 0


def test_keys_of_the_two_apis_and_of_two_owners_are_independent() -> None:
    world = World()
    ids = {
        world.create(key="order-7").video.id,
        world.create(key="order-7", caller=BOB).video.id,
        world.api.new_videos().create(ALICE, fields(), {"prompt": "a fox"}, "order-7").id,
    }
    assert len(ids) == 3


def test_a_key_and_the_window_are_independent() -> None:
    world = World()
    assert world.create().video.id != world.create(key="order-7").video.id
    assert world.create().replayed


def test_fifty_simultaneous_requests_with_one_key_make_one_video() -> None:
    world = World()
    with ThreadPoolExecutor(50) as threads:
        made = list(threads.map(lambda _: world.create(key="aisdk_vid_1"), range(50)))
    assert len({one.video.id for one in made}) == world.waiting == 1
    assert sum(not one.replayed for one in made) == 1


def test_a_key_finds_its_video_even_if_the_request_would_be_refused_today() -> None:
    world = World()
    first = world.create(key="aisdk_vid_1")
    object.__setattr__(world.api.new_videos(), "intake", Intake(world.clock, DEFAULTS, daily_seconds=1))
    assert world.create(key="aisdk_vid_1").video == first.video


# --- without a key: the window ---------------------------------------------------------------------------------------


def test_three_attempts_of_a_second_generation_sdk_make_one_video() -> None:
    world = World()
    first = world.create()
    assert not first.replayed
    for _ in range(2):
        world.clock.advance(313)
        assert world.create() == Accepted(first.video, replayed=True)
    assert world.waiting == 1


@pytest.mark.parametrize(
    ("sender", "window"),
    [(SECOND_GENERATION, 660), (FIRST_GENERATION, 10), (Sender(), 10)],
    ids=["aigc2", "aigc", "curl"],
)
def test_the_window_starts_at_the_first_request(sender: Sender, window: int) -> None:
    world = World()
    first = world.create(sender)
    world.clock.advance(window - 1)
    assert world.create(sender).video == first.video
    world.clock.advance(1)
    later = world.create(sender)
    assert (later.video.id != first.video.id, later.replayed) == (True, False)


def test_the_window_is_in_real_time_at_any_speed_of_the_stacks_clock() -> None:
    real = FakeClock()
    world = World(ScaledClock(speed=1200, origin=NOW, real=real.now))
    first = world.create()
    real.advance(659)
    assert world.create().video == first.video
    real.advance(1)
    assert world.create().video.id != first.video.id


def test_the_first_fetch_of_the_same_session_closes_the_window() -> None:
    world = World()
    first = world.create()
    world.fetch(first.video)
    second = world.create()
    assert (second.video.id != first.video.id, second.replayed) == (True, False)
    assert world.create().video == second.video


def test_a_late_fetch_of_an_earlier_video_does_not_close_the_next_window() -> None:
    world = World()
    first = world.create().video
    world.fetch(first)
    second = world.create().video
    world.fetch(first)
    assert world.create() == Accepted(second, replayed=True)


def test_the_window_also_closes_on_a_fast_clock() -> None:
    real = FakeClock()
    world = World(ScaledClock(speed=1200, origin=NOW, real=real.now))
    first = world.create()
    real.advance(300)
    world.fetch(first.video)
    assert world.create().video.id != first.video.id


@pytest.mark.parametrize("sender", [OTHER_PROCESS, Sender(waits_long=True), Sender()], ids=repr)
def test_a_fetch_of_another_session_proves_nothing(sender: Sender) -> None:
    """The console, curl or another process reads the video while the SDK waits for an answer that was lost."""
    world = World()
    first = world.create()
    world.fetch(first.video, sender)
    world.clock.advance(313)
    assert world.create() == Accepted(first.video, replayed=True)
    assert world.waiting == 1


def test_a_process_that_fetches_another_processs_video_does_not_close_its_window() -> None:
    """The first process lost its answer and repeats the request; the second one was answered and queries the task."""
    world = World()
    first = world.create()
    assert world.create(OTHER_PROCESS) == Accepted(first.video, replayed=True)
    world.fetch(first.video, OTHER_PROCESS)
    assert world.create() == Accepted(first.video, replayed=True)
    assert world.waiting == 1


def test_a_fetch_by_another_owner_does_not_close_the_window() -> None:
    world = World()
    first = world.create()
    assert world.dashscope().retrieve(BOB, first.video.id, SECOND_GENERATION) is None
    assert world.create().video == first.video


def test_a_cancellation_of_the_same_session_closes_the_window() -> None:
    """Otherwise the next request with that body would return the cancelled task."""
    world = World()
    first = world.create()
    world.dashscope().cancel(ALICE, first.video.id, SECOND_GENERATION)
    again = world.create()
    assert (again.video.id != first.video.id, again.video.status) == (True, Status.QUEUED)


def test_a_refused_cancellation_also_closes_the_window() -> None:
    """The process knows the task, so its next request is no repetition; one of another process proves nothing."""
    world = World()
    first = world.create().video
    world.store.start(first, first.start(NOW, Reservation(TODAY, 5)), places=5, budgets={})
    for sender, replayed in ((OTHER_PROCESS, True), (SECOND_GENERATION, False)):
        with pytest.raises(VideoNotCancellable):
            world.dashscope().cancel(ALICE, first.id, sender)
        assert world.create().replayed is replayed


def test_fifty_simultaneous_requests_without_a_key_make_one_video() -> None:
    world = World()
    with ThreadPoolExecutor(50) as threads:
        made = list(threads.map(lambda _: world.create(), range(50)))
    assert len({one.video.id for one in made}) == world.waiting == 1
    assert sum(not one.replayed for one in made) == 1


def test_two_requests_of_one_process_never_make_a_third_video() -> None:
    """Both get the same task; each of them is repeated in turn and fetches the task in between."""
    world = World()
    first, twin = world.create(), world.create()
    assert first.video == twin.video
    world.fetch(first.video)
    repeated = [world.create() for _ in range(3)]
    assert len({one.video.id for one in repeated}) == 1
    assert world.waiting == 2


def test_the_second_request_stores_the_video_of_an_incomplete_first_under_the_same_id() -> None:
    """The first worker was killed between the two writes, or has not made the second one yet."""
    world = World()
    world.repeats.first("alice", body_digest(BODY), "dashscope\0abc", now=NOW, since=NOW - 660, session="session-1")
    second = world.create()
    assert second.replayed
    assert world.create().video == second.video
    assert world.waiting == 1


def test_after_a_deletion_the_same_request_creates_a_new_video() -> None:
    world = World()
    first = world.create().video
    world.delete(first)
    second = world.create()
    assert (second.video.id != first.id, second.replayed) == (True, False)
    assert world.create() == Accepted(second.video, replayed=True)
    assert world.waiting == 1


def test_fifty_simultaneous_requests_after_a_deletion_make_one_new_video() -> None:
    world = World()
    world.delete(world.create().video)
    with ThreadPoolExecutor(50) as threads:
        made = {one.video.id for one in threads.map(lambda _: world.create(), range(50))}
    assert len(made) == world.waiting == 1


def test_a_video_that_is_deleted_during_a_repetition_is_replaced_once() -> None:
    world = World()
    first = world.create().video
    accept = world.store.accept

    def deleted_meanwhile(video: Video) -> None:
        world.store.accept = accept  # type: ignore[method-assign]
        world.delete(first)
        accept(video)

    world.store.accept = deleted_meanwhile  # type: ignore[method-assign]
    assert world.create().video.id != first.id
    assert world.waiting == 1


def test_an_invalid_request_opens_no_window() -> None:
    world = World()
    with pytest.raises(InvalidRequest):
        world.dashscope().create(ALICE, fields(size="1x1"), BODY, SECOND_GENERATION)
    assert world.repeats.asked == {}


def test_a_repetition_finds_its_video_even_if_the_request_would_be_refused_today() -> None:
    """A deployment lowers the budget between two attempts; a refusal would make the caller pay elsewhere."""
    world = World()
    first = world.create()
    object.__setattr__(world.api.new_videos(), "intake", Intake(world.clock, DEFAULTS, daily_seconds=1))
    assert world.create() == Accepted(first.video, replayed=True)
    with pytest.raises(BudgetExceeded):
        world.create(body={**BODY, "parameters": {"seed": 1}})
    assert len(world.repeats.asked) == world.waiting == 1


def test_half_a_surrogate_pair_in_an_ignored_field_is_no_error() -> None:
    assert World().create(body={**BODY, "x": "\ud83d"}).video.status is Status.QUEUED
