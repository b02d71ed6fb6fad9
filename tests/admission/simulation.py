"""Thousands of videos through the services that ship, against the simulator's own limits, with a moved clock.

Rows, queues and objects are in memory; `dispatch`, `submit`, `poll` and `deliver` are the real services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, Final

from tests.admission.agenda import Agenda
from tests.admission.figures import Figures
from tests.admission.machine import Machine
from tests.admission.wan import SimulatedWan, render_nothing
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeObjects, FakeTopic, FakeTransfer
from tools.harness.samples import DEFAULTS, NOW, fields
from wan_simulator.clock import Clock
from wan_simulator.simulator import Settings, Simulator
from wan_simulator.tasks import Latency
from wan_video.domain.hosts import ResultHosts
from wan_video.domain.models import Region, pool_name
from wan_video.domain.queue import BATCH, INTERACTIVE
from wan_video.domain.quota import limit_in_force
from wan_video.domain.token import Token
from wan_video.domain.video import Status, Video
from wan_video.services.announce import Announce
from wan_video.services.deliver import Deliver
from wan_video.services.dispatch import Dispatch
from wan_video.services.intake import Intake
from wan_video.services.lost_tasks import LostTasks
from wan_video.services.poll import Poll
from wan_video.services.reconcile import Reconcile
from wan_video.services.report_failure import ReportFailure
from wan_video.services.submit import Submit

LATENCY: Final = Latency(pending=7, running=173)
"""A video takes three minutes, divided in the proportions of the samples in Wan's own documentation."""

BATCH_MODELS: Final = ("wan2.6-t2v", "wan2.2-t2v-plus")
BATCH_OWNERS: Final = ("alice", "bob")
INTERACTIVE_OWNER: Final = "carol"
ONE_IN: Final = 100
"""One of this number of videos is a single prompt that arrives while the batches run."""

GRACE_SECONDS: Final = 600
WAKE_SECONDS: Final = 2.0
"""Seconds from a write until its stream wakes the dispatcher."""


class WatchedStore(MemoryStore):
    """The store in memory with a stream, which reports the pools whose places became free."""

    def __init__(self) -> None:
        super().__init__()
        self.freed: set[str] = set()
        self.throttled: set[str] = set()
        """The pools with a submission that Wan has just answered with 429."""

    def save(self, before: Video, after: Video) -> Video:
        saved = super().save(before, after)
        if before.place is not None and saved.place is None:
            self.freed.add(before.place)
        if saved.throttled_at is not None:
            self.throttled.add(saved.pool)
        return saved


@dataclass
class Simulation:
    """One stack with filled queues."""

    simulator: Simulator
    store: WatchedStore
    agenda: Agenda
    machine: Machine
    wan: SimulatedWan
    topic: FakeTopic
    videos: list[Video]
    dispatch: Dispatch = field(init=False)
    begun: set[str] = field(default_factory=set)
    repeated: int = 0

    def __post_init__(self) -> None:
        self.dispatch = Dispatch(self.store, self.store, self, self.agenda.clock)

    # --- the port Executions -----------------------------------------------------------------------------------------

    def start(self, video: Video) -> None:
        name = f"{video.id}-{video.execution}"
        if name in self.begun:
            self.repeated += 1
            return
        self.begun.add(name)
        task_id = video.task.id if video.task is not None else None
        self.agenda.go(self.machine.execution(video.id, video.execution, task_id))

    def status(self, video_id: str, execution: int) -> str | None:
        return "RUNNING" if f"{video_id}-{execution}" in self.begun else None

    # --- events ------------------------------------------------------------------------------------------------------

    def arrive(self, videos: Sequence[Video]) -> None:
        """Accept videos, as the API and prompt files do."""
        for video in videos:
            self.store.accept(video)
        self.wake({video.pool for video in videos})

    def wake(self, pools: Collection[str]) -> None:
        """Wake the dispatcher, as the stream does."""
        self.agenda.after(WAKE_SECONDS, lambda: self.fill(pools))

    def fill(self, pools: Collection[str]) -> None:
        """Fill the places of pools."""
        self.dispatch(sorted(pools))

    def run(self) -> None:
        """Run until every video has been announced."""

        def is_over() -> bool:
            if self.store.freed:
                self.wake(frozenset(self.store.freed))
                self.store.freed.clear()
            if self.store.throttled:
                self.refused(frozenset(self.store.throttled))
                self.store.throttled.clear()
            self.after_each_event()
            return len(self.topic.events) >= len(self.videos)

        self.agenda.run(is_over)

    def after_each_event(self) -> None:
        """Do nothing where Wan's limits do not change."""

    def refused(self, pools: Collection[str]) -> None:
        """Do nothing where Wan's limits do not change."""


class CountedTopic(FakeTopic):
    """Counts events without checking them against their schema, as other tests do."""

    def publish(self, event: Any, attributes: Any) -> None:
        self.events.append(event)


def simulate(videos: int, *, queue: bool = True, seed: int = 1) -> Figures:
    """Run `videos` videos; with `queue` Wan queues tasks beyond its concurrency, otherwise it refuses them."""
    clock = FakeClock()
    with simulated_wan(clock, queue=queue, seed=seed) as simulator:
        batch, singles = _orders(videos, clock)
        simulation = Simulation(**stack_over(simulator, clock, seed), videos=[*batch, *singles])
        simulation.arrive(batch)
        for single in singles:
            simulation.agenda.after(single.created_at - NOW, partial(simulation.arrive, [single]))
        simulation.run()
        return _figures(simulation, singles)


@contextmanager
def simulated_wan(clock: FakeClock, *, queue: bool = True, seed: int = 1) -> Iterator[Simulator]:
    """Yield a simulator that keeps the time of a clock that is moved."""
    settings = Settings(clock=Clock(real=clock.now), seed=seed, films="reuse", queue=queue)
    with Simulator(settings, renderer=render_nothing) as simulator:
        simulator.wan.latency = LATENCY
        yield simulator


def stack_over(simulator: Simulator, clock: FakeClock, seed: int) -> dict[str, Any]:
    """Return everything that a `Simulation` needs except its videos."""
    store, topic, objects = WatchedStore(), CountedTopic(), FakeObjects()
    wan, announce = SimulatedWan(simulator), Announce(store, topic, clock)
    reconcile = Reconcile(store, LostTasks(wan, store, store, clock, GRACE_SECONDS), clock, GRACE_SECONDS)
    machine = Machine(
        submit=Submit(store, wan, reconcile, clock),
        poll=Poll(store, wan, clock),
        deliver=Deliver(
            videos=store,
            wan=wan,
            transfer=FakeTransfer(objects),
            objects=objects,
            announce=announce,
            hosts=ResultHosts.parse(simulator.origin),
            clock=clock,
        ),
        report_failure=ReportFailure(store, announce, clock),
        random=Random(seed),
    )
    return {
        "simulator": simulator,
        "store": store,
        "agenda": Agenda(clock),
        "machine": machine,
        "wan": wan,
        "topic": topic,
    }


def _orders(videos: int, clock: FakeClock) -> tuple[list[Video], list[Video]]:
    """Return the rows of batches, which exist at the start, and another owner's single prompts, which arrive later."""
    intake = Intake(clock, DEFAULTS)
    places = {model: _concurrency(model) for model in BATCH_MODELS}
    share = [model for model in BATCH_MODELS for _ in range(places[model])]
    hours = videos * (LATENCY.running / sum(places.values()))
    rows, singles = [], []
    for number in range(videos):
        is_single = number % ONE_IN == ONE_IN - 1
        owner = INTERACTIVE_OWNER if is_single else BATCH_OWNERS[number % 2]
        caller = Token(owner, frozenset({"write"}))
        request, estimate = intake.check(caller, fields(model=share[number % len(share)]))
        video = intake.row(
            caller,
            request,
            estimate,
            new_id=f"video_{number}",
            body_hash=str(number),
            priority=INTERACTIVE if is_single else BATCH,
            row=0 if is_single else number,
        )
        if is_single:
            singles.append(replace(video, created_at=int(NOW + 0.9 * hours * number / videos)))
        else:
            rows.append(video)
    return rows, singles


def _figures(simulation: Simulation, singles: Sequence[Video]) -> Figures:
    simulator, store, wan = simulation.simulator, simulation.store, simulation.wan
    rows = store.get_many([video.id for video in simulation.videos]).values()
    billed = simulator.ledger("billed")
    accepted = simulator.ledger("accepted")
    busy = capacity = 0.0
    for model in BATCH_MODELS:
        mine = [entry["at"] for entry in accepted if entry["model"] == model]
        ends = [entry["at"] for entry in billed if entry["model"] == model]
        if ends:
            busy += len(ends) * LATENCY.running
            capacity += _concurrency(model) * (max(ends) - min(mine) - LATENCY.pending)
    claimed = Counter(row.task.id for row in rows if row.task is not None)
    waits = [(row.started_at or 0) - single.created_at for single in singles for row in [store.get(single.id)]]
    seconds = max(entry["at"] for entry in billed) - NOW
    return Figures(
        videos=len(simulation.videos),
        completed=sum(row.status is Status.COMPLETED for row in rows),
        billed=len(billed),
        billed_twice=len(billed) - len({entry["task_id"] for entry in billed} & set(claimed)),
        hours=seconds / 3600,
        utilisation=busy / capacity,
        throttled=wan.throttled,
        queries=wan.queries,
        seconds=seconds,
        queries_peak=max(wan.per_second.values()),
        transitions=sum(simulation.machine.entered.values()),
        longest_interactive_wait=max(waits, default=0),
        places_left=sum(
            len(pool.running) for pool in store.read([pool_name(Region.SINGAPORE, m) for m in BATCH_MODELS])
        ),
    )


def _concurrency(model: str) -> int:
    """How many tasks of a model Wan works on at once."""
    return limit_in_force(pool_name(Region.SINGAPORE, model), None, {}).concurrency
