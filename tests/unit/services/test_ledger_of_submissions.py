"""Errors in any order for three videos at once: nothing is billed twice or lost, and no budget leaks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.examples import examples
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, Reply, lost_tasks
from tests.fakes.world import FakeClock, FakeTopic, Killed
from tools.harness.samples import PROMPT, TODAY, queued, request
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.task import Task
from wan_video.domain.video import Video
from wan_video.errors import VideoChanged, WanError, WanThrottled, WanUncertain, WanUnreachable
from wan_video.services.announce import Announce
from wan_video.services.poll import Poll
from wan_video.services.reconcile import Reconcile
from wan_video.services.report_failure import ReportFailure
from wan_video.services.submit import Submit

GRACE = 600
LOST = WanUncertain("AnswerLost", "ReadTimeout")
REPLIES = [
    Reply(),
    Reply(False, WanThrottled("Throttling", "")),
    Reply(False, WanUnreachable("ConnectionFailed", "")),
    *(Reply(accepted, error) for accepted in (True, False) for error in (LOST, Killed(), ZeroDivisionError())),
]
VIDEOS = ("video_0", "video_1", "video_2")
TROUBLES = (WanError, VideoChanged, Killed, ZeroDivisionError)


class AnyTrouble(RuleBasedStateMachine):
    """Two videos of one request and one of another, with every kind of error, and a Wan that records what it bills."""

    @initialize(lag=st.integers(0, GRACE - 60), takes=st.integers(10, 1500), resend=st.booleans())
    def begin(self, lag: int, takes: int, resend: bool) -> None:
        self.clock = FakeClock()
        self.wan = FakeWan(clock=self.clock, lag=lag, takes=takes)
        self.store = MemoryStore()
        self.resend = resend
        for number, video_id in enumerate(VIDEOS):
            video = queued(video_id, request=request(prompt=PROMPT if number < 2 else "another"))
            self.store.accept(video)
            started = video.start(int(self.clock.now()), Reservation(TODAY, 5))
            self.store.start(video, started, places=6, budgets={"alice": None, STACK: None})
        reconcile = Reconcile(self.store, lost_tasks(self.wan, self.store, self.store), self.clock, GRACE, resend)
        self.submit = Submit(self.store, self.wan, reconcile, self.clock)
        self.poll = Poll(self.store, self.wan, self.clock)
        self.report_failure = ReportFailure(self.store, Announce(self.store, FakeTopic(), self.clock), self.clock)

    @rule(video_id=st.sampled_from(VIDEOS), reply=st.sampled_from(REPLIES))
    def submit_one(self, video_id: str, reply: Reply) -> None:
        self.wan.replies = [reply]
        self.tried(lambda: self.submit(video_id))

    @rule(video_id=st.sampled_from(VIDEOS), write=st.integers(1, 3), before=st.booleans())
    def submit_and_be_killed_at_a_write(self, video_id: str, write: int, before: bool) -> None:
        writes = iter(range(1, 20))

        def die(_: Video) -> None:
            if next(writes) == write:
                raise Killed

        if before:
            self.store.before_write = die
        else:
            self.store.after_write = die
        self.tried(lambda: self.submit(video_id))

    @rule(first=st.sampled_from(VIDEOS), second=st.sampled_from(VIDEOS), accepted=st.booleans())
    def submit_two_at_once(self, first: str, second: str, accepted: bool) -> None:
        def other_worker() -> None:
            self.wan.during_post = lambda: None
            with suppress(*TROUBLES):
                self.submit(second)

        self.wan.during_post = other_worker
        self.wan.replies = [Reply(accepted, None if accepted else LOST)]
        self.tried(lambda: self.submit(first))

    @rule(seconds=st.sampled_from([1, 30, 61, GRACE, GRACE + 1, 7200]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(failing=st.integers(1, 3))
    def wan_does_not_answer(self, failing: int) -> None:
        self.wan.list_errors = [WanUnreachable("ConnectionFailed", "")] * failing

    @rule(video_id=st.sampled_from(VIDEOS))
    def poll_one(self, video_id: str) -> None:
        task = self.store.get(video_id).task
        if task is not None:
            self.tried(lambda: self.poll(video_id, task.id, 1))

    @rule(video_id=st.sampled_from(VIDEOS))
    def ask_for_its_end(self, video_id: str) -> None:
        before = self.store.get(video_id)
        if before.submission is not None and (before.task is not None or before.in_doubt):
            self.tried(lambda: self.report_failure(video_id))

    def tried(self, step: object) -> None:
        assert callable(step)
        with suppress(*TROUBLES):
            step()
        self.store.before_write = self.store.after_write = lambda _: None
        self.wan.during_post = lambda: None
        self.wan.replies = []

    def rows(self) -> list[Video]:
        return [self.store.get(video_id) for video_id in VIDEOS]

    @invariant()
    def nobody_is_billed_twice(self) -> None:
        for prompt, videos in ((PROMPT, 2), ("another", 1)):
            assert sum(task.request.prompt == prompt for task in self.wan.tasks_made) <= videos

    @invariant()
    def a_task_is_known_or_looked_for(self) -> None:
        known = {row.task.id for row in self.rows() if row.task is not None}
        lost = [task.request.prompt for task in self.wan.tasks_made if task.id not in known]
        doubtful = [row.request.prompt for row in self.rows() if row.in_doubt]
        assert all(lost.count(prompt) <= doubtful.count(prompt) for prompt in lost)

    @invariant()
    def a_task_belongs_to_one_video(self) -> None:
        tasks = [row.task.id for row in self.rows() if row.task is not None]
        assert len(tasks) == len(set(tasks))

    @invariant()
    def what_is_reserved_and_spent_is_what_the_rows_say(self) -> None:
        held = sum(row.reservation.seconds if row.reservation else row.spent_seconds for row in self.rows())
        assert (self.store.used("alice", TODAY), self.store.used(STACK, TODAY)) == (held, held)

    @invariant()
    def places_are_held_by_those_who_say_so(self) -> None:
        holders = {row.id for row in self.rows() if row.place is not None}
        assert self.store.pool("singapore#wan2.6-t2v").running == holders

    def teardown(self) -> None:
        """Once the errors end, every video with a task is completed, and with `resend` every video has a task."""
        if not hasattr(self, "wan"):
            return
        self.wan.list_errors = []
        for _ in range(60):
            self.clock.advance(60)
            for row in self.rows():
                if row.task is None and row.error is None and not row.status.final:
                    self.tried(lambda row=row: self.submit(row.id))
        waits = [row for row in self.rows() if row.task is None and row.error is None]
        lost = len(self.wan.tasks_made) - sum(row.task is not None for row in self.rows())
        assert lost <= 0
        assert not (self.resend and waits)


AnyTrouble.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=20, deadline=None)
test_no_trouble_bills_twice_loses_a_task_or_leaks_a_budget = AnyTrouble.TestCase


def test_a_task_older_than_the_submission_is_left_to_its_own_video() -> None:
    world = AnyTrouble()
    world.begin(lag=121, takes=10, resend=True)
    world.submit_one("video_1", Reply(True, LOST))
    world.wait(GRACE)
    world.submit_one("video_0", Reply(True, LOST))
    world.teardown()
    assert [task.request.prompt for task in world.wan.tasks_made] == [PROMPT, PROMPT, "another"]
    assert [world.store.get(video).task is not None for video in VIDEOS[:2]] == [True, True]


def test_a_grace_shorter_than_the_lag_would_bill_twice() -> None:
    world = AnyTrouble()
    world.begin(lag=300, takes=60, resend=True)
    world.submit = replace(world.submit, reconcile=replace(world.submit.reconcile, grace=0))
    world.submit_one("video_2", Reply(True, LOST))
    for _ in range(4):
        world.wait(61)
        world.submit_one("video_2", Reply())
    assert [task.request.prompt for task in world.wan.tasks_made] == ["another", "another"]
    assert isinstance(world.store.get("video_2").task, Task)
