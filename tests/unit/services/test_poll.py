"""poll: only Wan's answer or the task's age ends a video, and the place is freed as soon as the task has ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.world import FakeClock
from tools.harness.samples import LINK, TODAY, made, queued, request, running, submitting, succeeded
from wan_video.domain.budget import STACK, Usage
from wan_video.domain.image import Image
from wan_video.domain.models import Region, Size, Tier
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.task import TaskAnswer
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    VideoChanged,
    WanError,
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUnavailable,
    WanUnreachable,
)
from wan_video.services.poll import Outcome, Poll, Polled

TASK = "task-of-video_1"
NO_ANSWERS = [
    WanThrottled("Throttling.RateQuota", "Requests rate limit exceeded.", status=429),
    WanUnreachable("ConnectionFailed", "No connection."),
    WanUnavailable("AnswerLost", "ReadTimeout"),
    WanUnavailable("Http502", "", status=502),
    WanRefused("NotFound", "Not found!", status=404),
    WanUnauthorized("InvalidApiKey", "Invalid API-key provided.", status=401),
]


@dataclass
class World:
    """One running video, its row, Wan, and the service."""

    video: Video = field(default_factory=running)
    wan: FakeWan = field(default_factory=FakeWan)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.video)
        self.alarms = 0
        self.poll = Poll(self.store, self.wan, self.clock, on_trouble=self._ring)

    def __call__(self, *answers: TaskAnswer | Exception, execution: int = 1) -> Polled:
        self.wan.answers += answers
        return self.poll(self.video.id, TASK, execution)

    def _ring(self) -> None:
        self.alarms += 1

    def hiccup(self, trouble: TaskAnswer | WanError) -> None:
        """Poll without a result, 150 seconds after the last poll."""
        self.clock.advance(150)
        if isinstance(trouble, WanError):
            with pytest.raises(WanError):
                self(trouble)
        else:
            assert self(trouble).outcome is Outcome.RUNNING

    @property
    def row(self) -> Video:
        return self.store.get(self.video.id)

    @property
    def used(self) -> tuple[int, int]:
        return self.store.used("alice", TODAY), self.store.used(STACK, TODAY)

    @property
    def places(self) -> set[str]:
        return set(self.store.pool("singapore#wan2.6-t2v").running)


def answer(status: str, **wanted: Any) -> TaskAnswer:
    return TaskAnswer(task_id=TASK, status=status, **wanted)


# --- still running ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "SUSPENDED", "UNKNOWN", "running", "Resting", "???"])
def test_any_state_that_is_not_final_continues(word: str) -> None:
    world = World()
    assert world(answer(word)) == Polled(Outcome.RUNNING, word.upper())
    assert world.row.status is Status.IN_PROGRESS
    assert world.places == {"video_1"}
    assert world.used == (5, 5)


def test_only_news_is_saved() -> None:
    world = World()
    running_now = answer("RUNNING", submit_time="2026-05-29 04:26:40.000", scheduled_time="2026-05-29 04:26:41.000")
    world(running_now)
    version = world.row.version
    world(running_now)
    assert world.row.version == version
    assert world.row.task is not None
    assert (world.row.task.status, world.row.task.scheduled_time) == ("RUNNING", "2026-05-29 04:26:41.000")


def test_an_answer_without_a_time_does_not_erase_it() -> None:
    world = World()
    world(answer("RUNNING", submit_time="2026-05-29 04:26:40.000"), answer("RUNNING"))
    world()
    assert world.row.task is not None
    assert world.row.task.submit_time == "2026-05-29 04:26:40.000"


def test_the_row_records_the_polling_execution() -> None:
    world = World()
    world(answer("PENDING"), execution=4)
    assert world.row.execution == 4


@pytest.mark.parametrize("error", NO_ANSWERS)
def test_an_unanswered_query_ends_nothing(error: WanError) -> None:
    world = World()
    with pytest.raises(type(error)):
        world(error)
    assert (world.row.status, world.row.task, world.row.condition) == (Status.IN_PROGRESS, world.video.task, None)


def test_an_unknown_task_continues_before_24_hours_and_has_expired_after_them() -> None:
    world = World()
    world.clock.advance(DAY_SECONDS)
    assert world(answer("UNKNOWN")).outcome is Outcome.RUNNING
    world.clock.advance(1)
    assert world(answer("UNKNOWN")) == Polled(Outcome.EXPIRED, "UNKNOWN")
    assert world.row.error is not None
    assert world.row.error.code == "task_expired"


@pytest.mark.parametrize("word", ["PENDING", "RUNNING", "UNKNOWN"])
def test_a_task_that_is_older_than_wan_keeps_tasks_has_expired(word: str) -> None:
    world = World()
    world.clock.advance(DAY_SECONDS + 1)
    assert world(answer(word)).outcome is Outcome.EXPIRED


@pytest.mark.parametrize("error", NO_ANSWERS)
def test_a_task_that_can_no_longer_be_queried_has_expired_and_counts_as_paid(error: WanError) -> None:
    world = World()
    world.clock.advance(DAY_SECONDS + 1)
    assert world(error).outcome is Outcome.EXPIRED
    assert world.row.error is not None
    ended = world.store.save(world.row, world.row.ended(int(world.clock.now()), world.row.error))
    assert (ended.status, ended.spent_seconds, world.used, world.places) == (Status.EXPIRED, 5, (5, 5), set())


# --- success ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["SUCCEEDED", "succeeded"])
def test_success_frees_the_place_before_the_copy_and_settles_the_budget(word: str) -> None:
    world = World()
    assert world(succeeded(TASK, status=word, seconds=4)) == Polled(Outcome.SUCCEEDED, "SUCCEEDED")
    assert (world.places, world.used) == (set(), (4, 4))
    assert world.row.usage == Usage(4, Decimal("2.935696"), "CNY")
    assert world.row.status is Status.IN_PROGRESS


def test_success_takes_precedence_over_age() -> None:
    world = World()
    world.clock.advance(2 * DAY_SECONDS)
    assert world(succeeded(TASK)).outcome is Outcome.SUCCEEDED


def test_missing_usage_is_taken_from_the_request_at_the_list_price() -> None:
    wanted = request(model="wan2.5-t2v-preview", region=Region.BEIJING, size=Size(832, 480), seconds=10)
    world = World(video=running(request=wanted))
    world(succeeded(TASK, seconds=None))
    assert world.row.usage == Usage(10, Decimal("3.0"), "CNY")


def test_the_link_is_not_stored() -> None:
    world = World()
    world(succeeded(TASK))
    assert LINK not in repr(world.row)
    assert "CANARY" not in repr(world.row)


def test_success_is_returned_again_without_another_query() -> None:
    world = World(video=made())
    assert world() == Polled(Outcome.SUCCEEDED, "SUCCEEDED")
    assert (world.wan.queries, world.row) == ([], world.video)


def test_success_without_a_link_is_queried_again_and_becomes_a_named_error_after_a_day() -> None:
    world = World()
    assert world(succeeded(TASK, video_url=None)).outcome is Outcome.RUNNING
    assert world(succeeded(TASK)).outcome is Outcome.SUCCEEDED
    late = World()
    late.clock.advance(DAY_SECONDS + 1)
    assert late(succeeded(TASK, video_url=None)) == Polled(Outcome.FAILED, "SUCCEEDED")
    assert late.row.error is not None
    assert late.row.error.code == "result_missing"
    late.store.save(late.row, late.row.ended(int(late.clock.now()), late.row.error))
    assert late.used == (5, 5)


# --- the other ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "retryable"),
    [("DataInspectionFailed", False), ("InternalError.Algo", True), ("InternalError.Timeout", False), (None, False)],
)
def test_a_failed_task_costs_nothing_and_keeps_wans_message(code: str | None, retryable: bool) -> None:
    world = World()
    failed = TaskAnswer(task_id=TASK, status="FAILED", code=code, message="The size is not match")
    assert world(failed) == Polled(Outcome.FAILED, "FAILED")
    assert world.row.error == Failure(code or "task_failed", "The size is not match", "poll", retryable)
    assert (world.places, world.used) == (set(), (0, 0))
    assert not world.row.status.final
    assert world() == Polled(Outcome.FAILED, "FAILED")
    assert len(world.wan.queries) == 1


def test_a_cancelled_task_is_cancelled() -> None:
    world = World()
    assert world(answer("CANCELED")) == Polled(Outcome.CANCELLED, "CANCELED")
    assert world() == Polled(Outcome.CANCELLED, "CANCELED")
    assert (world.places, world.used) == (set(), (0, 0))


def test_a_final_video_is_left_unchanged() -> None:
    ended = running().ended(1_780_000_000, Failure("x", "y", "poll", False))
    world = World(video=ended)
    assert world() == Polled(Outcome.OVER)
    assert (world.wan.queries, world.row) == ([], ended)


def test_two_workers_that_find_the_same_end_settle_it_once() -> None:
    world = World()
    before = world.row
    world(succeeded(TASK))
    stale = replace(before)
    with pytest.raises(VideoChanged):
        world.store.save(stale, stale.task_ended(1, Failure("x", "y", "poll", False)))
    assert world.used == (5, 5)


def test_a_deleted_video_is_final() -> None:
    world = World(video=queued())
    assert world.poll("video_2", TASK, 1) == Polled(Outcome.OVER)


def test_a_task_that_is_missing_in_the_row_is_saved() -> None:
    world = World(video=submitting())
    assert world(answer("RUNNING")).outcome is Outcome.RUNNING
    assert world.row.task is not None
    assert (world.row.task.id, world.row.in_doubt) == (TASK, False)


TROUBLES = [
    (WanUnavailable("Http502", "", status=502), "wan_unavailable"),
    (answer("UNKNOWN"), "task_unknown"),
    (answer("QUEUED_SOMEHOW"), "task_unknown"),
    (answer("SUCCEEDED"), "result_missing"),
]


@pytest.mark.parametrize(("trouble", "code"), TROUBLES)
def test_a_third_failed_poll_within_five_minutes_sets_the_condition_and_one_alarm(
    trouble: TaskAnswer | WanError, code: str
) -> None:
    world = World()
    world.hiccup(trouble)
    world.hiccup(trouble)
    assert (world.row.condition, world.alarms) == (None, 0)
    world.hiccup(trouble)
    world.hiccup(trouble)
    assert world.row.condition is not None
    assert (world.row.condition.code, world.alarms) == (code, 1)
    assert world.row.place is not None


def test_three_failed_polls_at_once_set_no_condition() -> None:
    world = World()
    for _ in range(3):
        world(answer("UNKNOWN"))
    assert world.row.condition is None


@pytest.mark.parametrize(("trouble", "_code"), TROUBLES)
def test_a_successful_poll_ends_the_condition_and_the_count(trouble: TaskAnswer | WanError, _code: str) -> None:
    world = World()
    for _ in range(3):
        world.hiccup(trouble)
    world(answer("RUNNING"))
    assert (world.row.condition, world.row.trouble) == (None, None)
    world.hiccup(trouble)
    assert world.row.condition is None


def test_success_without_a_link_is_queried_for_a_day_and_then_fails_with_a_named_error() -> None:
    world = World()
    world.clock.advance(DAY_SECONDS + 1)
    assert world(answer("SUCCEEDED")).outcome is Outcome.FAILED
    assert world.row.error is not None
    assert world.row.error.code == "result_missing"


@pytest.mark.parametrize(("audio", "price"), [(True, "1.5"), (False, "0.75")])
def test_a_silent_video_is_billed_at_its_own_price(audio: bool, price: str) -> None:
    wanted = request(
        model="wan2.6-i2v-flash",
        region=Region.BEIJING,
        size=None,
        resolution=Tier.P720,
        aspect_ratio="adaptive",
        first_frame=Image.unread("inputs/1"),
        audio=audio,
    )
    world = World(video=running(request=wanted))
    world(succeeded(TASK, seconds=5))
    assert world.row.usage == Usage(5, Decimal(price), "CNY")
