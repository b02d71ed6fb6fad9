"""What one wake-up, one start and one end cost with 500 places and 100,000 queued videos of 1,000 owners.

The services that ship run over the bench's DynamoDB (`bench.dynamodb`). Counted are calls, read and write units, the
size of the largest item written, and what 50 dispatchers at once make of one pool: transactions that met others
(conflicts), transactions whose condition failed (refused), and dispatchers that gave up. Their time is virtual
(`bench.clockwork`): its order of events is the same on any machine.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from bench.clockwork import Clockwork
from bench.dynamodb import Counts, DynamoDB
from bench.rows import Curve, Figure, Row
from bench.scale import MOULD, POOL, functions, items_like, tables, typed
from tools.harness.samples import NOW, queued, task_id_of
from tools.harness.stack import LEDGER, VIDEOS
from wan_video import bootstrap
from wan_video.adapters.dynamodb import transactions
from wan_video.adapters.dynamodb.ledger import line_key, pool_key, queue_item_key
from wan_video.adapters.dynamodb.records import dump
from wan_video.adapters.dynamodb.rows import row_item
from wan_video.domain.budget import STACK, Usage, utc_day
from wan_video.domain.names import video_id
from wan_video.domain.queue import BATCH, queue_key
from wan_video.domain.quota import Quota
from wan_video.domain.task import Task, TaskStatus
from wan_video.domain.video import Video

PLACES: Final = (5, 50, 500)
QUICK_PLACES: Final = (5, 50)


@dataclass(frozen=True)
class Load:
    """How many videos wait, of how many owners, and how many dispatchers are woken at once."""

    waiting: int
    owners: int
    dispatchers: int

    def __str__(self) -> str:
        return f"{self.waiting:,} queued of {self.owners:,} owners"


FULL: Final = Load(waiting=100_000, owners=1000, dispatchers=50)
QUICK: Final = Load(waiting=5000, owners=50, dispatchers=10)
SECONDS: Final = 5
DAY: Final = utc_day(NOW)
SEED: Final = 18
CURVES: Final = (
    ("read units of one step", "read units", "read_units", 2.0),
    ("write units of one step", "write units", "write_units", 1.1),
    ("the largest item that a step writes", "bytes of the largest item", "largest", 1.1),
)
"""The plots of what one step costs: title, unit, the member of Cost that is drawn, and the goal of its growth."""

MOST_ROUNDS: Final = 50


@dataclass(frozen=True)
class Cost:
    """What one step asked of DynamoDB."""

    calls: int
    read_units: float
    write_units: int
    largest: int


@dataclass(frozen=True)
class Herd:
    """What several works at once made of one pool; the figures from `transactions` to `executions` are for each start.

    `executions` counts calls of StartExecution. `failed` is how many works gave up, and `unsaved` how many of those
    could not save the end of their video, which Step Functions then retries.
    """

    started: int
    transactions: float
    conflicts: float
    refused: float
    read_units: float
    write_units: float
    executions: float
    failed: int
    unsaved: int
    seconds: float


def rows(quick: bool) -> Iterator[Figure]:
    """Every step at every number of places; a row compares the most with the fewest."""
    load, sizes = (QUICK, QUICK_PLACES) if quick else (FULL, PLACES)
    costs: dict[str, list[tuple[int, Cost]]] = {}
    herds: dict[str, list[tuple[int, Herd]]] = {}
    for places in sizes:
        with pool(places, load) as world:
            for name, cost in one_by_one(world).items():
                costs.setdefault(name, []).append((places, cost))
        for name, herd in at_once(places, load).items():
            herds.setdefault(name, []).append((places, herd))
    yield from figures_of_costs(costs, load)
    yield from figures_of_herds(herds, load)


# --- the steps -------------------------------------------------------------------------------------------------------


def one_by_one(world: World) -> dict[str, Cost]:
    """Return what a wake-up, an end and a start cost while no other dispatcher runs."""
    world.fill()
    seen = {"a wake-up, no place free": world.cost(world.wake_up)}
    (first, *_) = world.running()
    seen["an end"] = world.cost(lambda: end(first))
    seen["a wake-up with one start"] = world.cost(world.wake_up)
    world.check()
    return seen


def at_once(places: int, load: Load) -> dict[str, Herd]:
    """What dispatchers that are woken at once make of an empty pool, and of a full one in which as many videos end."""
    with pool(places, load) as world:
        filled = world.herd([world.wake_up] * load.dispatchers)
        world.fill()
        ending = world.running()[: load.dispatchers]

        def end_and_wake_up(video: Video) -> Callable[[], None]:
            def both() -> None:
                try:
                    end(video)
                except ClientError:
                    world.unsaved += 1
                    raise
                world.wake_up()

            return both

        refilled = world.herd([end_and_wake_up(video) for video in ending])
        world.fill()
        world.check()
    return {"an empty pool": filled, "as many ends": refilled}


def end(video: Video) -> None:
    """Save what `poll` saves when Wan has finished: the place is given back and the reservation is settled."""
    bootstrap.adapters.videos().save(video, video.task_succeeded(NOW, Usage(SECONDS, Decimal("3.669620"), "CNY")))


# --- the pool --------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """One pool over the tables, and the functions of the stack over them."""

    places: int
    owners: int
    dynamodb: DynamoDB
    unsaved: int = 0

    def wake_up(self) -> None:
        """Run one dispatcher, as the stream of `Videos` does."""
        replace(bootstrap.dispatch(), stopwatch=lambda: self.dynamodb.now)([POOL])

    def fill(self) -> None:
        """Start videos, one dispatcher after the other, until every place is taken; Wan then works on all of them."""
        for _ in range(MOST_ROUNDS):
            if len(self.holders()) == self.places:
                break
            self.wake_up()
        for video in self.holders():
            if video.task is None:
                task = Task(id=task_id_of(video.id), accepted_at=NOW, status=TaskStatus.RUNNING)
                worked_on = video.submitting(NOW).submitted(NOW, task)
                self.dynamodb.tables[VIDEOS].put(typed(row_item(worked_on)))

    def holders(self) -> list[Video]:
        """The videos whose rows hold a place."""
        names = sorted({name.rpartition("-")[0] for name in self.dynamodb.started})
        return [video for video in bootstrap.adapters.videos().get_many(names).values() if video.place is not None]

    def running(self) -> list[Video]:
        """The videos that Wan works on, in an order that does not change."""
        return sorted((video for video in self.holders() if video.task is not None), key=lambda video: video.id)

    def check(self) -> None:
        """Raise AssertionError unless all places are taken, by a fair share of each owner, and no video twice."""
        taken = {video.id for video in self.holders()}
        assert len(taken) == self.places, f"{len(taken)} of {self.places} places are taken"
        (read,) = bootstrap.adapters.pools().read([POOL])
        assert read.running == taken, "the pool and the rows differ"
        held = Counter(video.owner for video in self.holders())
        fair = -(-self.places // self.owners)
        assert max(held.values()) <= fair, f"one owner holds {max(held.values())} places, and {fair} are its share"
        (used,) = bootstrap.adapters.pools().used_by([STACK], DAY).values()
        assert used == SECONDS * len(set(self.dynamodb.started)), "a video was started twice, or not at all"

    def pause(self, seconds: float) -> None:
        """Pause between two attempts to write: in virtual time where several are at work, and not at all otherwise."""
        if self.dynamodb.clockwork is not None:
            self.dynamodb.clockwork.wait(seconds)

    def cost(self, step: Callable[[], object]) -> Cost:
        """What one step asks."""
        self.dynamodb.counts = counts = Counts()
        step()
        calls = sum("Execution" not in name for name in counts.calls)
        return Cost(calls, counts.units, counts.written, counts.largest)

    def herd(self, works: list[Callable[[], None]]) -> Herd:
        """What some works at once ask, in virtual time."""
        before = len(set(self.dynamodb.started))
        self.dynamodb.counts = counts = Counts()
        self.dynamodb.clockwork = clockwork = Clockwork()
        raised = clockwork.run(works)
        self.dynamodb.clockwork = None
        started = len(set(self.dynamodb.started)) - before
        each = max(started, 1)
        return Herd(
            started=started,
            transactions=counts.calls.count("TransactWriteItems") / each,
            conflicts=counts.conflicts / each,
            refused=counts.refused / each,
            read_units=counts.units / each,
            write_units=counts.written / each,
            executions=counts.calls.count("StartExecution") / each,
            failed=len(raised),
            unsaved=self.unsaved,
            seconds=clockwork.now,
        )


@contextlib.contextmanager
def pool(places: int, load: Load) -> Iterator[World]:
    """Yield one pool with this number of places, and the videos that wait for it."""
    dynamodb = tables()
    owners = [f"owner_{at}" for at in range(load.owners)]
    moulds = [queued(MOULD, owner=owner, queue_key=queue_key(BATCH, NOW, MOULD)) for owner in owners]
    names = [video_id(owners[at % load.owners], str(at)) for at in range(load.waiting)]
    orders = [(moulds[at % load.owners], name, NOW + at, 0) for at, name in enumerate(names)]
    dynamodb.tables[VIDEOS].load(items_like(orders))
    items: list[dict[str, Any]] = [
        queue_item_key(POOL, mould.owner, queue_key(BATCH, at, name)) | {"video_id": name}
        for mould, name, at, _ in orders
    ]
    for owner in owners:
        waiting = {"waiting_batch": load.waiting // load.owners, "since": 1000 * NOW, "version": 1}
        items.append(line_key(POOL, owner) | waiting)
    items.append(pool_key(POOL) | {"quota": dump(Quota(places, waiting=0))})
    dynamodb.tables[LEDGER].load(typed(item) for item in items)
    random.seed(SEED)
    with functions(dynamodb, NOW + 1), pytest.MonkeyPatch.context() as patch:
        world = World(places, load.owners, dynamodb)
        for writers in (transactions.Transactions, transactions.SingleWrites):
            patch.setattr(writers.__init__, "__defaults__", (world.pause,))
        yield world


# --- the figures -----------------------------------------------------------------------------------------------------


def figures_of_costs(costs: Mapping[str, list[tuple[int, Cost]]], load: Load) -> Iterator[Figure]:
    """Units and sizes by places."""
    for name, seen in costs.items():
        (few, first), (many, last) = seen[0], seen[-1]
        for _, unit, member, goal in CURVES:
            small, large = getattr(first, member), getattr(last, member)
            if large:
                note = f"{last.calls} calls, {load}"
                what = f"{name}: {few} to {many} places, growth of {unit}"
                yield Row(what, "times", large / (small or 1), goal=goal, better="below", note=note)
    for plot, unit, member, _ in CURVES:
        for name, seen in costs.items():
            yield Curve(plot, name, "places", unit, [(places, getattr(cost, member)) for places, cost in seen])


def figures_of_herds(herds: Mapping[str, list[tuple[int, Herd]]], load: Load) -> Iterator[Figure]:
    """What several dispatchers at once ask for each start."""
    for name, seen in herds.items():
        places, herd = seen[-1]
        what = f"{load.dispatchers} dispatchers, {name}, {places} places"
        note = f"{herd.started} started in {herd.seconds:.1f} virtual seconds, {herd.unsaved} ends not saved"
        yield Row(f"{what}: gave up", "dispatchers", herd.failed, goal=0, better="below", note=note)
        for unit in ("transactions", "conflicts", "refused", "read_units", "write_units", "executions"):
            words = f"{unit.replace('_', ' ')} a start"
            yield Row(f"{what}: {words}", words, getattr(herd, unit), note=note)
    for name, seen in herds.items():
        points = [(places, herd.transactions) for places, herd in seen]
        yield Curve("transactions for each start", name, "places", "transactions", points)
