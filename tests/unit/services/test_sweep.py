"""sweep: every repair, each of which changes nothing when it is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.repairs import first
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeExecutions, FakeTopic
from tools.harness.samples import NOW, TODAY, made, queued, running, starting, stored, submitting
from wan_video.domain.budget import STACK
from wan_video.domain.models import POOLS
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoChanged
from wan_video.services.announce import Announce
from wan_video.services.repairs import Mended, Repair, Step, all_in_turn
from wan_video.services.repairs.places import LeakedPlaces
from wan_video.services.repairs.unfinished import UnfinishedVideos
from wan_video.services.report_failure import ReportFailure
from wan_video.services.sweep import TURNS_SECONDS, Sweep

POOL = "singapore#wan2.6-t2v"
ELEVEN_MINUTES = 660
FAILURE = Failure("x", "y", "poll", True)


@dataclass
class World:
    """Rows, their executions, and the service that repairs them."""

    store: MemoryStore = field(default_factory=MemoryStore)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    topic: FakeTopic = field(default_factory=FakeTopic)
    clock: FakeClock = field(default_factory=FakeClock)
    noted: list[Mended] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        announce = Announce(self.store, self.topic, self.clock)
        report_failure = ReportFailure(self.store, announce, self.clock)
        unfinished = UnfinishedVideos(
            self.store, self.executions, announce, report_failure, self.clock, lambda: self.alarms.append("late"), first
        )
        self.sweep = Sweep([LeakedPlaces(self.store, self.store, POOLS)], unfinished, on_mended=self.noted.append)

    def __call__(self, after: int = ELEVEN_MINUTES) -> dict[str, int]:
        self.clock.advance(after)
        return dict(self.sweep())

    def row(self, video_id: str = "video_1") -> Video:
        return self.store.get(video_id)


def world(*videos: Video, **executions: str) -> World:
    made_up = World(MemoryStore(*videos))
    for name, status in executions.items():
        made_up.executions.end(name.replace("__", "-"), status)
    return made_up


def test_without_problems_nothing_is_repaired() -> None:
    healthy = world(running(), queued("video_2"), video_1__1="RUNNING")
    before = healthy.row()
    assert healthy() == {}
    assert (healthy.row(), healthy.topic.events, healthy.executions.calls) == (before, [], 0)


def test_a_recently_written_row_is_left_to_its_worker() -> None:
    dead = world(running(), video_1__1="FAILED")
    assert dead(599) == {}
    assert dead(1) == {"execution_restarted": 1}


# --- starts and executions -------------------------------------------------------------------------------------------


def test_a_lost_start_is_completed_under_the_same_name() -> None:
    lost = world(starting())
    assert lost() == {"start_completed": 1}
    assert list(lost.executions.inputs) == ["video_1-1"]
    assert lost() == {}


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
@pytest.mark.parametrize("video", [starting(), submitting(), running(), made()])
def test_a_video_whose_execution_died_is_continued_by_the_next(status: str, video: Video) -> None:
    dead = world(video, video_1__1=status)
    assert dead() == {"execution_restarted": 1}
    assert (dead.row().execution, dead.row().restarts) == (2, 1)
    task = {} if video.task is None else {"task_id": video.task.id}
    assert dead.executions.inputs["video_1-2"] == {"video_id": "video_1", "n": 2, **task}
    assert dead() == {}


def test_a_crash_between_the_save_and_the_restart_is_repaired() -> None:
    dead = world(running(), video_1__1="FAILED")
    dead.executions.failures = [RuntimeError("throttled")]
    with pytest.raises(ExceptionGroup):
        dead()
    assert dead.row().execution == 2
    assert dead() == {"execution_restarted": 1}
    assert [name for name, status in dead.executions.statuses.items() if status == "RUNNING"] == ["video_1-3"]


def test_a_running_successor_is_recorded_and_not_started_again() -> None:
    succeeded = world(running(), video_1__1="SUCCEEDED", video_1__2="RUNNING")
    assert succeeded() == {"successor_noted": 1}
    assert succeeded.row().execution == 2
    assert succeeded.executions.calls == 0
    assert succeeded() == {}


def test_a_video_that_was_never_submitted_is_given_up_after_three_restarts() -> None:
    dead = world(starting())
    dead.executions.end("video_1-1")
    for number in (2, 3, 4):
        assert dead(3 * 3600) == {"execution_restarted": 1}
        dead.executions.end(f"video_1-{number}")
    assert dead(3 * 3600) == {"failure_reported": 1}
    assert (dead.row().status, dead.row().spent_seconds) == (Status.FAILED, 0)
    assert [event["type"] for event in dead.topic.events] == ["video.failed"]
    assert dead(3 * 3600) == {}


def test_restarts_happen_at_growing_intervals() -> None:
    dead = world(replace(running(), restarts=4), video_1__1="FAILED")
    assert dead(4800 - 1) == {}
    assert dead(1) == {"execution_restarted": 1}


@pytest.mark.parametrize("video", [running(), submitting(), submitting().submission_uncertain(NOW)])
def test_a_video_whose_task_may_exist_is_continued_for_a_day_and_then_reported(video: Video) -> None:
    dead = world(video)
    for number in range(1, 30):
        dead.executions.end(f"video_1-{number}")
        if "failure_reported" in dead(2 * 3600):
            break
    assert dead.clock.now() - NOW == 26 * 3600
    assert dead.row().status is Status.FAILED
    assert dead.row().restarts == 12
    assert (dead.store.used("alice", TODAY), dead.store.used(STACK, TODAY)) == (5, 5)
    assert len(dead.topic.events) == 1


# --- notices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("video", [made().completed(NOW, stored()), running().ended(NOW, FAILURE)])
def test_a_notice_that_was_not_published_is_published_once(video: Video) -> None:
    silent = world(video)
    assert silent() == {"notice_published": 1}
    assert [event["type"] for event in silent.topic.events] == [f"video.{video.status}"]
    assert silent() == {}
    assert len(silent.topic.events) == 1


def test_a_delivery_that_takes_half_a_day_is_counted_every_time() -> None:
    late = world(made(), video_1__1="RUNNING")
    assert (late(12 * 3600), late.alarms) == ({}, [])
    assert (late(1), late.alarms) == ({}, ["late"])
    assert (late(1), late.alarms) == ({}, ["late", "late"])


# --- places ----------------------------------------------------------------------------------------------------------


def test_a_place_without_a_video_is_freed() -> None:
    leaked = world(running("video_1"), video_1__1="RUNNING")
    for video in (running("video_2"), running("video_3")):
        leaked.store.add(video)
    leaked.store.lose("video_2")
    leaked.store.add(made("video_3"))
    leaked.executions.end("video_3-1", "RUNNING")
    assert leaked.store.pool(POOL).running == {"video_1", "video_2", "video_3"}
    assert leaked() == {"place_given_back": 2}
    assert leaked.store.pool(POOL).running == {"video_1"}
    assert leaked() == {}


def test_a_start_that_was_only_half_visible_keeps_its_place() -> None:
    starts = world(running("video_1"))
    before, after = queued("video_1"), starts.row()
    starts.store.add(before)
    (repair,) = LeakedPlaces(starts.store, starts.store, [POOL])()
    starts.store.add(after)
    assert repair() is None
    assert starts.store.pool(POOL).running == {"video_1"}


@pytest.mark.parametrize("more", [-1, 1])
def test_a_count_of_places_that_is_wrong_is_corrected(more: int) -> None:
    restored = world(running("video_1"), running("video_2"), video_1__1="RUNNING", video_2__1="RUNNING")
    restored.store.miscount(POOL, more)
    assert restored() == {"places_recounted": 1}
    assert restored.store.pool(POOL).taken == 2
    assert restored() == {}


def test_a_count_that_changes_while_it_is_looked_at_is_left_to_the_next_sweep() -> None:
    busy = world(running("video_1"), running("video_2"))
    busy.store.miscount(POOL, 1)
    (recount,) = LeakedPlaces(busy.store, busy.store, [POOL])()
    ended = busy.row("video_2")
    busy.store.save(ended, ended.ended(NOW, FAILURE))
    assert recount() is None
    assert busy.store.pool(POOL).taken == 2
    (again,) = LeakedPlaces(busy.store, busy.store, [POOL])()
    assert again() == Mended("places_recounted", POOL)
    assert busy.store.pool(POOL).taken == 1


# --- one video, named by an event ------------------------------------------------------------------------------------


def test_a_dead_execution_is_repaired_as_soon_as_its_event_arrives() -> None:
    dead = world(running(), video_1__1="ABORTED")
    assert dict(dead.sweep.video("video_1")) == {"execution_restarted": 1}
    assert dict(dead.sweep.video("video_1")) == {}


def test_deleted_queued_and_announced_videos_need_no_repair() -> None:
    quiet = world(queued("video_1"), running("video_2").ended(NOW, FAILURE).announced(NOW))
    for video_id in ("video_1", "video_2", "video_3"):
        assert dict(quiet.sweep.video(video_id)) == {}


def test_a_row_that_another_worker_is_writing_is_left_to_it() -> None:
    dead = world(running(), video_1__1="FAILED")

    def changed(video: Video) -> None:
        raise VideoChanged(video.id)

    dead.store.before_write = changed
    assert dict(dead.sweep.video("video_1")) == {}
    assert dead.executions.calls == 0


def test_a_video_that_cannot_be_repaired_does_not_block_the_others() -> None:
    broken = world(starting("video_1"), replace(running("video_2"), updated_at=NOW + 1), video_2__1="FAILED")
    broken.executions.failures.append(RuntimeError("no answer"))
    with pytest.raises(ExceptionGroup, match="1 repairs failed"):
        broken()
    assert "video_2-2" in broken.executions.inputs


def test_a_failing_repair_does_not_block_the_others_and_what_was_repaired_is_counted() -> None:
    broken = world(starting("video_1"))
    broken.executions.failures.append(RuntimeError("no answer"))
    broken.store.add(running("video_2"))
    broken.store.lose("video_2")
    with pytest.raises(ExceptionGroup):
        broken()
    assert broken.noted == [Mended("place_given_back", "video_2")]


def test_a_video_in_progress_after_three_days_is_ended() -> None:
    endless = world(starting(), video_1__1="RUNNING")
    assert endless(3 * 24 * 3600) == {}
    assert endless(3601) == {"failure_reported": 1}
    assert endless.row().status is Status.FAILED
    assert len(endless.topic.events) == 1


# --- time ------------------------------------------------------------------------------------------------------------


class Stopwatch:
    """A clock that moves only by the steps that are taken."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Slow:
    """A repair that finds a number of problems, each of which takes some seconds."""

    stopwatch: Stopwatch
    things: int
    seconds: float
    done: list[float] = field(default_factory=list)

    def __call__(self) -> Iterator[Step]:
        for _ in range(self.things):
            yield self.step

    def step(self) -> None:
        self.stopwatch.seconds += self.seconds
        self.done.append(self.stopwatch.seconds)


class Other(Slow):
    """Another repair of this form."""


class Searching(Slow):
    """A repair with long steps."""


class Broken(Slow):
    """A repair whose steps all fail after some seconds."""

    def step(self) -> None:
        super().step()
        raise TimeoutError


def timed(stopwatch: Stopwatch, *repairs: Slow, last: Sequence[Repair] = ()) -> tuple[Sweep, list[str]]:
    late: list[str] = []
    unfinished = world().sweep.unfinished
    return Sweep(repairs, unfinished, last, on_cut_short=late.append, stopwatch=stopwatch), late


def test_a_repair_with_endless_work_does_not_delay_others_and_ends_with_the_run() -> None:
    stopwatch = Stopwatch()
    endless, short = Slow(stopwatch, 100_000, 1), Other(stopwatch, 20, 1)
    sweep, late = timed(stopwatch, endless, short)
    sweep()
    assert len(short.done) == 20
    assert short.done[-1] <= 2 * 20 + 1
    assert TURNS_SECONDS <= stopwatch.seconds <= TURNS_SECONDS + endless.seconds
    assert late == ["Slow"]


def test_turns_are_shared_by_time_and_not_by_number() -> None:
    stopwatch = Stopwatch()
    heavy, light = Slow(stopwatch, 1000, 20), Other(stopwatch, 1000, 0.5)
    timed(stopwatch, heavy, light)[0]()
    assert abs(len(heavy.done) * 20 - len(light.done) * 0.5) <= 20.5


def test_long_steps_start_after_the_others_and_only_with_enough_time_left() -> None:
    stopwatch = Stopwatch()
    searching, busy = Searching(stopwatch, 5, 40), Slow(stopwatch, 1000, 1)
    sweep, late = timed(stopwatch, busy, last=[searching])
    sweep()
    assert len(busy.done) == TURNS_SECONDS
    assert searching.done == [140]
    assert late == ["Slow", "Searching"]


def test_failures_until_the_time_is_up_are_still_raised() -> None:
    stopwatch = Stopwatch()
    sweep, late = timed(stopwatch, Broken(stopwatch, 1000, 30))
    with pytest.raises(ExceptionGroup, match="4 repairs failed"):
        sweep()
    assert late == ["Broken"]


def test_a_run_starts_anywhere_so_that_nothing_waits_forever_behind_a_failing_repair() -> None:
    ids = ["a", "b", "c", "d"]
    assert list(all_in_turn(ids, first)) == ids
    assert list(all_in_turn(ids, lambda number: number - 1)) == ["d", "a", "b", "c"]
    assert list(all_in_turn(iter(ids), first, at_most=2)) == ["a", "b"]
    assert list(all_in_turn([], first)) == []
    assert {next(all_in_turn(ids)) for _ in range(1000)} == set(ids)
