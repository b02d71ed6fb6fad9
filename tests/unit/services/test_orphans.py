"""Orphaned tasks: a task that appears after its video has ended is stored as its own video, while Wan keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.repairs import first, mended_by
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, lost_tasks
from tests.fakes.world import FakeClock, Killed
from tools.harness.samples import NOW, known_task, made, request, running, stored, submitting
from wan_video.domain.budget import Usage
from wan_video.domain.names import imported_id
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import VideoNotFound, WanUnavailable
from wan_video.services.repairs import Mended
from wan_video.services.repairs.orphans import SEARCHES_A_RUN, OrphanedTasks

FAILURE = Failure("submission_uncertain", "No.", "submit", False)
RESCUED = imported_id("alice", "singapore", "task-1")


def in_doubt(video_id: str = "video_1") -> Video:
    """Return a video that ended and was announced although its task may exist."""
    return submitting(video_id, request=request(custom_id="row-7")).ended(NOW, FAILURE).announced(NOW)


def sent_again(video: Video) -> Video:
    """Return the same video, submitted again after its task was proven absent."""
    assert video.submission is not None
    return replace(video, submission=replace(video.submission, resends=1, first_at=NOW))


@dataclass
class World:
    """Videos that have ended, Wan, and the repair."""

    videos: list[Video] = field(default_factory=lambda: [in_doubt()])
    wan: FakeWan = field(default_factory=FakeWan)
    clock: FakeClock = field(default_factory=FakeClock)
    alarms: int = 0

    def __post_init__(self) -> None:
        self.wan.clock = self.clock
        self.store = MemoryStore(*self.videos)
        self.repair = OrphanedTasks(
            self.store, lost_tasks(self.wan, self.store, self.store), self.clock, self.alarm, first
        )

    def alarm(self) -> None:
        self.alarms += 1

    def __call__(self, after: int = 300) -> list[Mended]:
        self.clock.advance(after)
        return mended_by(self.repair)


def test_a_late_task_becomes_its_own_video_with_the_same_request() -> None:
    world = World()
    world.wan.make(request())
    assert world() == [Mended("task_rescued", RESCUED)]
    rescued = world.store.get(RESCUED)
    assert (rescued.owner, rescued.status, known_task(rescued).id) == ("alice", Status.STARTING, "task-1")
    assert (rescued.request.custom_id, rescued.place) == ("row-7", None)
    assert world.alarms == 1
    before = world.store.get("video_1")
    assert (before.status, before.task) == (Status.FAILED, None)


def test_a_second_run_finds_nothing() -> None:
    world = World()
    world.wan.make(request())
    world()
    assert (world(), world(), world.alarms) == ([], [], 1)
    assert list(world.store.attention("watched", NOW + DAY_SECONDS)) == []


def test_after_a_crash_behind_a_rescue_the_task_is_not_rescued_twice() -> None:
    world = World()
    world.wan.make(request())

    def die(video: Video) -> None:
        if video.id == "video_1":
            raise Killed

    world.store.before_write = die
    with pytest.raises(Killed):
        world()
    world.store.before_write = lambda _: None
    assert world() == []
    assert known_task(world.store.get(RESCUED)).id == "task-1"


def test_a_task_that_its_owner_imported_is_left_to_them() -> None:
    world = World()
    world.wan.make(request())
    world.store.adopt(in_doubt().rescued(NOW, "task-1"))
    assert (world(), world.alarms) == ([], 0)


def test_a_task_of_another_request_is_not_rescued() -> None:
    world = World()
    world.wan.make(request(prompt="another"))
    assert world() == []
    with pytest.raises(VideoNotFound):
        world.store.get(RESCUED)


def test_an_earlier_task_of_a_video_that_was_sent_again_and_failed_is_rescued_too() -> None:
    failed = running().task_ended(NOW + 900, FAILURE).ended(NOW + 900, FAILURE).announced(NOW + 900)
    world = World([sent_again(failed)])
    world.wan.make(request(), at=NOW)
    assert world(1000) == [Mended("task_rescued", RESCUED)]


def spent_and_used(world: World) -> tuple[int, int]:
    """Return the seconds that the owner has spent, and those that are spent or reserved."""
    (day,) = world.store.usage("alice", "2000-01-01", "2100-01-01")
    return day.spent, day.spent + day.reserved


def test_what_a_rescued_task_costs_counts_as_spent() -> None:
    failed = running().task_ended(NOW + 900, FAILURE).ended(NOW + 900, FAILURE).announced(NOW + 900)
    world = World([sent_again(failed)])
    world.wan.make(request(), at=NOW)
    world(1000)
    rescued = world.store.get(RESCUED)
    assert rescued.reservation is not None
    assert spent_and_used(world) == (0, rescued.request.most_seconds)
    seen = world.store.save(rescued, rescued.task_seen(NOW + 1100, known_task(rescued), 1))
    world.store.save(seen, seen.task_succeeded(NOW + 1100, Usage(4)))
    assert spent_and_used(world) == (4, 4)


def test_a_rescued_task_that_counted_as_spent_while_it_was_unknown_is_not_spent_again() -> None:
    world = World()
    assert spent_and_used(world)[1] == 5
    world.wan.make(request())
    world()
    assert world.store.get(RESCUED).reservation is None
    assert spent_and_used(world)[1] == 5


@pytest.mark.parametrize(
    "video",
    [
        sent_again(made()).completed(NOW, stored()).announced(NOW),
        running().ended(NOW, FAILURE).announced(NOW),
        submitting().refused(NOW, FAILURE).ended(NOW, FAILURE).announced(NOW),
        submitting().ended(NOW, FAILURE),
    ],
)
def test_videos_that_cannot_have_an_orphaned_task_are_not_searched(video: Video) -> None:
    world = World([video])
    assert (world(), world.wan.lists) == ([], 0)


def test_the_search_continues_as_long_as_wan_keeps_tasks() -> None:
    world = World()
    for _ in range(DAY_SECONDS // 300):
        assert world() == []
    lists = world.wan.lists
    assert 20 < lists < 80
    assert world() == []
    assert world.store.get("video_1").attention == "kept"
    assert world.wan.lists == lists


def test_a_failed_query_is_retried_in_the_next_run() -> None:
    world = World()
    world.wan.make(request())
    world.wan.list_errors = [WanUnavailable("AnswerLost", "")]
    assert (world(), len(world())) == ([], 1)


def test_one_run_searches_for_a_few_and_the_next_for_the_others() -> None:
    world = World([in_doubt(f"video_{number}") for number in range(SEARCHES_A_RUN + 2)])
    world()
    assert world.wan.lists == SEARCHES_A_RUN
    world(20)
    assert world.wan.lists == SEARCHES_A_RUN + 2
