"""A changed base URL loses no task: each task is queried where it was created, and absence is proven only there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.wan import BASE_URL, FakeWan, Reply, WanTask, lost_tasks
from tests.fakes.world import FakeClock, FakeObjects, FakeTopic, FakeTransfer
from tools.harness.samples import NOW, made, request, running, starting, submitting, task_id_of
from wan_video.domain.hosts import ResultHosts
from wan_video.domain.task import TaskAnswer
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import WanUncertain
from wan_video.services.announce import Announce
from wan_video.services.cancel_task import cancel_task
from wan_video.services.deliver import Deliver
from wan_video.services.poll import Outcome, Poll
from wan_video.services.reconcile import Reconcile
from wan_video.services.repairs.orphans import OrphanedTasks
from wan_video.services.submit import Submit

GRACE: Final = 600
NEW: Final = "https://ws-2.wan.test/api/v1"
LOST: Final = WanUncertain("AnswerLost", "ReadTimeout from Wan in singapore")


@dataclass
class World:
    """One video, Wan with two hosts, and every service that calls it, in `resend` mode."""

    video: Video = field(default_factory=starting)
    wan: FakeWan = field(default_factory=FakeWan)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.wan.clock = self.clock
        self.store = MemoryStore(self.video)
        search = lost_tasks(self.wan, self.store, self.store)
        reconcile = Reconcile(self.store, search, self.clock, GRACE, resend=True)
        self.submit = Submit(self.store, self.wan, reconcile, self.clock)
        self.poll = Poll(self.store, self.wan, self.clock)
        self.orphans = OrphanedTasks(self.store, search, self.clock)
        self.transfer = FakeTransfer(FakeObjects())
        self.deliver = Deliver(
            videos=self.store,
            wan=self.wan,
            transfer=self.transfer,
            objects=self.transfer.objects,
            announce=Announce(self.store, FakeTopic(), self.clock),
            hosts=ResultHosts.parse(""),
            clock=self.clock,
        )

    @property
    def row(self) -> Video:
        return self.store.get(self.video.id)

    def move(self) -> None:
        """Configure another base URL, as a deployment does."""
        self.wan.current = NEW

    def reconciled(self, *moments: int) -> None:
        """Search for a lost task at some times, in seconds after the submission."""
        for moment in moments:
            self.clock.moment = NOW + moment
            self.submit(self.video.id)


def test_the_base_url_is_saved_before_the_post() -> None:
    world = World()
    seen: list[str | None] = []
    world.wan.during_post = lambda: seen.append(world.row.base_url)
    world.submit("video_1")
    assert seen == [BASE_URL]
    assert world.row.base_url == BASE_URL


def test_a_running_task_is_polled_and_fetched_where_it_was_created() -> None:
    world = World()
    task_id = world.submit("video_1").task_id
    assert task_id is not None
    world.move()
    assert world.poll("video_1", task_id, 1).outcome is Outcome.RUNNING
    world.clock.advance(world.wan.takes)
    assert world.poll("video_1", task_id, 1).outcome is Outcome.SUCCEEDED
    world.wan.answers = [
        TaskAnswer(task_id, "SUCCEEDED", video_url="https://x-results.oss-cn-beijing.aliyuncs.com/1.mp4")
    ]
    world.deliver("video_1", task_id)
    assert world.row.status is Status.COMPLETED
    assert world.wan.asked == [BASE_URL] * 3


def test_a_pending_task_is_cancelled_where_it_was_created() -> None:
    world = World()
    world.submit("video_1")
    world.wan.tasks_made[0].status = "PENDING"
    world.move()
    assert cancel_task(world.row, world.store, world.wan, world.clock).status is Status.CANCELLED
    assert world.wan.tasks_made[0].status == "CANCELED"


def test_if_the_old_host_refuses_the_key_the_current_one_is_asked_and_saved() -> None:
    """An example is a custom domain of the same account: the new host knows the task too."""
    world = World(replace(running(), base_url=BASE_URL))
    world.wan.tasks_made = [WanTask(task_id_of("video_1"), request(), NOW, "RUNNING", NEW)]
    world.move()
    world.wan.shut = {BASE_URL}
    world.poll("video_1", task_id_of("video_1"), 1)
    assert world.row.base_url == NEW


def test_a_host_that_does_not_know_the_task_is_not_saved() -> None:
    world = World(replace(running(), base_url=BASE_URL))
    world.wan.tasks_made = [WanTask(task_id_of("video_1"), request(), NOW, "RUNNING", BASE_URL)]
    world.move()
    world.wan.shut = {BASE_URL}
    assert world.poll("video_1", task_id_of("video_1"), 1).task_status == "UNKNOWN"
    assert world.row.base_url == BASE_URL
    world.wan.shut = set()
    assert world.poll("video_1", task_id_of("video_1"), 1).task_status == "RUNNING"


def test_a_row_without_a_base_url_gets_one_from_its_next_poll() -> None:
    """This applies to rows of earlier releases, also those saved during a deployment, and to imported tasks."""
    world = World(running())
    world.wan.tasks_made = [WanTask(task_id_of("video_1"), request(), NOW, "RUNNING")]
    world.poll("video_1", task_id_of("video_1"), 1)
    assert world.row.base_url == BASE_URL
    world.move()
    assert world.poll("video_1", task_id_of("video_1"), 1).task_status == "RUNNING"


def test_a_lost_task_is_searched_where_the_post_went() -> None:
    world = World(wan=FakeWan(replies=[Reply(True, LOST)]))
    world.submit("video_1")
    world.move()
    world.reconciled(61)
    assert world.row.task is not None
    assert (world.row.task.id, world.row.base_url) == ("task-1", BASE_URL)
    assert len(world.wan.posts) == 1


def test_a_task_missing_from_another_hosts_list_is_not_proven_absent() -> None:
    """The key was replaced together with the host: the old list cannot be read, and a task in it may be billed."""
    world = World(wan=FakeWan(replies=[Reply(True, LOST)]))
    world.submit("video_1")
    world.move()
    world.wan.shut = {BASE_URL}
    world.reconciled(*range(GRACE, 12 * GRACE, 61))
    assert world.row.in_doubt
    assert len(world.wan.posts) == 1
    world.wan.shut = set()
    world.reconciled(13 * GRACE)
    assert world.row.task is not None


def test_a_task_in_another_hosts_list_is_found() -> None:
    world = World(wan=FakeWan(replies=[Reply(True, LOST)]))
    world.submit("video_1")
    world.wan.tasks_made = [replace(task, base_url=NEW) for task in world.wan.tasks_made]
    world.move()
    world.wan.shut = {BASE_URL}
    world.reconciled(61)
    assert world.row.task is not None
    assert world.row.base_url == NEW


def test_a_submission_proven_absent_is_sent_again_to_the_current_host() -> None:
    world = World(wan=FakeWan(replies=[Reply(False, LOST)]))
    world.submit("video_1")
    world.move()
    world.reconciled(GRACE + 60, GRACE + 120, GRACE + 180)
    assert len(world.wan.posts) == 2
    assert world.row.base_url == NEW


def test_a_submission_without_a_base_url_is_searched_at_the_current_host() -> None:
    world = World(submitting())
    world.wan.make(request())
    world.reconciled(61)
    assert world.row.task is not None
    assert world.row.base_url == BASE_URL


def test_an_orphaned_task_is_searched_and_polled_where_it_was_submitted() -> None:
    failure = Failure("submission_uncertain", "No.", "submit", False)
    ended = replace(submitting(), base_url=BASE_URL).ended(NOW, failure).announced(NOW)
    world = World(ended)
    world.wan.make(request())
    world.move()
    world.clock.advance(300)
    mended = next(iter(world.orphans()))()
    assert mended is not None
    assert world.store.get(mended.subject).base_url == BASE_URL


def test_a_task_whose_answer_came_too_late_is_polled_where_it_was_created() -> None:
    world = World()

    def end() -> None:
        row = world.row
        world.store.save(row, row.ended(NOW, Failure("x", "y", "submit", False)))

    world.wan.during_post = end
    world.submit("video_1")
    (rescued,) = [row for row in world.store.rows() if row.id != "video_1"]
    assert rescued.base_url == BASE_URL


@pytest.mark.parametrize("video", [replace(made(), base_url=BASE_URL), replace(running(), base_url=BASE_URL)])
def test_a_base_url_stays_with_the_video_to_its_end(video: Video) -> None:
    assert video.ended(NOW, Failure("x", "y", "poll", False)).announced(NOW).base_url == BASE_URL
