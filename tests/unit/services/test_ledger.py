"""The services that ship, run at random by workers that die between any two writes: the invariants always hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, ClassVar, Final, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.examples import examples
from tests.fakes.mortal import Fate
from tests.fakes.repairs import first
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan, Reply, lost_tasks
from tests.fakes.world import FakeClock, FakeExecutions, FakeObjects, FakeTopic, FakeTransfer, Killed
from tools.harness.samples import queued, request
from wan_video.domain.budget import STACK
from wan_video.domain.hosts import ResultHosts
from wan_video.domain.models import POOLS, Size
from wan_video.domain.queue import BATCH, INTERACTIVE, queue_key
from wan_video.domain.quota import limit_in_force
from wan_video.domain.submission import SubmissionState
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    DeliveryInterrupted,
    StoreError,
    WanError,
    WanRefused,
    WanThrottled,
    WanUncertain,
    WanUnreachable,
)
from wan_video.services.announce import Announce
from wan_video.services.deliver import Deliver
from wan_video.services.deliver import Outcome as Delivered
from wan_video.services.dispatch import Dispatch
from wan_video.services.lost_tasks import LostTasks
from wan_video.services.poll import Outcome as Polled
from wan_video.services.poll import Poll
from wan_video.services.reconcile import Reconcile
from wan_video.services.repairs.orphans import OrphanedTasks
from wan_video.services.repairs.places import LeakedPlaces
from wan_video.services.repairs.unfinished import UnfinishedVideos
from wan_video.services.report_failure import ReportFailure
from wan_video.services.submit import Outcome as Submitted
from wan_video.services.submit import Submit
from wan_video.services.sweep import Sweep

WRITES: Final = {
    "save",
    "start",
    "lease",
    "release",
    "note_begun",
    "adopt",
    "remove_item",
    "remove_line",
    "pass_over",
    "give_back",
    "publish",
    "put_json",
    "copy",
}
OWNERS: Final = ("alice", "bob", "carol")
POOR: Final = "carol"
POOR_SECONDS: Final = 15
STACK_SECONDS: Final = 60
MODELS: Final = {"wan2.6-t2v": Size(1280, 720), "wan2.2-t2v-plus": Size(832, 480)}
PROMPTS: Final = ("a fox", "a cat", "an owl")
REFUSED: Final = SubmissionState.REFUSED
MOST_VIDEOS: Final = 10
TASK_SECONDS: Final = 180.0
DAYS_TO_THE_END: Final = 15

REPLIES: Final = {
    "accepted": Reply(),
    "the answer is lost": Reply(error=WanUncertain("AnswerLost", "x")),
    "the request is lost": Reply(accepted=False, error=WanUncertain("AnswerLost", "x")),
    "killed after it": Reply(error=Killed()),
    "killed before it": Reply(accepted=False, error=Killed()),
    "throttled": Reply(accepted=False, error=WanThrottled("Throttling", "x", status=429)),
    "unreachable": Reply(accepted=False, error=WanUnreachable("ConnectionFailed", "x")),
    "refused": Reply(accepted=False, error=WanRefused("DataInspectionFailed", "x", status=400)),
}
ANY_HOST: Final = cast(ResultHosts, SimpleNamespace(allow=lambda url: True))
GOOD_WORKER: Final = (None, "before")
MOMENTS: Final = st.sampled_from(["before", "after"])
FATES: Final = st.one_of(st.just(GOOD_WORKER), st.tuples(st.integers(0, 4), MOMENTS))
BUSY_FATES: Final = st.one_of(st.just(GOOD_WORKER), st.tuples(st.integers(0, 15), MOMENTS))
"""The last write that a worker of many videos may die at; no worker writes more often."""
Worker = tuple[Any, Any]


@dataclass
class Walk:
    """The position of one execution of the state machine."""

    video_id: str
    number: int
    task_id: str | None
    state: str = "submit"

    def __post_init__(self) -> None:
        if self.task_id is not None:
            self.state = "poll"


@dataclass
class Services:
    """Return the services of one worker, which may be about to die."""

    world: Ledger
    fate: Fate = field(default_factory=Fate)

    def __post_init__(self) -> None:
        world, of = self.world, self.fate.of
        clock, wan = world.clock, world.wan
        store, topic = of(world.store, WRITES), of(world.topic, WRITES)
        objects, executions = of(world.objects, WRITES), of(world.executions, {"start"})
        search: LostTasks = lost_tasks(wan, store, store)
        announce = world.announce(store, topic, clock)
        self.dispatch = Dispatch(store, store, executions, clock, daily_seconds=STACK_SECONDS)
        self.submit = Submit(store, wan, Reconcile(store, search, clock, world.grace, world.resend), clock)
        self.poll = Poll(store, wan, clock)
        self.deliver = Deliver(
            store,
            wan,
            of(FakeTransfer(world.objects), WRITES),
            objects,
            announce,
            ANY_HOST,
            clock,
        )
        self.report_failure = ReportFailure(store, announce, clock)
        self.sweep = Sweep(
            [LeakedPlaces(store, store, POOLS)],
            UnfinishedVideos(store, executions, announce, self.report_failure, clock, start=first),
            [OrphanedTasks(store, search, clock, start=first)],
        )


class Ledger(RuleBasedStateMachine):
    """Videos of three owners, a Wan that counts what it bills, and workers that die."""

    resend: ClassVar[bool] = False
    grace: ClassVar[int] = 600
    announce: ClassVar[type[Announce]] = Announce

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.topic, self.objects = FakeTopic(), FakeObjects()
        self.executions = FakeExecutions()
        self.wan = FakeWan(clock=self.clock, takes=TASK_SECONDS)
        self.asked: list[str] = []
        self.walks: dict[str, Walk] = {}

    # --- steps -------------------------------------------------------------------------------------------------------

    @initialize(lag=st.sampled_from([590, 300, 0]))
    def wan_lists_late(self, lag: int) -> None:
        self.wan.lag = lag
        self.ask("alice", "wan2.6-t2v", "a fox", 5, INTERACTIVE)

    @precondition(lambda self: len(self.asked) < MOST_VIDEOS)
    @rule(
        owner=st.sampled_from(OWNERS),
        model=st.sampled_from(sorted(MODELS)),
        prompt=st.sampled_from(PROMPTS),
        seconds=st.sampled_from([5, 10]),
        priority=st.sampled_from([INTERACTIVE, BATCH]),
    )
    def ask(self, owner: str, model: str, prompt: str, seconds: int, priority: int) -> None:
        new_id = f"video_{len(self.asked)}"
        video = queued(
            new_id,
            owner=owner,
            at=self.clock.moment,
            request=request(prompt=prompt, model=model, size=MODELS[model], seconds=seconds if "2.6" in model else 5),
            queue_key=queue_key(priority, self.clock.moment, new_id),
            daily_seconds=POOR_SECONDS if owner == POOR else None,
        )
        self.store.accept(video)
        self.asked.append(new_id)

    @rule(worker=BUSY_FATES)
    def dispatch(self, worker: Worker) -> None:
        self.attempt(lambda services: services.dispatch(POOLS), worker)

    @precondition(lambda self: self.running())
    @rule(data=st.data(), reply=st.sampled_from(sorted(REPLIES)), worker=FATES)
    def step(self, data: st.DataObject, reply: str, worker: Worker) -> None:
        name = data.draw(st.sampled_from(sorted(self.running())))
        self.go_on(name, REPLIES[reply], worker)

    @rule(reply=st.sampled_from(["the answer is lost", "killed after it"]))
    def answers_are_lost(self, reply: str) -> None:
        self.dispatch(GOOD_WORKER)
        for name in sorted(self.running()):
            self.go_on(name, REPLIES[reply], GOOD_WORKER)

    @rule(rounds=st.integers(1, 6), seconds=st.sampled_from([31, 61, 301]), worker=FATES)
    def wan_does_well_for_a_while(self, rounds: int, seconds: int, worker: Worker) -> None:
        for _ in range(rounds):
            self.clock.advance(seconds)
            self.dispatch(worker)
            for name in sorted(self.running()):
                self.go_on(name, REPLIES["accepted"], worker)

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def two_workers_submit(self, data: st.DataObject) -> None:
        """The platform invokes Submit again while the first worker waits for Wan's answer."""
        name = data.draw(st.sampled_from(sorted(self.running())))

        def again() -> None:
            self.wan.during_post = lambda: None
            self.go_on(name, REPLIES["accepted"], GOOD_WORKER)

        self.wan.during_post = again
        self.go_on(name, REPLIES["accepted"], GOOD_WORKER)
        self.wan.during_post = lambda: None

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def an_execution_dies(self, data: st.DataObject) -> None:
        self.executions.end(data.draw(st.sampled_from(sorted(self.running()))), "FAILED")

    @precondition(lambda self: self.wan.tasks_made)
    @rule(data=st.data())
    def a_task_fails(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(self.wan.tasks_made))
        if task.status is None and self.clock.now() - task.created_at < TASK_SECONDS:
            task.status = "FAILED"

    @rule(worker=BUSY_FATES)
    def sweep(self, worker: Worker) -> None:
        self.attempt(lambda services: services.sweep(), worker)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        row = self.store.get(data.draw(st.sampled_from(self.asked)))
        if row.status is Status.QUEUED:
            self.store.save(row, row.cancelled(int(self.clock.now())))

    @rule(seconds=st.sampled_from([1, 15, 61, 301, 601, 3600, 24 * 3600 + 1]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    # --- invariants --------------------------------------------------------------------------------------------------

    @invariant()
    def no_video_is_billed_twice(self) -> None:
        """Count equal requests together, because they are interchangeable."""
        sent = [row for row in map(self.store.get, self.asked) if row.submission and row.submission.state != REFUSED]
        tasks = [task for task in self.wan.tasks_made if task.status != "FAILED"]
        billed = Counter((task.request.model, task.request.prompt, task.request.seconds) for task in tasks)
        submitted = Counter((row.request.model, row.request.prompt, row.request.seconds) for row in sent)
        assert billed <= submitted, f"billed {billed}, submitted {submitted}"

    @invariant()
    def places_are_held_by_those_whose_rows_say_so_and_are_never_too_many(self) -> None:
        held: dict[str, set[str]] = {}
        for row in self.rows():
            if row.place is not None:
                held.setdefault(row.place, set()).add(row.id)
        for pool in self.store.read(POOLS):
            assert set(pool.running) == held.get(pool.name, set())
            assert pool.taken == len(pool.places)
            assert len(pool.running) <= limit_in_force(pool.name, None, {}).places

    @invariant()
    def lines_count_those_who_wait(self) -> None:
        waiting = Counter((row.pool, row.owner) for row in self.rows() if row.status is Status.QUEUED)
        counted = {(pool.name, line.owner): line.waits for pool in self.store.read(POOLS) for line in pool.lines}
        assert Counter(counted) == waiting

    @invariant()
    def reservations_are_those_of_the_rows_and_no_budget_is_exceeded(self) -> None:
        for owner in (*OWNERS, STACK):
            days = self.store.usage(owner, "0000", "9999")
            rows = [row for row in self.rows() if owner in (row.owner, STACK)]
            assert sum(day.reserved for day in days) == sum(row.reservation.seconds for row in rows if row.reservation)
            limit = {POOR: POOR_SECONDS, STACK: STACK_SECONDS}.get(owner)
            assert limit is None or all(day.reserved + day.spent <= limit for day in days)

    @invariant()
    def what_was_announced_is_true_and_stays_so(self) -> None:
        announced: dict[str, str] = {}
        for event in self.topic.events:
            data = event["data"]
            first = announced.setdefault(data["id"], data["status"])
            assert first == data["status"] == self.store.get(data["id"]).status
            assert data["status"] != "completed" or f"videos/{data['id']}/video.mp4" in self.objects.stored

    def teardown(self) -> None:
        """Once nothing fails any longer, everything ends and is announced under one id."""
        end = self.clock.now() + DAYS_TO_THE_END * 24 * 3600
        while not all(row.announced_at for row in self.rows()):
            assert self.clock.now() < end, [row for row in self.rows() if row.announced_at is None]
            self.clock.advance(301 if self.running() else 3601)
            self.dispatch(GOOD_WORKER)
            for name in sorted(self.running()):
                self.go_on(name, REPLIES["accepted"], GOOD_WORKER)
            self.sweep(GOOD_WORKER)
        self.clock.advance(601)
        self.sweep(GOOD_WORKER)
        self.dispatch(GOOD_WORKER)
        self.no_video_is_billed_twice()
        self.what_was_announced_is_true_and_stays_so()
        assert {event["data"]["id"] for event in self.topic.events} == {row.id for row in self.rows()}
        assert len({event["id"] for event in self.topic.events}) == len(list(self.rows()))
        assert all(not pool.running and not pool.lines for pool in self.store.read(POOLS))
        assert all(day.reserved == 0 for owner in (*OWNERS, STACK) for day in self.store.usage(owner, "0000", "9999"))

    # --- helpers -----------------------------------------------------------------------------------------------------

    def rows(self) -> list[Video]:
        """Return all rows: those that were requested, and rescued tasks."""
        return list(self.store.rows())

    def running(self) -> dict[str, Walk]:
        """Return the running executions with their positions."""
        for name, given in self.executions.inputs.items():
            if name not in self.walks and given:
                self.walks[name] = Walk(given["video_id"], given["n"], given.get("task_id"))
        return {name: walk for name, walk in self.walks.items() if self.executions.statuses[name] == "RUNNING"}

    def attempt(self, work: Any, worker: Worker) -> Any:
        """Return the result of a worker, or None if it died or failed."""
        try:
            return work(Services(self, Fate(*worker)))
        except (Killed, StoreError, WanError, DeliveryInterrupted):
            return None

    def go_on(self, name: str, reply: Reply, worker: Worker) -> None:
        """Run one step of an execution; an error is retried as in the state machine."""
        walk = self.walks[name]
        self.wan.replies = [reply]
        if walk.state == "submit":
            submitted = self.attempt(lambda services: services.submit(walk.video_id), worker)
            walk.task_id = submitted.task_id if submitted else None
            outcome = submitted.outcome if submitted else None
        elif walk.state == "poll":
            task_id = walk.task_id or ""
            polled = self.attempt(lambda services: services.poll(walk.video_id, task_id, walk.number), worker)
            outcome = polled.outcome if polled else None
        elif walk.state == "deliver":
            outcome = self.attempt(lambda services: services.deliver(walk.video_id, walk.task_id or ""), worker)
        else:
            outcome = "reported" if self.attempt(lambda s: s.report_failure(walk.video_id), worker) else None
        self.wan.replies = []
        walk.state = NEXT.get((walk.state, outcome), walk.state)
        if walk.state == "done":
            self.executions.end(name, "SUCCEEDED")


NEXT: Final[dict[tuple[str, Any], str]] = {
    ("submit", Submitted.SUBMITTED): "poll",
    ("submit", Submitted.REFUSED): "report",
    ("submit", Submitted.OVER): "done",
    ("poll", Polled.SUCCEEDED): "deliver",
    ("poll", Polled.FAILED): "report",
    ("poll", Polled.CANCELLED): "report",
    ("poll", Polled.EXPIRED): "report",
    ("poll", Polled.OVER): "done",
    ("deliver", Delivered.COMPLETED): "done",
    ("deliver", Delivered.FAILED): "report",
    ("deliver", Delivered.OVER): "done",
    ("report", "reported"): "done",
}


class LedgerThatResends(Ledger):
    """The same machine with OnAmbiguousSubmit=resend."""

    resend = True


MODERATE: Final = settings(
    max_examples=examples(60),
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


class LedgerWithoutGrace(LedgerThatResends):
    """The same machine with a bug: it assumes absence before Wan's list can have shown the task."""

    grace = 30


class NotesBeforeItPublishes(Announce):
    """A bug: a worker that dies between the two writes has recorded a notice that was never sent."""

    def __call__(self, video: Video) -> Video:
        if video.announced_at is not None:
            return video
        noted = self.videos.save(video, video.announced(int(self.clock.now())))
        super().__call__(replace(noted, announced_at=None))
        return noted


class LedgerThatNotesTooSoon(Ledger):
    """The same machine with that bug."""

    announce = NotesBeforeItPublishes


@pytest.mark.slow
def test_a_crash_between_two_writes_reveals_their_wrong_order() -> None:
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            LedgerThatNotesTooSoon, settings=settings(MODERATE, max_examples=500, phases=[Phase.generate])
        )


@pytest.mark.slow
def test_a_second_bill_reveals_a_grace_that_is_too_short() -> None:
    with pytest.raises(AssertionError, match="billed"):
        run_state_machine_as_test(
            LedgerWithoutGrace, settings=settings(MODERATE, max_examples=500, phases=[Phase.generate])
        )


TestHold = Ledger.TestCase
TestHold.settings = MODERATE
TestResend = LedgerThatResends.TestCase
TestResend.settings = MODERATE
