"""The processor time that `leave_attributes_to_us` saves when rows are written and read.

Both sides are the adapter that ships, over a DynamoDB in this process whose own time is subtracted. They differ only in
botocore's description of an attribute. A ratio is the time without it over the time with it: 1.25 saves a fifth.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Final

import boto3
from botocore.config import Config
from botocore.session import Session

from bench.dynamodb import DynamoDB
from bench.rows import Row
from bench.scale import OWNER, POOL, tables, typed
from tools.harness.samples import NOW, open_batch, queued
from tools.harness.stack import LEDGER, REGION, VIDEOS
from wan_video.adapters.dynamodb.ledger import batch_key
from wan_video.adapters.dynamodb.plain_values import leave_attributes_to_us, with_plain_values
from wan_video.adapters.dynamodb.records import dump
from wan_video.adapters.dynamodb.videos import DynamoVideos
from wan_video.domain.batch import Batch
from wan_video.domain.prompt_file import row_id

MANY: Final = 50
PAIRS, QUICK_PAIRS = 15, 5
CALLS: Final = {1: 20, MANY: 4}
"""Calls in one run of a pair, by the rows of each: a single call is too short for the clock."""

WORTH_ITS_KEEP: Final = 1.25
"""The ratio from which the change of botocore's description is worth having: it saves a fifth."""

FIRST: Final = "first"
"""The name of the video and of the batch that are read."""

NUMBERS: Final = count(1)
"""The numbers of the videos and batches that are written, none of which may exist."""

Store = tuple[DynamoVideos, DynamoDB]
Call = Callable[[Store, Batch], None]
"""One call on a store; the batch is open and has no rows."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for each of writing, reading and both, of one row and of the rows of a prompt file."""
    stores = store(untyped=True), store(untyped=False)
    pairs = QUICK_PAIRS if quick else PAIRS
    # One row is mostly the request around it; with many in a request the row itself is measured, and has the goal.
    for what, number, goal in (("a row", 1, None), (f"{MANY} rows of a file", MANY, WORTH_ITS_KEEP)):
        written = paired(stores, partial(write, number), pairs, CALLS[number])
        read = paired(stores, partial(read_back, number), pairs, CALLS[number])
        both = [(our + ours, their + theirs) for (our, their), (ours, theirs) in zip(written, read, strict=True)]
        yield saving(f"write {what}", written)
        yield saving(f"read {what}", read)
        yield saving(f"write and read {what}", both, goal)


def store(*, untyped: bool) -> Store:
    """Return the adapter over an empty DynamoDB, with attributes left untyped for botocore or not."""
    session, dynamodb = Session(), tables()
    session.set_credentials("testing", "testing")
    if untyped:
        leave_attributes_to_us(session)
    session.register("before-send", dynamodb.answer)  # type: ignore[arg-type]
    client = boto3.Session(botocore_session=session, region_name=REGION).client(
        "dynamodb", config=Config(parameter_validation=False)
    )
    videos = DynamoVideos(with_plain_values(client), videos=VIDEOS, ledger=LEDGER)
    videos.accept(queued(FIRST, owner=OWNER))
    found = videos, dynamodb
    write(MANY, found, opened(found, FIRST))
    return found


def write(number: int, store: Store, batch: Batch) -> None:
    """Write one video as the API does, or the first rows of a batch as `ingest` does."""
    videos, _ = store
    if number == 1:
        videos.accept(queued(f"video_{next(NUMBERS)}", owner=OWNER))
    else:
        names = [row_id(batch.id, row) for row in range(1, number + 1)]
        for chunk in videos.row_chunks([queued(name, owner=OWNER, batch_id=batch.id) for name in names]):
            batch = videos.accept_rows(batch, chunk, NOW)


def opened(store: Store, batch_id: str) -> Batch:
    """Store an open batch without rows, as `ingest` does before it writes them."""
    batch = open_batch(batch_id, owner=OWNER, total=MANY)
    store[1].tables[LEDGER].put(typed({**batch_key(batch.id), **dump(batch)}))
    return batch


def read_back(number: int, store: Store, _batch: Batch) -> None:
    """Read what was written: one video, or the rows of a batch as a list does."""
    videos, _ = store
    if number == 1:
        assert videos.get(FIRST).pool == POOL
    else:
        found = videos.get_many([row_id(FIRST, row) for row in range(1, number + 1)])
        assert len(found) == number


def paired(stores: tuple[Store, Store], call: Call, pairs: int, calls: int) -> list[tuple[float, float]]:
    """Return the milliseconds of one call on each side, measured in turn after one run of each that does not count."""
    for each in stores:
        milliseconds(each, call, calls)
    found = []
    for number in range(pairs):
        order = stores if number % 2 == 0 else stores[::-1]
        took = [milliseconds(each, call, calls) for each in order]
        found.append((took[0], took[1]) if number % 2 == 0 else (took[1], took[0]))
    return found


def milliseconds(store: Store, call: Call, calls: int) -> float:
    """Return the processor time of one call in milliseconds, without DynamoDB's."""
    _, dynamodb = store
    batches = [opened(store, f"batch_{next(NUMBERS)}") for _ in range(calls)]
    spent, began = dynamodb.counts.seconds, time.process_time()
    for batch in batches:
        call(store, batch)
    return (time.process_time() - began - (dynamodb.counts.seconds - spent)) * 1000 / calls


def saving(what: str, pairs: Sequence[tuple[float, float]], goal: float | None = None) -> Row:
    """Return the row of some pairs, with the share that is saved."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratios = [their / our for our, their in pairs]
    saved = 1 - 1 / statistics.median(ratios)
    return Row(what, "ms CPU", ours, ratios, "attributes typed by botocore", theirs, goal, note=f"saves {saved:.0%}")
