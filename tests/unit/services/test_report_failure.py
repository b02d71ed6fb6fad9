"""report_failure and its notice: the row decides how a video ends, once."""

from __future__ import annotations

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeTopic, Killed
from tools.harness.samples import NOW, TODAY, made, queued, running, starting, stored, submitting
from wan_video.domain.budget import STACK
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.trouble import TASK_CANCELED, TASK_EXPIRED, Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoChanged
from wan_video.services.announce import Announce
from wan_video.services.report_failure import ReportFailure

REFUSED = Failure("DataInspectionFailed", "Input data may contain inappropriate content.", "submit", False)


def ended_by(code: str) -> Failure:
    return Failure(code, "No.", "poll", True)


class World:
    """One video and the service that ends it."""

    def __init__(self, video: Video) -> None:
        self.id = video.id
        self.clock = FakeClock(NOW + DAY_SECONDS + 1)
        self.topic = FakeTopic()
        self.store = MemoryStore(video)
        self.report_failure = ReportFailure(self.store, Announce(self.store, self.topic, self.clock), self.clock)

    def __call__(self) -> Status | None:
        return self.report_failure(self.id)

    @property
    def row(self) -> Video:
        return self.store.get(self.id)


@pytest.mark.parametrize(
    ("video", "status", "code", "stage", "spent"),
    [
        (submitting().refused(NOW, REFUSED), Status.FAILED, "DataInspectionFailed", "submit", 0),
        (submitting(), Status.FAILED, "submission_uncertain", "submit", 5),
        (submitting().submission_uncertain(NOW), Status.FAILED, "submission_uncertain", "submit", 5),
        (starting(), Status.FAILED, "internal_error", "submit", 0),
        (running(), Status.FAILED, "internal_error", "poll", 5),
        (made(), Status.FAILED, "delivery_failed", "deliver", 5),
        (running().undeliverable(NOW, ended_by(TASK_EXPIRED)), Status.EXPIRED, TASK_EXPIRED, "poll", 5),
        (running().task_ended(NOW, ended_by(TASK_CANCELED)), Status.CANCELLED, TASK_CANCELED, "poll", 0),
        (running().task_ended(NOW, ended_by("InternalError")), Status.FAILED, "InternalError", "poll", 0),
    ],
)
def test_the_state_of_the_row_decides_how_the_video_ends(
    video: Video, status: Status, code: str, stage: str, spent: int
) -> None:
    world = World(video)
    assert world() is status
    assert world.row.error is not None
    assert (world.row.error.code, world.row.error.stage) == (code, stage)
    assert (world.row.place, world.row.reservation, world.row.spent_seconds) == (None, None, spent)
    assert (world.store.used("alice", TODAY), world.store.used(STACK, TODAY)) == (spent, spent)
    assert world.store.pool("singapore#wan2.6-t2v").running == frozenset()
    assert [(event["type"], event["data"]["error"]["code"]) for event in world.topic.events] == [
        (f"video.{status}", code)
    ]


def test_a_second_report_returns_the_same_and_publishes_nothing() -> None:
    world = World(running())
    assert [world() for _ in range(3)] == [Status.FAILED] * 3
    assert len(world.topic.events) == 1


@pytest.mark.parametrize("video", [submitting(), submitting().submission_uncertain(NOW), running(), made()])
def test_a_video_whose_task_may_still_succeed_is_left_unchanged(video: Video) -> None:
    world = World(video)
    world.clock.advance(-1)
    assert world() is Status.IN_PROGRESS
    assert (world.row, world.topic.events) == (video, [])


def test_a_row_that_changed_since_it_was_read_is_not_ended() -> None:
    world = World(starting())
    read = world.row
    world.store.save(read, read.submitting(NOW))
    with pytest.raises(VideoChanged):
        world.report_failure.end(read)
    assert (world.row.status, world.topic.events) == (Status.IN_PROGRESS, [])


def test_a_completed_video_stays_completed() -> None:
    world = World(made().completed(NOW, stored()))
    assert world() is Status.COMPLETED
    assert [event["type"] for event in world.topic.events] == ["video.completed"]


def test_the_next_call_sends_the_notice_after_a_crash_behind_the_save() -> None:
    world = World(running())
    world.topic.refusals = [RuntimeError("SNS is down")]
    with pytest.raises(RuntimeError):
        world()
    assert world() is Status.FAILED
    assert len(world.topic.events) == 1


def test_a_notice_that_was_not_recorded_is_repeated_under_the_same_id() -> None:
    world = World(running())
    world.topic.lost_answers = [Killed()]
    with pytest.raises(Killed):
        world()
    world()
    first, second = world.topic.events
    assert first == second
    assert world.row.announced_at is not None


def test_a_notice_sent_by_two_workers_is_one_notice() -> None:
    world = World(running().ended(NOW, REFUSED))
    stale = world.row
    announce = world.report_failure.announce
    announce(stale)
    assert announce(stale).announced_at is not None
    assert len({event["id"] for event in world.topic.events}) == 1


def test_a_video_that_is_not_final_cannot_be_announced() -> None:
    world = World(queued())
    with pytest.raises(Exception, match="nothing final"):
        world.report_failure.announce(world.row)


def test_a_deleted_video_needs_no_report() -> None:
    assert World(running("video_2")).report_failure("video_1") is None
