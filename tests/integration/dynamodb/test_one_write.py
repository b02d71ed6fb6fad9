"""What a port promises with DynamoDB: a step is one write, and a read that decides something is strongly consistent.

A step that consists of two writes passes every other test, but loses data or pays twice if a worker is killed between
the two. Therefore this test lists every method of every port by its kind, and counts the calls that it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

import pytest

from tests.integration.dynamodb.stores import FAILURE, POOL, Store, Videos, adopted
from tools.harness.samples import NOW, TODAY, known_task, open_batch, queued, rows_of, stored, waiting_batch
from tools.harness.stack import LEDGER, Stack
from wan_video.adapters.dynamodb.claims import DynamoClaims
from wan_video.adapters.dynamodb.ledger import pool_key
from wan_video.adapters.dynamodb.repeats import DynamoRepeats
from wan_video.adapters.dynamodb.tokens import DynamoTokens
from wan_video.domain.batch import Batch, Source
from wan_video.domain.budget import STACK, Reservation, Usage
from wan_video.domain.listing import Mark, VideoQuery
from wan_video.domain.models import Region
from wan_video.domain.names import video_id
from wan_video.domain.pool import Place
from wan_video.domain.queue import QueueItem
from wan_video.domain.quota import Quota
from wan_video.domain.task import Task
from wan_video.domain.video import Video
from wan_video.ports.batches import Batches
from wan_video.ports.claims import Claims
from wan_video.ports.pools import Pools
from wan_video.ports.quotas import Quotas
from wan_video.ports.repeats import Repeats
from wan_video.ports.tokens import Tokens

WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
PORTS: Final = (Videos, Claims, Batches, Repeats, Pools, Quotas, Tokens)
FOX: Final = Task("task_1", NOW)

Step = Callable[[], object]


@dataclass
class Calls:
    """The calls of DynamoDB: names of writes, and of reads with their consistency."""

    writes: list[str] = field(default_factory=list)
    reads: list[tuple[str, bool]] = field(default_factory=list)

    def note(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        if model.name in WRITES:
            self.writes.append(model.name)
        elif model.name in READS:
            strong = [table.get("ConsistentRead", False) for table in params.get("RequestItems", {"": params}).values()]
            self.reads.append((model.name, all(strong)))
        else:
            raise AssertionError(f"{model.name} is neither a known read nor a known write")


class World:
    """The stores over one stack, and the states that steps start from."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.videos, self.batches, self.pools = stack.videos, stack.batches, stack.pools
        self.claims = DynamoClaims(stack.tables, LEDGER)
        self.repeats = DynamoRepeats(stack.tables, LEDGER)
        self.tokens = DynamoTokens(stack.tables, LEDGER)
        self.quotas = stack.quotas
        self.store = Store(self.videos, self.pools, self.claims, self.quotas)

    @contextmanager
    def calls(self) -> Iterator[Calls]:
        """Yield the calls that are made in the block."""
        calls = Calls()
        events = self.stack.tables.meta.events
        events.register("before-parameter-build.dynamodb", calls.note)
        try:
            yield calls
        finally:
            events.unregister("before-parameter-build.dynamodb", calls.note)

    # --- rows ---

    def row_of_batch(self) -> tuple[Batch, list[Video]]:
        batch = open_batch(total=2)
        self.batches.create(batch)
        rows = rows_of(batch, 1, 2)
        return self.videos.accept_rows(batch, rows, NOW), rows

    def started_row(self) -> Video:
        """A row of a batch that holds a place and a reservation: everything that a save can have to release."""
        _, (row, _) = self.row_of_batch()
        return self.store.start(row)

    def submitting_row(self) -> Video:
        row = self.started_row()
        return self.videos.save(row, row.submitting(NOW))

    def submitted_row(self) -> Video:
        row = self.submitting_row()
        return self.videos.save(row, row.submitted(NOW, FOX))

    def made_row(self) -> Video:
        row = self.submitted_row()
        seen = row.task_seen(NOW, known_task(row), 1)
        return self.videos.save(row, seen.task_succeeded(NOW, Usage(5, Decimal(1), "CNY")))

    def completed_row(self) -> Video:
        row = self.made_row()
        return self.videos.save(row, row.completed(NOW, stored(row.id)))

    def save(self, row: Video, after: Video) -> Step:
        return lambda: self.videos.save(row, after)

    def save_batch(self, batch: Batch, after: Batch) -> Step:
        return lambda: self.batches.save(batch, after)


def accept(world: World) -> Step:
    return lambda: world.videos.accept(queued())


def accept_rows(world: World) -> Step:
    batch = open_batch(total=2)
    world.batches.create(batch)
    return lambda: world.videos.accept_rows(batch, rows_of(batch, 1, 2), NOW)


def cancel_rows(world: World) -> Step:
    _, rows = world.row_of_batch()
    return lambda: world.videos.cancel_rows(rows, NOW)


def adopt(world: World) -> Step:
    return lambda: world.videos.adopt(adopted("video_1"))


def settle_unknown_tasks(world: World) -> Step:
    return lambda: world.videos.settle_unknown_tasks("alice", ["video_1"])


def delete(world: World) -> Step:
    row = world.completed_row()
    return lambda: world.videos.delete(row, NOW)


def start(world: World) -> Step:
    _, (row, _) = world.row_of_batch()
    after = row.start(NOW, Reservation(TODAY, 5))
    return lambda: world.videos.start(row, after, places=6, budgets={row.owner: 60, STACK: 60})


def cancelled(world: World) -> Step:
    _, (row, _) = world.row_of_batch()
    return world.save(row, row.cancelled(NOW))


def ended_while_it_waited(world: World) -> Step:
    _, (row, _) = world.row_of_batch()
    return world.save(row, row.ended(NOW, FAILURE))


def submitting(world: World) -> Step:
    row = world.started_row()
    return world.save(row, row.submitting(NOW))


def submitted_and_claimed(world: World) -> Step:
    row = world.submitting_row()
    return world.save(row, row.submitted(NOW, FOX))


def refused(world: World) -> Step:
    row = world.submitting_row()
    return world.save(row, row.refused(NOW, FAILURE))


def without_its_place(world: World) -> Step:
    row = world.submitting_row()
    row = world.videos.save(row, row.submission_uncertain(NOW))
    return world.save(row, row.without_place(NOW))


def task_succeeded(world: World) -> Step:
    row = world.submitted_row()
    return world.save(row, row.task_succeeded(NOW, Usage(5, Decimal(1), "CNY")))


def task_ended(world: World) -> Step:
    row = world.submitted_row()
    return world.save(row, row.task_ended(NOW, FAILURE))


def ended_with_all_that_it_held(world: World) -> Step:
    row = world.submitted_row()
    return world.save(row, row.ended(NOW, FAILURE))


def completed(world: World) -> Step:
    row = world.made_row()
    return world.save(row, row.completed(NOW, stored(row.id)))


def announced(world: World) -> Step:
    row = world.completed_row()
    return world.save(row, row.announced(NOW))


def create_batch(world: World) -> Step:
    return lambda: world.batches.create(waiting_batch())


def batch_received(world: World) -> Step:
    batch = waiting_batch()
    world.batches.create(batch)
    return world.save_batch(batch, batch.receive(NOW, Source("prompts", "a.jsonl", "etag")))


def ended_batch(world: World) -> Batch:
    """Return a batch that is about to be announced."""
    batch = replace(open_batch(total=1), written=1, last_row=1, started=1, completed=1, left=0)
    world.batches.create(batch)
    finalizing = world.batches.save(batch, batch.finalize(NOW))
    return world.batches.save(finalizing, finalizing.end(NOW))


def batch_announced(world: World) -> Step:
    batch = ended_batch(world)
    return world.save_batch(batch, batch.announce(NOW))


def cancel_unwritten(world: World) -> Step:
    batch = open_batch(total=2)
    world.batches.create(batch)
    return lambda: world.batches.cancel_unwritten(batch)


def remove_record_at(world: World) -> Step:
    batch = ended_batch(world)
    batch = world.batches.save(batch, batch.announce(NOW))
    return lambda: world.batches.remove_record_at(batch, NOW)


def first(world: World) -> Step:
    return lambda: world.repeats.first("alice", "0" * 64, "key", now=NOW, since=NOW - 10)


def close(world: World) -> Step:
    world.repeats.first("alice", "0" * 64, "key", now=NOW, since=NOW - 10, session="s")
    return lambda: world.repeats.close("alice", "0" * 64, video_id("alice", "key"), "s")


def remove_item(world: World) -> Step:
    video = world.store.accept(queued())
    return lambda: world.pools.remove_item(POOL, "alice", QueueItem(video.id, video.queue_key))


def remove_line(world: World) -> Step:
    world.store.start(world.store.accept(queued()))
    (line,) = world.store.pool().lines
    return lambda: world.pools.remove_line(POOL, line)


def pass_over(world: World) -> Step:
    world.store.accept(queued())
    (line,) = world.store.pool().lines
    return lambda: world.pools.pass_over(POOL, line, 60)


def give_back(world: World) -> Step:
    world.store.start(world.store.accept(queued()))
    return lambda: world.pools.give_back(POOL, "video_1")


def lease(world: World) -> Step:
    return lambda: world.pools.lease(POOL, "one", NOW, NOW + 60)


def release(world: World) -> Step:
    world.pools.lease(POOL, "one", NOW, NOW + 60)
    return lambda: world.pools.release(POOL, "one")


def note_begun(world: World) -> Step:
    world.store.start(world.store.accept(queued()))
    return lambda: world.pools.note_begun(POOL, "video_1")


def recount(world: World) -> Step:
    world.store.start(world.store.accept(queued()))
    pool = world.store.pool()
    return lambda: world.pools.recount(pool)


def move(world: World) -> Step:
    earlier = frozenset({"video_1", "video_2"})
    world.stack.dynamodb.Table(LEDGER).put_item(Item={**pool_key(POOL), "running": set(earlier)})
    return lambda: world.pools.move(POOL, earlier, [Place("video_1", "alice")])


def begin_reading(world: World) -> Step:
    return lambda: world.quotas.begin_reading(POOL, NOW, NOW - 60)


def keep_quota(world: World) -> Step:
    return lambda: world.quotas.keep_quota(POOL, Quota(5), NOW)


def keep_no_quota(world: World) -> Step:
    return lambda: world.quotas.keep_quota(POOL, None, NOW)


def keep_retirement(world: World) -> Step:
    return lambda: world.quotas.keep_retirement(POOL, NOW)


def keep_no_retirement(world: World) -> Step:
    return lambda: world.quotas.keep_retirement(POOL, None)


STEPS: Final[Mapping[str, tuple[Callable[[World], Step], ...]]] = {
    "Videos.accept": (accept,),
    "Videos.accept_rows": (accept_rows,),
    "Videos.cancel_rows": (cancel_rows,),
    "Videos.adopt": (adopt,),
    "Videos.settle_unknown_tasks": (settle_unknown_tasks,),
    "Videos.delete": (delete,),
    "Videos.start": (start,),
    "Videos.save": (
        cancelled,
        ended_while_it_waited,
        submitting,
        submitted_and_claimed,
        refused,
        without_its_place,
        task_succeeded,
        task_ended,
        ended_with_all_that_it_held,
        completed,
        announced,
    ),
    "Batches.create": (create_batch,),
    "Batches.save": (batch_received, batch_announced),
    "Batches.cancel_unwritten": (cancel_unwritten,),
    "Batches.remove_record_at": (remove_record_at,),
    "Repeats.first": (first,),
    "Repeats.close": (close,),
    "Pools.remove_item": (remove_item,),
    "Pools.remove_line": (remove_line,),
    "Pools.pass_over": (pass_over,),
    "Pools.lease": (lease,),
    "Pools.release": (release,),
    "Pools.note_begun": (note_begun,),
    "Pools.give_back": (give_back,),
    "Pools.recount": (recount,),
    "Pools.move": (move,),
    "Quotas.begin_reading": (begin_reading,),
    "Quotas.keep_quota": (keep_quota, keep_no_quota),
    "Quotas.keep_retirement": (keep_retirement, keep_no_retirement),
}

STRONG: Final[Mapping[str, Callable[[World], object]]] = {
    "Videos.get": lambda world: world.videos.get("video_1"),
    "Videos.unknown_tasks": lambda world: world.videos.unknown_tasks("alice"),
    "Videos.get_many": lambda world: world.videos.get_many(["video_1", "video_2"]),
    "Claims.claimed": lambda world: world.claims.claimed(Region.SINGAPORE, [f"task_{n}" for n in range(150)]),
    "Batches.get": lambda world: world.batches.get("batch_1"),
    "Batches.list": lambda world: world.batches.list("alice", 10, Mark("batch_9", NOW + 1)),
    "Pools.read": lambda world: world.pools.read([POOL, "beijing#wan2.6-t2v"]),
    "Pools.head": lambda world: world.pools.head(POOL, "alice"),
    "Pools.used_by": lambda world: world.pools.used_by(["alice", STACK], TODAY),
    "Pools.usage": lambda world: world.pools.usage("alice", TODAY, TODAY),
    "Quotas.stated": lambda world: world.quotas.stated([POOL, "beijing#wan2.6-t2v"]),
}
"""Reads that decide about money, places and rows, or show an owner what was just written."""

EVENTUAL: Final = frozenset(
    {"Videos.list", "Videos.list_rows", "Videos.attention", "Batches.open", "Batches.kept", "Pools.position"}
    | {"Tokens.find"}
)
"""Reads that may be eventually consistent: of an index, repeated by the next run, or only displayed."""

ELSEWHERE: Final = frozenset({"Videos.row_chunks"})
"""Methods without a call."""


def test_every_method_of_every_port_of_the_tables_is_in_the_lists_of_this_test() -> None:
    methods = {
        f"{port.__name__}.{name}"
        for port in PORTS
        for name in dir(port)
        if callable(getattr(port, name)) and not name.startswith("_")
    }
    assert set(STEPS) | set(STRONG) | EVENTUAL | ELSEWHERE == methods


@pytest.mark.parametrize(
    ("method", "prepare"),
    [(method, prepare) for method, steps in STEPS.items() for prepare in steps],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_step_is_one_write(stack: Stack, method: str, prepare: Callable[[World], Step]) -> None:
    world = World(stack)
    step = prepare(world)
    with world.calls() as calls:
        step()
    assert len(calls.writes) == 1, f"{method} wrote by {calls.writes}"


@pytest.mark.parametrize("method", STRONG)
def test_reads_that_decide_something_are_strongly_consistent(stack: Stack, method: str) -> None:
    world = World(stack)
    world.store.accept(queued())
    world.batches.create(waiting_batch())
    with world.calls() as calls:
        STRONG[method](world)
    assert calls.reads
    assert not [name for name, strong in calls.reads if not strong]
    assert not calls.writes


def test_the_spy_detects_an_eventually_consistent_read(stack: Stack) -> None:
    world = World(stack)
    with world.calls() as calls:
        world.videos.list("alice", VideoQuery(limit=10))
    assert calls.reads == [("Query", False)]
