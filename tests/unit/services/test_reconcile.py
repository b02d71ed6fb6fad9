"""reconcile: from a lost answer to its task, to the proof of its absence, or to the end of the day."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, lost_tasks
from tests.fakes.world import FakeClock
from tools.harness.samples import NOW, TODAY, request, running, submitting
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.submission import MAX_RESENDS, Submission
from wan_video.domain.task import Task
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoChanged, WanThrottled, WanUnavailable
from wan_video.services.reconcile import Reconcile

GRACE = 600


@dataclass
class World:
    """A video in doubt, Wan, and the service."""

    resend: bool = False
    video: Video = field(default_factory=submitting)
    wan: FakeWan = field(default_factory=FakeWan)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.wan.clock = self.clock
        self.store = MemoryStore(self.video)
        self.alarms = 0
        search = lost_tasks(self.wan, self.store, self.store)
        self.reconcile = Reconcile(self.store, search, self.clock, GRACE, self.resend, self.alarm)

    def alarm(self) -> None:
        self.alarms += 1

    def __call__(self, at: int) -> Video:
        """Reconcile at a time in seconds after the submission."""
        self.clock.moment = NOW + at
        return self.reconcile(self.row)

    @property
    def row(self) -> Video:
        return self.store.get(self.video.id)


def submission(video: Video) -> Submission:
    assert video.submission is not None
    return video.submission


# --- found -----------------------------------------------------------------------------------------------------------


def test_the_task_of_a_lost_answer_is_claimed_and_the_video_continues() -> None:
    world = World()
    task_id = world.wan.make(request())
    video = world(61)
    assert video.task == Task(task_id, accepted_at=NOW, status="SUCCEEDED")
    assert (video.condition, video.in_doubt, world.alarms) == (None, False, 0)
    assert (video.place, video.reservation) == ("singapore#wan2.6-t2v", Reservation(TODAY, 5))
    assert world.row == video


def test_a_task_found_after_its_place_was_freed_continues_without_one() -> None:
    world = World()
    world(GRACE + 1)
    world.wan.make(request(), at=NOW)
    video = world(GRACE + 61)
    assert (video.task is not None, video.place) == (True, None)
    assert video.reservation == Reservation(TODAY, 5)


def test_a_task_that_the_list_shows_late_is_still_found_in_hold() -> None:
    world = World(wan=FakeWan(lag=5 * 3600))
    world.wan.make(request())
    for at in range(60, 5 * 3600 + 3600, 60):
        if world(at).task is not None:
            break
    assert world.row.task is not None


def test_two_videos_in_doubt_with_equal_requests_share_two_tasks() -> None:
    world = World()
    world.store.add(submitting("video_2"))
    for _ in range(2):
        world.wan.make(request())
    world(61)
    second = world.reconcile(world.store.get("video_2"))
    assert {world.row.task and world.row.task.id, second.task and second.task.id} == {"task-1", "task-2"}


def test_of_two_videos_that_find_one_task_one_gets_it_and_the_other_stays_in_doubt() -> None:
    world = World()
    world.wan.make(request())
    other = running("video_2").rescued(NOW, "task-1")

    world(10)
    world.wan.during_query = lambda: world.store.adopt(other)
    video = world(61)
    assert (video.in_doubt, submission(video).empty_scans) == (True, 0)


# --- not found -------------------------------------------------------------------------------------------------------


def test_a_new_doubt_is_shown_and_not_searched_yet() -> None:
    world = World()
    video = world(0)
    assert video.condition is not None
    assert (video.condition.code, video.is_uncertain, world.wan.lists) == ("submission_uncertain", True, 0)
    assert world(29).version == video.version
    world(30)
    assert world.wan.lists == 1


def test_the_place_is_freed_after_the_grace_and_the_reservation_is_kept() -> None:
    world = World()
    assert world(GRACE).place is not None
    video = world(GRACE + 1)
    assert (video.place, video.reservation) == (None, Reservation(TODAY, 5))
    assert world.store.pool("singapore#wan2.6-t2v").running == frozenset()


def test_only_scans_after_the_grace_prove_anything() -> None:
    world = World(resend=True)
    for at in range(60, GRACE, 60):
        assert submission(world(at)).empty_scans == 0
    assert submission(world(GRACE)).empty_scans == 1
    assert not world(GRACE + 60).in_doubt


def test_two_scans_in_quick_succession_count_as_one() -> None:
    world = World(resend=True)
    world(GRACE)
    assert world(GRACE + 29).in_doubt
    assert world.wan.lists == 1
    assert not world(GRACE + 30).in_doubt


@pytest.mark.parametrize("error", [WanThrottled("Throttling", ""), WanUnavailable("ListChanged", "")])
def test_a_failed_scan_proves_nothing_and_revokes_nothing(error: Exception) -> None:
    world = World(resend=True)
    world(GRACE)
    world.wan.list_errors = [error] * 5
    for at in range(GRACE + 60, GRACE + 360, 60):
        assert (world(at).in_doubt, submission(world.row).empty_scans) == (True, 1)
    assert not world(GRACE + 360).in_doubt


def test_a_possible_match_prevents_the_proof_and_restarts_the_count() -> None:
    world = World(resend=True)
    world(GRACE)
    world.wan.make(request(prompt="another"), status="RUNNING", at=NOW)
    for at in range(GRACE + 60, 4 * 3600, 60):
        assert (world(at).in_doubt, submission(world.row).empty_scans) == (True, 0)
    world.wan.tasks_made[0].status = "SUCCEEDED"
    assert submission(world(4 * 3600)).empty_scans == 1
    assert not world(4 * 3600 + 60).in_doubt


# --- proven absent ---------------------------------------------------------------------------------------------------


def test_in_hold_mode_the_search_lasts_a_day_and_then_the_video_counts_as_paid() -> None:
    world = World()
    for at in range(60, DAY_SECONDS + 1, 60):
        assert world(at).in_doubt
    assert world.row.error is None
    assert "lists no task" in (world.row.condition.message if world.row.condition else "")
    ended = world(DAY_SECONDS + 1)
    assert ended.error is not None
    assert (ended.error.code, ended.error.retryable) == ("submission_uncertain", False)
    assert "most likely nothing was billed" in ended.error.message
    failed = world.store.save(ended, ended.ended(NOW, ended.error))
    assert (failed.status, failed.spent_seconds) == (Status.FAILED, 5)
    assert (world.store.used("alice", TODAY), world.store.used(STACK, TODAY)) == (5, 5)
    assert not world.wan.posts


def test_in_hold_mode_the_search_becomes_less_frequent() -> None:
    world = World()
    for at in range(60, DAY_SECONDS, 60):
        world(at)
    assert world.wan.lists < 80


def test_in_resend_mode_the_next_attempt_is_allowed_and_the_reservation_is_kept() -> None:
    world = World(resend=True)
    world(GRACE)
    video = world(GRACE + 60)
    assert (video.in_doubt, video.condition, video.reservation) == (False, None, Reservation(TODAY, 5))
    again = submission(video.submitting(NOW + 700))
    assert (again.attempt, again.resends, again.empty_scans, again.lost_since) == (2, 1, 0, NOW)


def test_a_submission_that_is_lost_repeatedly_is_held_in_the_end() -> None:
    world = World(resend=True)
    resends = 0
    for at in range(60, 2 * DAY_SECONDS, 60):
        if not world(at).in_doubt:
            resends += 1
            world.store.save(world.row, world.row.submitting(NOW + at))
        if world.row.error is not None:
            break
    assert (resends, submission(world.row).attempt) == (MAX_RESENDS, MAX_RESENDS + 1)
    assert world.row.error is not None
    assert world.row.error.code == "submission_uncertain"


def test_a_doubt_that_lasts_raises_the_alarm_until_it_ends() -> None:
    world = World()
    for at in (60, GRACE, GRACE + 31):
        world(at)
    assert world.alarms == 1
    world(GRACE + 62)
    assert world.alarms == 2
    world.wan.make(request(), at=NOW)
    world(GRACE + 2000)
    assert world.alarms == 2


def test_a_doubt_that_cannot_be_searched_also_raises_the_alarm() -> None:
    world = World(resend=True)
    world.wan.list_errors = [WanUnavailable("AnswerLost", "")] * 9
    world(2 * GRACE)
    assert world.alarms == 0
    world(2 * GRACE + 60)
    assert world.alarms == 1


def test_a_row_that_another_worker_writes_is_left_to_it() -> None:
    world = World()
    world(10)
    world.wan.make(request())
    read = world.row
    world.store.save(read, read.restarted(NOW + 20, 2))
    world.clock.advance(100)
    with pytest.raises(VideoChanged):
        world.reconcile(read)
