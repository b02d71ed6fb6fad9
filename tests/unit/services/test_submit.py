"""submit: a video is always submitted at most once, and a task that was created is not lost."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.examples import examples
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, Reply, lost_tasks
from tests.fakes.world import FakeClock, Killed
from tools.harness.samples import NOW, TODAY, made, queued, running, starting, submitting
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.names import imported_id
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.submission import SubmissionState
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    VideoChanged,
    WanError,
    WanRefused,
    WanThrottled,
    WanUnauthorized,
    WanUncertain,
    WanUnreachable,
)
from wan_video.services.reconcile import Reconcile
from wan_video.services.submit import Outcome, Submit, Submitted

THROTTLED = WanThrottled("Throttling.RateQuota", "Requests rate limit exceeded.", status=429)
BUSY = WanThrottled("ModelUnavailable", "Model is unavailable.", status=503)
UNREACHABLE = WanUnreachable("ConnectionFailed", "No connection to Wan in singapore.")
REFUSED = WanRefused("DataInspectionFailed", "Input data may contain inappropriate content.", status=400)
UNAUTHORIZED = WanUnauthorized("InvalidApiKey", "Invalid API-key provided.", status=401)
LOST = WanUncertain("AnswerLost", "ReadTimeout from Wan in singapore")
FAILURE = Failure("DataInspectionFailed", "No.", "submit", False)


@dataclass
class World:
    """One video, its row, Wan, and the service."""

    video: Video = field(default_factory=starting)
    wan: FakeWan = field(default_factory=FakeWan)
    clock: FakeClock = field(default_factory=FakeClock)
    noted: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.video)
        self.wan.clock = self.clock
        self.submit = Submit(
            self.store,
            self.wan,
            Reconcile(self.store, lost_tasks(self.wan, self.store, self.store), self.clock, grace=600),
            self.clock,
            lambda video_id, task_id: self.noted.append((video_id, task_id)),
        )

    def __call__(self) -> Submitted:
        return self.submit(self.video.id)

    @property
    def row(self) -> Video:
        return self.store.get(self.video.id)

    @property
    def state(self) -> SubmissionState | None:
        assert self.row.submission is not None
        return self.row.submission.state

    @property
    def attempts(self) -> int:
        return self.row.submission.attempt if self.row.submission is not None else 0


def reply(error: BaseException, *, accepted: bool = False) -> FakeWan:
    return FakeWan(replies=[Reply(accepted, error)])


# --- the answers of Wan ----------------------------------------------------------------------------------------------


def test_a_video_is_submitted_and_its_task_is_saved() -> None:
    world = World()
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    task = world.row.task
    assert task is not None
    assert (task.id, task.status, task.request_id, task.accepted_at) == (
        "task-1",
        "PENDING",
        "request-1",
        1_780_000_000,
    )
    assert (world.row.status, world.state) == (Status.IN_PROGRESS, SubmissionState.SUBMITTED)
    assert world.wan.posts == [world.video.request]


def test_the_intent_is_saved_before_the_post() -> None:
    world = World()
    seen: list[SubmissionState | None] = []
    world.wan.during_post = lambda: seen.append(world.state)
    world()
    assert seen == [SubmissionState.SUBMITTING]


def test_without_a_saved_intent_there_is_no_post() -> None:
    world = World()
    world.store.before_write = _die
    with pytest.raises(Killed):
        world()
    assert not world.wan.posts


@pytest.mark.parametrize("error", [THROTTLED, UNREACHABLE])
def test_throttling_withdraws_the_intent_and_raises_so_that_it_can_be_sent_again(error: WanError) -> None:
    world = World(wan=reply(error))
    with pytest.raises(type(error)):
        world()
    assert (world.state, world.row.place is not None, world.row.reservation is not None) == (None, True, True)
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    assert (len(world.wan.posts), world.attempts, len(world.wan.task_ids)) == (2, 2, 1)


@pytest.mark.parametrize("error", [THROTTLED, UNREACHABLE])
def test_throttling_for_more_than_a_day_ends_the_video_without_cost(error: WanError) -> None:
    world = World(wan=reply(error))
    world.clock.advance(DAY_SECONDS + 1)
    assert world() == Submitted(Outcome.REFUSED)
    assert world.row.error is not None
    assert (world.row.error.code, world.row.error.retryable) == (error.code, True)
    assert (world.row.place, world.store.used("alice", TODAY), world.store.used(STACK, TODAY)) == (None, 0, 0)


def test_throttling_for_exactly_a_day_is_still_retried() -> None:
    world = World(wan=reply(THROTTLED))
    world.clock.advance(DAY_SECONDS)
    with pytest.raises(WanThrottled):
        world()


@pytest.mark.parametrize(("error", "is_throttled"), [(THROTTLED, True), (BUSY, False), (UNREACHABLE, False)])
def test_a_429_is_written_to_the_row_until_the_next_attempt(error: WanError, is_throttled: bool) -> None:
    world = World(wan=FakeWan([Reply(accepted=False, error=error), Reply(accepted=False, error=REFUSED)]))
    world.clock.advance(30)
    with pytest.raises(type(error)):
        world()
    assert world.row.throttled_at == (NOW + 30 if is_throttled else None)
    world()
    assert world.row.throttled_at is None


def test_a_refusal_is_saved_with_wans_own_message_and_costs_nothing() -> None:
    world = World(wan=reply(REFUSED))
    assert world() == Submitted(Outcome.REFUSED)
    assert world.row.error == Failure("DataInspectionFailed", REFUSED.message, "submit", False)
    assert (world.state, world.row.place) == (SubmissionState.REFUSED, None)
    assert (world.store.used("alice", TODAY), world.store.used(STACK, TODAY)) == (0, 0)
    assert world() == Submitted(Outcome.REFUSED)
    assert len(world.wan.posts) == 1


@pytest.mark.parametrize("accepted", [True, False])
def test_a_lost_answer_is_uncertain_and_is_not_sent_again(accepted: bool) -> None:
    world = World(wan=reply(LOST, accepted=accepted))
    assert [world() for _ in range(3)] == [Submitted(Outcome.UNCERTAIN)] * 3
    assert len(world.wan.posts) == 1
    assert world.state is SubmissionState.UNCERTAIN
    assert world.row.condition is not None
    assert (world.row.condition.code, world.row.condition.since) == ("submission_uncertain", 1_780_000_000)
    assert world.row.reservation == Reservation(TODAY, 5)


def test_the_next_calls_find_the_outcome_of_a_lost_answer() -> None:
    world = World(wan=reply(LOST, accepted=True))
    world()
    world.clock.advance(60)
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    assert (world.row.condition, len(world.wan.posts)) == (None, 1)


# --- what Wan accepted is never lost ---------------------------------------------------------------------------------


def test_a_task_is_logged_before_the_row_is_saved() -> None:
    world = World()

    def die_at_the_second_write(video: Video) -> None:
        if video.task is not None:
            raise Killed

    world.store.before_write = die_at_the_second_write
    with pytest.raises(Killed):
        world()
    assert world.noted == [("video_1", "task-1")]


def test_the_task_of_a_video_that_ended_in_the_meantime_becomes_its_own_video() -> None:
    world = World()
    world.wan.during_post = lambda: world.store.save(world.row, world.row.ended(1_780_000_000, FAILURE))
    assert world() == Submitted(Outcome.OVER)
    assert (world.row.status, world.row.task) == (Status.FAILED, None)
    rescued = world.store.get(imported_id("alice", "singapore", "task-1"))
    assert (rescued.status, rescued.request, rescued.owner) == (Status.STARTING, world.video.request, "alice")
    assert rescued.task == Task("task-1", 1_780_000_000)


def test_a_task_that_an_equal_request_has_claimed_stays_with_it() -> None:
    other = submitting("video_2")
    world = World()
    world.store.add(other)
    taken = Task("task-1", 1_780_000_000)
    world.wan.during_post = lambda: world.store.save(other, other.submitted(1_780_000_000, taken))
    assert world() == Submitted(Outcome.UNCERTAIN)
    assert (world.row.task, world.row.in_doubt) == (None, True)


def test_an_answer_after_its_attempt_was_withdrawn_still_belongs_to_the_video() -> None:
    world = World()

    def prove_it_absent() -> None:
        doubtful = world.row.submission_uncertain(1_780_000_000)
        for began in (1_780_000_600, 1_780_000_630):
            doubtful = doubtful.scanned(began, empty=True, grace=600)
        world.store.save(world.row, doubtful.resent(1_780_000_630))

    world.wan.during_post = prove_it_absent
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    assert len(world.wan.posts) == 1


def test_the_answer_of_a_first_attempt_beside_a_second_makes_two_videos() -> None:
    world = World()

    def have_it_found() -> None:
        world.store.save(world.row, world.row.submitted(1_780_000_000, Task("task-9", 1_780_000_000)))

    world.wan.during_post = have_it_found
    assert world() == Submitted(Outcome.SUBMITTED, "task-9")
    assert world.store.get(imported_id("alice", "singapore", "task-1")).task == Task("task-1", 1_780_000_000)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_rotated_key_makes_two_attempts_of_one_post_each() -> None:
    world = World(wan=FakeWan(replies=[Reply(False, UNAUTHORIZED)], fresh_keys=[True]))
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    assert (len(world.wan.posts), world.attempts, world.wan.refreshes) == (2, 2, 1)


def test_an_unchanged_key_is_not_tried_again() -> None:
    world = World(wan=FakeWan(replies=[Reply(False, UNAUTHORIZED)], fresh_keys=[False]))
    assert world() == Submitted(Outcome.REFUSED)
    assert len(world.wan.posts) == 1
    assert world.row.error is not None
    assert world.row.error.code == "InvalidApiKey"
    assert "singapore" in world.row.error.message


def test_a_new_key_that_is_also_wrong_fails_the_submission() -> None:
    world = World(wan=FakeWan(replies=[Reply(False, UNAUTHORIZED)] * 2, fresh_keys=[True, True]))
    assert world() == Submitted(Outcome.REFUSED)
    assert (len(world.wan.posts), world.wan.refreshes) == (2, 1)


def test_a_missing_key_is_refused_without_an_intent() -> None:
    world = World(wan=FakeWan(has_key=False))
    assert world() == Submitted(Outcome.REFUSED)
    assert (world.row.submission, world.row.place, len(world.wan.posts)) == (None, None, 0)
    assert world.row.error is not None
    assert (world.row.error.code, world.row.error.stage) == ("KeyMissing", "submit")


# --- crashes and races -----------------------------------------------------------------------------------------------


def _die(_: object = None) -> None:
    raise Killed


def test_a_worker_killed_between_answer_and_save_leaves_doubt_and_not_a_second_post() -> None:
    world = World()

    def die_at_the_second_write(video: Video) -> None:
        if video.task is not None:
            raise Killed

    world.store.before_write = die_at_the_second_write
    with pytest.raises(Killed):
        world()
    assert world.state is SubmissionState.SUBMITTING
    assert world() == Submitted(Outcome.UNCERTAIN)
    assert world() == Submitted(Outcome.UNCERTAIN)
    assert len(world.wan.posts) == len(world.wan.task_ids) == 1


def test_a_worker_killed_in_the_post_leaves_doubt_and_not_a_second_post() -> None:
    world = World(wan=reply(Killed(), accepted=True))
    with pytest.raises(Killed):
        world()
    assert world() == Submitted(Outcome.UNCERTAIN)
    assert len(world.wan.posts) == 1


def test_an_unexpected_error_also_leaves_doubt() -> None:
    world = World(wan=reply(ZeroDivisionError(), accepted=True))
    with pytest.raises(ZeroDivisionError):
        world()
    assert world() == Submitted(Outcome.UNCERTAIN)
    assert len(world.wan.posts) == 1


def test_a_lost_answer_to_the_last_save_changes_nothing() -> None:
    world = World()
    world.store.after_write = lambda video: _die() if video.task is not None else None
    with pytest.raises(Killed):
        world()
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    assert len(world.wan.posts) == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(Reply(), Outcome.SUBMITTED), (Reply(False, REFUSED), Outcome.REFUSED)],
)
def test_a_second_worker_that_calls_the_attempt_uncertain_does_not_cost_the_first_ones_answer(
    answer: Reply, outcome: Outcome
) -> None:
    world = World(wan=FakeWan(replies=[answer]))
    second: list[Submitted] = []
    world.wan.during_post = lambda: second.append(world())
    assert world().outcome is outcome
    assert second == [Submitted(Outcome.UNCERTAIN)]
    assert not world.row.in_doubt
    assert len(world.wan.posts) == 1
    assert world().outcome is outcome


def test_a_second_worker_does_not_keep_the_first_from_withdrawing_its_intent() -> None:
    world = World(wan=reply(THROTTLED))
    world.wan.during_post = world
    with pytest.raises(WanThrottled):
        world()
    world.wan.during_post = lambda: None
    assert world.row.condition is None
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")


def test_a_row_that_keeps_changing_is_given_up() -> None:
    world = World()

    def touch(video: Video) -> None:
        if video.task is not None:
            row = world.row
            world.store.before_write = lambda _: None
            world.store.save(row, row.restarted(row.updated_at, 9))
            world.store.before_write = touch
            raise VideoChanged(video.id)

    world.store.before_write = touch
    with pytest.raises(VideoChanged):
        world()
    assert world.row.in_doubt
    assert len(world.wan.posts) == 1


# --- videos in other states ------------------------------------------------------------------------------------------


def test_a_video_with_a_task_is_not_submitted_again() -> None:
    for video in (running(), made()):
        world = World(video=video)
        assert world() == Submitted(Outcome.SUBMITTED, "task-of-video_1")
        assert not world.wan.posts


def test_a_final_video_is_left_unchanged() -> None:
    world = World(video=running().ended(1_780_000_000, FAILURE))
    assert world() == Submitted(Outcome.OVER)
    assert (world.wan.posts, world.row) == ([], world.video)


def test_a_video_found_in_submitting_is_uncertain_without_a_post() -> None:
    world = World(video=submitting())
    assert world() == Submitted(Outcome.UNCERTAIN)
    assert not world.wan.posts


def test_a_video_that_was_never_started_or_does_not_exist_is_not_submitted() -> None:
    world = World(video=queued())
    with pytest.raises(Exception, match="queued"):
        world()
    assert world.submit("video_2") == Submitted(Outcome.OVER)
    assert not world.wan.posts


def test_a_task_is_not_lost_if_the_table_fails_after_the_post() -> None:
    world = World()

    def fail(row: Video) -> None:
        if row.task is not None:
            raise ConnectionError("the table is out of reach")

    world.store.before_write = fail
    assert world() == Submitted(Outcome.SUBMITTED, "task-1")
    assert len(world.wan.posts) == 1


def test_a_stack_that_cannot_submit_gives_up_after_a_day_without_cost() -> None:
    world = World()
    world.wan.broken = ConnectionError("no secret")
    with pytest.raises(ConnectionError):
        world()
    world.clock.advance(24 * 3600 + 1)
    assert world() == Submitted(Outcome.REFUSED)
    assert world.row.error is not None
    assert (world.row.error.code, world.row.place) == ("submission_failed", None)


# --- any sequence of errors ------------------------------------------------------------------------------------------

CERTAIN_NOS = [Reply(False, error) for error in (THROTTLED, UNREACHABLE, REFUSED, UNAUTHORIZED)]
DOUBTS = [Reply(accepted, error) for accepted in (True, False) for error in (LOST, Killed(), ZeroDivisionError())]


class AnyTrouble(RuleBasedStateMachine):
    """Submits one video repeatedly with every kind of error, and counts what Wan accepted."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.posts_when_in_doubt: int | None = None

    @rule(reply=st.sampled_from([Reply(), *CERTAIN_NOS, *DOUBTS]), rotated=st.booleans())
    def submit(self, reply: Reply, rotated: bool) -> None:
        self.run([reply], rotated)

    @rule(write=st.integers(1, 3), before=st.booleans())
    def submit_and_be_killed_at_a_write(self, write: int, before: bool) -> None:
        writes = iter(range(1, 10))

        def die(_: Video) -> None:
            if next(writes) == write:
                raise Killed

        if before:
            self.world.store.before_write = die
        else:
            self.world.store.after_write = die
        self.run([], False)

    @rule()
    def submit_while_another_worker_does(self) -> None:
        world = self.world

        def another_worker() -> None:
            world.wan.during_post = lambda: None
            world()

        world.wan.during_post = another_worker
        self.run([], False)

    @rule(seconds=st.sampled_from([1, 3600, DAY_SECONDS, DAY_SECONDS + 1]))
    def wait(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    def run(self, replies: list[Reply], rotated: bool) -> None:
        world = self.world
        world.wan.replies = replies
        world.wan.fresh_keys = [rotated]
        before = (len(world.wan.posts), world.attempts)
        doubtful = world.row.in_doubt
        try:
            world()
        except (WanError, VideoChanged, Killed, ZeroDivisionError):
            pass
        finally:
            world.store.before_write = world.store.after_write = lambda _: None
            world.wan.during_post = lambda: None
            world.wan.replies = []
        posts = len(world.wan.posts) - before[0]
        assert posts <= world.attempts - before[1]
        assert not (doubtful and posts)

    @invariant()
    def at_most_one_task_was_made(self) -> None:
        assert len(self.world.wan.task_ids) <= 1

    @invariant()
    def a_task_that_was_made_is_known_or_in_doubt(self) -> None:
        row = self.world.row
        if self.world.wan.task_ids:
            assert row.in_doubt or (row.task is not None and row.task.id == self.world.wan.task_ids[0])


AnyTrouble.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=12, deadline=None)
test_no_trouble_makes_two_tasks_of_one_video = AnyTrouble.TestCase
