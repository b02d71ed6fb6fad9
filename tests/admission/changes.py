"""Wan's limits that change while videos run: the stack as it ships notices them, with a moved clock.

Wan works on 5 videos of a model at once, then on 2, then on 20. `sweep` reads that about hourly and after a 429.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tests.admission.figures import LEAST_UTILISATION, MOST_THROTTLED
from tests.admission.simulation import BATCH_OWNERS, WAKE_SECONDS, Simulation, simulated_wan, stack_over
from tests.fakes.world import FakeClock
from tools.harness.samples import DEFAULTS, fields
from wan_simulator.errors import RefusalError
from wan_simulator.quotas import QUOTA_ROUTES
from wan_simulator.service import Call
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.quotas import read_quota
from wan_video.domain.models import Region, pool_name
from wan_video.domain.queue import BATCH
from wan_video.domain.quota import Quota, limit_in_force
from wan_video.domain.token import Token
from wan_video.domain.video import Status, Video
from wan_video.errors import WanRefused
from wan_video.services.intake import Intake
from wan_video.services.repairs.quotas import Change, LiveQuotas

MODEL: Final = "wan2.6-t2v"
POOL: Final = pool_name(Region.SINGAPORE, MODEL)

SWEEP_SECONDS: Final = 300.0
DISPATCH_SECONDS: Final = 60.0
"""The schedules of template.yaml."""


@dataclass(frozen=True)
class Phase:
    """What Wan allows of the model once a share of the videos has ended: tasks at work, and tasks that wait."""

    running: int
    waiting: int | None
    after: float = 0.0


REFUSING: Final = (Phase(5, 5), Phase(2, 1, after=1 / 6), Phase(20, 20, after=1 / 4))
"""Wan's queue shrinks too, so that it answers 429: the fall is noticed at once, the rise within the hour."""

QUEUEING: Final = (Phase(5, None), Phase(2, None, after=1 / 6), Phase(20, None, after=1 / 4))
"""Wan lets any number of tasks wait, so that nothing but the hourly reading notices a change."""


class SimulatedQuotas:
    """The port `WanQuotas` over a simulator in this process; its answers are read by the adapter that ships."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.readings = 0

    def quota(self, region: Region, model: str) -> Quota | None:
        self.readings += 1
        return read_quota(self._ask, model, "")

    def retirements(self, region: Region) -> Mapping[str, int | None]:
        return {}

    def _ask(self, address: str) -> Mapping[str, Any]:
        wan, (path, query) = self._simulator.wan, (urlsplit(address).path, urlsplit(address).query)
        key = f"Bearer {self._simulator.key()}"
        call = Call(Region.SINGAPORE, key, False, False, (), wan.request_id())
        (route,) = (route for route in QUOTA_ROUTES if path == f"/{route}")
        try:
            return wan.list_quotas(call, route, dict(parse_qsl(query)))
        except RefusalError as refusal:
            raise WanRefused(refusal.code, str(refusal), status=refusal.status) from None


@dataclass
class ChangingSimulation(Simulation):
    """A stack whose `sweep` and `dispatch` are woken by their schedules too, and a Wan whose limits change."""

    phases: Sequence[Phase] = REFUSING
    changes: list[tuple[float, Change]] = field(default_factory=list)
    """When `sweep` has read another limit, and which."""
    changed_at: list[float] = field(default_factory=list)
    """When each phase has begun at Wan."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.quotas = SimulatedQuotas(self.simulator)
        clock = self.agenda.clock
        self.live = LiveQuotas(
            self.quotas, self.store, clock, [POOL], on_change=lambda one: self.changes.append((clock.now(), one))
        )

    def begin(self) -> None:
        """Start both schedules."""
        self.after_each_event()
        self._sweep()
        self._dispatch()

    def after_each_event(self) -> None:
        """Begin the next phase once its share of the videos has ended."""
        ended, begun = len(self.topic.events), len(self.changed_at)
        if begun < len(self.phases) and ended >= self.phases[begun].after * len(self.videos):
            phase = self.phases[begun]
            self.simulator.set_quota(
                MODEL, async_user_concurrency_limit=phase.running, async_user_queue_limit=phase.waiting
            )
            self.changed_at.append(self.agenda.clock.now())

    def refused(self, pools: Collection[str]) -> None:
        """Wake `sweep` for submissions that Wan has answered with 429, as the stream does."""
        self.agenda.after(WAKE_SECONDS, lambda: self.live.after_429(sorted(pools)))

    def _sweep(self) -> None:
        for step in self.live():
            step()
        self.agenda.after(SWEEP_SECONDS, self._sweep)

    def _dispatch(self) -> None:
        self.fill([POOL])
        self.agenda.after(DISPATCH_SECONDS, self._dispatch)


@dataclass(frozen=True)
class ChangeFigures:
    """The counts of one run with changing limits; seconds are those of the moved clock.

    `utilisation` is the share of the limit last read that Wan's running tasks used while videos waited, and
    `noticed_after` how many seconds after each change at Wan it was read.
    """

    videos: int
    completed: int
    billed: int
    billed_twice: int
    hours: float
    utilisation: float
    throttled: int
    readings: int
    limits_read: tuple[int, ...]
    noticed_after: tuple[int, ...]
    places_left: int

    def document(self) -> dict[str, Any]:
        """Return the figures by name, with totals as shares."""
        return {
            "videos": self.videos,
            "completed": self.completed,
            "billed": self.billed,
            "billed_twice": self.billed_twice,
            "hours": round(self.hours, 2),
            "utilisation": round(self.utilisation, 4),
            "throttled_per_video": round(self.throttled / self.videos, 4),
            "readings": self.readings,
            "limits_read": list(self.limits_read),
            "noticed_after_seconds": list(self.noticed_after),
            "places_left": self.places_left,
        }

    def violations(self) -> list[str]:
        """Return the bounds that do not hold."""
        shown = self.document()
        bounds = {
            "completed": self.completed == self.videos,
            "billed": self.billed == self.videos,
            "billed_twice": self.billed_twice == 0,
            "utilisation": self.utilisation >= LEAST_UTILISATION,
            "throttled_per_video": self.throttled / self.videos <= MOST_THROTTLED,
            "limits_read": self.limits_read == (2, 20),
            "places_left": self.places_left == 0,
        }
        return [f"{name} is {shown[name]}" for name, holds in bounds.items() if not holds]


def simulate_changes(videos: int, phases: Sequence[Phase] = REFUSING, seed: int = 1) -> ChangeFigures:
    """Run `videos` videos of two owners while Wan's limits change."""
    clock = FakeClock()
    with simulated_wan(clock, seed=seed) as simulator:
        orders = _orders(videos, clock)
        simulation = ChangingSimulation(**stack_over(simulator, clock, seed), videos=orders, phases=phases)
        simulation.begin()
        simulation.arrive(orders)
        simulation.run()
        return _figures(simulation)


def _orders(videos: int, clock: FakeClock) -> list[Video]:
    intake = Intake(clock, DEFAULTS)
    orders = []
    for number in range(videos):
        caller = Token(BATCH_OWNERS[number % 2], frozenset({"write"}))
        request, estimate = intake.check(caller, fields(model=MODEL))
        orders.append(
            intake.row(
                caller,
                request,
                estimate,
                new_id=f"video_{number}",
                body_hash=str(number),
                priority=BATCH,
                row=number,
            )
        )
    return orders


def _figures(simulation: ChangingSimulation) -> ChangeFigures:
    simulator, store = simulation.simulator, simulation.store
    rows = store.get_many([video.id for video in simulation.videos]).values()
    billed, accepted = simulator.ledger("billed"), simulator.ledger("accepted")
    tasks = [simulator.wan.task(entry["task_id"]) for entry in accepted]
    runs = [(task.scheduled_at, task.ended_at) for task in tasks if task is not None]
    started = [row.started_at for row in rows if row.started_at is not None]
    begin = min(at for at, _ in runs if at is not None)
    first = limit_in_force(POOL, None, {}).concurrency
    limits = [(begin, first), *((at, change.after.concurrency) for at, change in simulation.changes)]
    claimed = Counter(row.task.id for row in rows if row.task is not None)
    noticed = [at for at, _ in simulation.changes]
    return ChangeFigures(
        videos=len(simulation.videos),
        completed=sum(row.status is Status.COMPLETED for row in rows),
        billed=len(billed),
        billed_twice=len(billed) - len({entry["task_id"] for entry in billed} & set(claimed)),
        hours=(max(entry["at"] for entry in billed) - begin) / 3600,
        utilisation=utilisation(((at or begin, end or begin) for at, end in runs), limits, max(started)),
        throttled=simulation.wan.throttled,
        readings=simulation.quotas.readings,
        limits_read=tuple(change.after.concurrency for _, change in simulation.changes if _changed(change)),
        noticed_after=tuple(round(at - began) for at, began in zip(noticed, simulation.changed_at[1:], strict=False)),
        places_left=len(store.pool(POOL).places),
    )


def _changed(change: Change) -> bool:
    return change.after.concurrency != change.before.concurrency


def utilisation(runs: Iterable[tuple[float, float]], limits: Sequence[tuple[float, int]], end: float) -> float:
    """Return the share of a changing limit that tasks used, from the first limit until `end`.

    `runs` are the begin and end of each task, `limits` the times from which each limit holds. Tasks beyond a limit that
    has fallen are not counted.
    """
    changes = Counter[float]()
    for begun, ended in runs:
        changes[begun] += 1
        changes[ended] -= 1
    moments = sorted({*changes, *(at for at, _ in limits), end})
    limit_from = dict(limits)
    running = limit = 0
    used = allowed = 0.0
    for at, following in pairwise(moments):
        running += changes[at]
        limit = limit_from.get(at, limit)
        if at >= end:
            break
        used += min(running, limit) * (following - at)
        allowed += limit * (following - at)
    return used / allowed if allowed else 0.0
