"""cancel_task: a task that is PENDING at Wan is cancelled there, nothing is billed, and the row shows Wan's report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes.api import api_over
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, Reply, WanTask
from tests.fakes.world import FakeClock, FakeTopic
from tools.harness.samples import ALICE, DEFAULTS, TODAY, made, running, starting, submitting
from wan_video.domain.budget import STACK
from wan_video.domain.task import Task, TaskStatus
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    VideoNotCancellable,
    WanError,
    WanThrottled,
    WanUnauthorized,
    WanUnavailable,
    WanUnreachable,
)
from wan_video.services.announce import Announce
from wan_video.services.intake import Intake
from wan_video.services.poll import Outcome, Poll, Polled
from wan_video.services.report_failure import ReportFailure

POOL = "singapore#wan2.6-t2v"
TASK = "task-of-video_1"
LOST = WanUnavailable("AnswerLost", "ReadTimeout")


class World:
    """One video whose task is PENDING at Wan, the API and the steps of its execution."""

    def __init__(self, video: Video | None = None, *, status: str | None = "PENDING") -> None:
        self.video = running() if video is None else video
        self.clock = FakeClock()
        self.store = MemoryStore(self.video)
        self.wan = FakeWan(clock=self.clock)
        if status is not None:
            self.wan.tasks_made.append(WanTask(TASK, self.video.request, self.clock.now(), status))
        self.topic = FakeTopic()
        self.own_videos = api_over(
            self.store, self.store, self.store.batches, self.clock, wan=lambda: self.wan
        ).own_videos
        self.report_failure = ReportFailure(self.store, Announce(self.store, self.topic, self.clock), self.clock)

    @property
    def row(self) -> Video:
        return self.store.get("video_1")

    def cancel(self) -> Video:
        return self.own_videos().cancel(ALICE, "video_1")

    def poll(self) -> Polled:
        return Poll(self.store, self.wan, self.clock)("video_1", TASK, 1)

    def nothing_is_spent(self) -> bool:
        """Whether the place is free and no budget contains the video."""
        spent = [self.store.used(owner, TODAY) for owner in ("alice", STACK)]
        return self.row.spent_seconds == 0 and self.row.place is None and spent == [0, 0]


def test_a_pending_task_is_cancelled_at_wan_and_nothing_is_billed() -> None:
    world = World()
    cancelled = world.cancel()
    assert cancelled.status is Status.CANCELLED
    assert cancelled == world.row
    assert (world.wan.cancels, world.wan.queries) == ([TASK], [TASK])
    assert world.nothing_is_spent()


def test_the_running_execution_finds_the_end_and_announces_it_once() -> None:
    world = World()
    world.cancel()
    assert world.topic.events == []
    assert world.poll().outcome is Outcome.CANCELLED
    for _ in range(2):
        assert world.report_failure("video_1") is Status.CANCELLED
    assert [event["type"] for event in world.topic.events] == ["video.cancelled"]
    assert world.poll().outcome is Outcome.OVER
    assert world.wan.queries == [TASK]


def test_a_second_cancellation_returns_the_same_video_without_calling_wan() -> None:
    world = World()
    first = world.cancel()
    assert world.cancel() == first
    assert world.wan.cancels == [TASK]


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED", "CANCELED"])
def test_a_cancellation_that_wan_refuses_leaves_the_row_unchanged(status: str) -> None:
    world = World(status=status)
    with pytest.raises(VideoNotCancellable):
        world.cancel()
    assert world.row == world.video
    assert (world.wan.cancels, world.wan.queries) == ([TASK], [])


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        WanThrottled("Throttling.RateQuota", "Requests rate limit exceeded.", status=429),
        WanUnreachable("ConnectionFailed", "No connection."),
        WanUnauthorized("InvalidApiKey", "Invalid API-key provided.", status=401),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_cancellation_that_never_reached_wan_is_refused_and_the_video_continues(error: WanError) -> None:
    world = World()
    world.wan.cancel_replies.append(Reply(accepted=False, error=error))
    with pytest.raises(VideoNotCancellable):
        world.cancel()
    assert world.row == world.video
    assert world.poll().outcome is Outcome.RUNNING


def test_a_cancellation_with_a_lost_answer_is_refused_and_poll_finds_its_outcome() -> None:
    world = World()
    world.wan.cancel_replies.append(Reply(accepted=True, error=LOST))
    with pytest.raises(VideoNotCancellable):
        world.cancel()
    assert world.row == world.video
    assert world.poll().outcome is Outcome.CANCELLED
    assert world.report_failure("video_1") is Status.CANCELLED
    assert world.nothing_is_spent()


def test_a_poll_that_saves_the_end_first_is_no_conflict() -> None:
    world = World()
    polls: list[Polled] = []

    def execution_polls() -> None:
        world.wan.during_query = lambda: None
        polls.append(world.poll())

    world.wan.during_query = execution_polls
    assert world.cancel().status is Status.CANCELLED
    assert [polled.outcome for polled in polls] == [Outcome.CANCELLED]
    assert world.nothing_is_spent()


def test_an_execution_that_ends_and_announces_the_video_first_is_no_conflict() -> None:
    world = World()

    def execution_ends() -> None:
        world.wan.during_query = lambda: None
        world.poll()
        world.report_failure("video_1")

    world.wan.during_query = execution_ends
    cancelled = world.cancel()
    assert (cancelled.status, len(world.topic.events)) == (Status.CANCELLED, 1)
    assert world.nothing_is_spent()


def test_a_second_cancellation_that_wan_refuses_because_the_first_was_accepted_finds_the_end() -> None:
    world = World()
    refuse: Callable[..., None] = world.wan.cancel

    def both_at_once(*arguments: object) -> None:
        world.wan.cancel = refuse  # type: ignore[method-assign]
        assert world.cancel().status is Status.CANCELLED
        refuse(*arguments)

    world.wan.cancel = both_at_once  # type: ignore[method-assign, assignment]
    assert world.cancel().status is Status.CANCELLED
    assert world.nothing_is_spent()


def test_an_end_that_poll_saved_before_a_crash_is_completed() -> None:
    """The row says that Wan cancelled the task, but it has not been ended yet."""
    world = World(status="CANCELED")
    world.poll()
    assert world.row.status is Status.IN_PROGRESS
    assert world.cancel().status is Status.CANCELLED
    assert world.wan.cancels == []


def test_an_accepted_cancellation_that_wan_shows_late_is_finished_by_poll() -> None:
    world = World()
    world.wan.answers.append(LOST)
    assert world.cancel().status is Status.IN_PROGRESS
    assert world.poll().outcome is Outcome.CANCELLED


def test_a_task_that_runs_after_an_accepted_cancellation_is_not_cancelled() -> None:
    world = World()
    world.wan.cancel_replies.append(Reply(accepted=False))
    world.wan.during_query = lambda: setattr(world.wan.tasks_made[0], "status", "RUNNING")
    with pytest.raises(VideoNotCancellable):
        world.cancel()
    assert world.row.task is not None
    assert (world.row.status, world.row.task.status) == (Status.IN_PROGRESS, TaskStatus.RUNNING)


@pytest.mark.parametrize("video", [starting(), submitting()], ids=["starting", "submitting"])
def test_a_video_without_a_task_id_cannot_be_cancelled_and_the_request_is_not_stored(video: Video) -> None:
    world = World(video, status=None)
    with pytest.raises(VideoNotCancellable):
        world.cancel()
    assert (world.row, world.wan.cancels) == (video, [])


def test_a_task_that_is_known_to_run_is_not_asked_about() -> None:
    begun = running()
    begun = replace(begun, task=replace(begun.task or Task(TASK, 0), status=TaskStatus.RUNNING))
    for video in (begun, made()):
        world = World(video, status="RUNNING")
        with pytest.raises(VideoNotCancellable):
            world.cancel()
        assert world.wan.cancels == []


def imported_unseen(status: str | None = None) -> World:
    """Import a video while Wan is unavailable; `status` is that of its task, if the task exists."""
    video = Intake(FakeClock(), DEFAULTS).imported(ALICE, running().request.fields(), task_id=TASK)
    return World(replace(video, id="video_1", task=Task(TASK, video.created_at, TaskStatus.UNKNOWN)), status=status)


@pytest.mark.parametrize("polled", [False, True], ids=["before its execution", "after some polls"])
def test_a_task_that_wan_never_knew_can_be_cancelled_and_is_announced_once(polled: bool) -> None:
    world = imported_unseen()
    if polled:
        assert world.poll().outcome is Outcome.RUNNING
        world.clock.advance(600)
        assert world.poll().outcome is Outcome.RUNNING
        assert world.row.progress(world.clock.now()) == 0
    assert world.cancel().status is Status.CANCELLED
    assert world.cancel().status is Status.CANCELLED
    assert world.poll().outcome is Outcome.CANCELLED
    world.report_failure("video_1")
    assert world.row.announced_at is not None
    world.own_videos().delete(ALICE, "video_1")


def test_an_unconfirmed_task_that_wan_has_after_all_is_cancelled_there() -> None:
    world = imported_unseen("PENDING")
    assert world.cancel().status is Status.CANCELLED
    assert world.wan.cancels == [TASK]


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_an_unconfirmed_task_that_is_already_running_is_not_given_up(status: str) -> None:
    world = imported_unseen(status)
    with pytest.raises(VideoNotCancellable):
        world.cancel()
    assert not world.row.status.final


@pytest.mark.parametrize("error", [LOST, WanThrottled("Throttling", "Later.", status=429)], ids=["lost", "429"])
def test_an_unconfirmed_task_is_not_given_up_while_wan_is_unavailable(error: WanError) -> None:
    world = imported_unseen()
    world.wan.answers.append(error)
    with pytest.raises(VideoNotCancellable):
        world.cancel()
    assert not world.row.status.final


def test_an_imported_task_can_be_cancelled_before_its_execution_starts() -> None:
    imported = Intake(FakeClock(), DEFAULTS).imported(ALICE, running().request.fields(), task_id=TASK)
    world = World(replace(imported, id="video_1"))
    assert world.cancel().status is Status.CANCELLED
    assert world.wan.cancels == [TASK]
