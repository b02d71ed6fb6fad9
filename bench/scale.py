"""The cost of lists, sweep, usage and dispatch with 1,000, 10,000 and 100,000 videos, which should not grow.

The handlers that ship run over a DynamoDB in this process (`bench.dynamodb`), whose own time is subtracted, with the
rows that the adapters write. Calls, items and read units are counted; times are processor times of this machine.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from boto3.dynamodb.types import TypeSerializer

from bench.dynamodb import Counts, DynamoDB, Json, Table
from bench.rows import Curve, Figure, Row
from bench.tables import schemas
from tools.harness.lambdas import end_process, event, invoke, warm
from tools.harness.samples import NOW, made, open_batch, queued, request, running, stored
from tools.harness.stack import LEDGER, VIDEOS, Stack
from wan_video import bootstrap
from wan_video.adapters.dynamodb.ledger import batch_key, budget_key, line_key, pool_key, queue_item_key
from wan_video.adapters.dynamodb.records import dump
from wan_video.adapters.dynamodb.rows import row_item
from wan_video.domain.batch import Batch
from wan_video.domain.models import MODELS, Region, pool_name
from wan_video.domain.prompt_file import row_id
from wan_video.domain.queue import BATCH, queue_key
from wan_video.domain.quota import limit_in_force
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video

SIZES: Final = (1000, 10_000, 100_000)
QUICK_SIZES: Final = (1000, 10_000)
QUEUED: Final = (100, 1000, 10_000)
OWNERS: Final = 50
TIMES: Final = 3
MAY_GROW: Final = 1.1
FAILED: Final = 7
"""The number of failed videos among all of them, which a filter has to find."""

LEFT_BEHIND: Final = 10
AN_HOUR: Final = 3600
MOULD: Final = "A-ROW"
MOULD_ROW: Final = 987_654
SERIALIZER: Final = TypeSerializer()
OWNER: Final = "alice"
POOL: Final = "singapore#wan2.6-t2v"
RARE: Final = "wan2.5-t2v-preview"
MACHINE: Final = "arn:aws:states:eu-central-1:123456789012:stateMachine:generate_video"

NOTHING_OPEN: Final = b"<ListMultipartUploadsResult></ListMultipartUploadsResult>"
PLOTS: Final = {"dispatch": ("one wake-up of dispatch", f"videos that wait, of {OWNERS} owners")}
"""The calls with a plot of their own, and what its x axis shows."""

OTHERS: Final = {
    "StartExecution": json.dumps({"executionArn": "arn", "startDate": NOW}).encode(),
    "DescribeExecution": json.dumps(
        {"executionArn": "arn", "stateMachineArn": "arn", "status": "FAILED", "startDate": NOW}
    ).encode(),
    "GET": NOTHING_OPEN,
}


def rows(quick: bool) -> Iterator[Figure]:
    """Make every call at every size; a row compares the counts of the largest size with those of the smallest."""
    sizes = QUICK_SIZES if quick else SIZES
    found: dict[str, list[tuple[int, Seen]]] = {}
    for size in sizes:
        for name, seen in stored_videos(size).items():
            found.setdefault(name, []).append((size, seen))
    for waiting in QUEUED:
        found.setdefault("dispatch", []).append((waiting, one_wake_up(waiting)))
    yield from figures(found)


@dataclass(frozen=True)
class Seen:
    """One call: its calls to DynamoDB, the items and units that it read, and its own time in milliseconds."""

    calls: int
    items: int
    units: float
    milliseconds: float


def figures(found: dict[str, list[tuple[int, Seen]]]) -> Iterator[Figure]:
    """Yield the rows and the curves."""
    for name, seen in found.items():
        (few, first), (many, last) = seen[0], seen[-1]
        what = f"{name}: {few} to {many} {'queued' if name == 'dispatch' else 'stored'}"
        note = f"{last.calls} calls, {last.items} items read, {last.milliseconds:.1f} ms ({first.milliseconds:.1f})"
        growth = last.units / first.units
        yield Row(f"{what}, growth of read units", "times", growth, goal=MAY_GROW, better="below", note=note)
    for name, seen in found.items():
        kind, across = PLOTS.get(name, ("among stored videos", "videos stored"))
        yield Curve(f"read units, {kind}", name, across, "read units", [(size, one.units) for size, one in seen])
        yield Curve(f"own time, {kind}", name, across, "ms", [(size, one.milliseconds) for size, one in seen])


def stored_videos(size: int) -> dict[str, Seen]:
    """Make every call with `size` stored videos of one owner, half of them rows of one batch."""
    models = frozenset({completed().request.model, RARE})
    dynamodb, batch = tables(), replace(open_batch(owner=OWNER), last_row=size // 2, written=size // 2, models=models)
    videos, ledger = dynamodb.tables[VIDEOS], dynamodb.tables[LEDGER]
    usual, rare = completed(), replace(completed(), request=request(model=RARE))
    failed = running(MOULD, owner=OWNER).ended(NOW, Failure("x", "y", "poll", False)).announced(NOW)

    in_batch = {id(video): row_of(batch, video) for video in (usual, rare, failed)}

    def stored_at(at: int) -> tuple[Video, str, int, int]:
        kind = rare if at == size // 3 else failed if at % (size // FAILED) == 1 else usual
        if at < batch.last_row:
            return in_batch[id(kind)], row_id(batch.id, at + 1), NOW - size + at, at + 1
        return kind, f"video_{at}", NOW - size + at, 0

    videos.load(items_like(map(stored_at, range(size))))
    days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 7) for day in range(1, 29)]
    ledger.load(typed({**budget_key(OWNER, day), "used": size}) for day in days)
    ledger.put(typed({**batch_key(batch.id), **dump(batch)}))
    # Wan was asked for its limits just now: otherwise sweep would ask it.
    asked = [*Region, *(pool_name(region, name) for name, model in MODELS.items() for region in model.regions)]
    ledger.load(typed({**pool_key(name), "asked_at": NOW + AN_HOUR}) for name in asked)

    def sweep() -> None:
        invoke("sweep", event("schedule"))

    deep = row_id(batch.id, size // 10)
    calls: dict[str, Callable[[], Any]] = {
        "list, first page": listing(),
        "list, deep page": listing(after=deep),
        "list, few failed": listing(status="failed"),
        "list, all but completed": listing(status="completed", after=deep),
        "list, one of its model": listing(model=RARE),
        "list, model and status": listing(model=RARE, status="completed"),
        "list, a batch": listing(batch_id=batch.id),
        "list, deep in a batch": listing(batch_id=batch.id, after=row_id(batch.id, size // 2 - 30)),
        "list, failed of a batch": listing(batch_id=batch.id, status="failed"),
        "list, one model and status of a batch": listing(batch_id=batch.id, model=RARE, status="completed"),
        "retrieve": lambda: ask(f"/v1/videos/{deep}"),
        "usage": lambda: ask("/v1/usage"),
        "sweep, nothing to do": sweep,
    }
    with functions(dynamodb, NOW + AN_HOUR):
        seen = {name: measure(dynamodb, call) for name, call in calls.items()}
        left = [typed(row_item(running(f"left_{at}", owner=OWNER, at=NOW))) for at in range(LEFT_BEHIND)]

        def leave() -> None:
            for item in left:
                videos.put(item)

        seen[f"sweep, {LEFT_BEHIND} left behind"] = measure(dynamodb, sweep, leave)
    assert dynamodb.counts.calls.count("StartExecution") == LEFT_BEHIND
    return seen


def one_wake_up(waiting: int) -> Seen:
    """Measure one scheduled run of dispatch while `waiting` videos of OWNERS owners wait for one pool."""
    dynamodb = tables()
    mould = queue_key(BATCH, NOW, MOULD)
    owners = [queued(MOULD, owner=f"owner_{at}", queue_key=mould) for at in range(OWNERS)]
    orders = [(owners[at % OWNERS], f"video_{at}", NOW + at, 0) for at in range(waiting)]
    line = {"waiting_batch": waiting // OWNERS, "since": 1000 * NOW, "version": 1}

    def queue() -> None:
        dynamodb.tables.update(tables().tables)
        dynamodb.tables[VIDEOS].load(items_like(orders))
        items: list[dict[str, Any]] = [
            queue_item_key(POOL, video.owner, queue_key(BATCH, at, name)) | {"video_id": name}
            for video, name, at, _ in orders
        ]
        lines: list[dict[str, Any]] = [line_key(POOL, video.owner) | line for video in owners]
        dynamodb.tables[LEDGER].load(typed(item) for item in [*items, *lines])

    with functions(dynamodb, NOW + waiting):
        seen = measure(dynamodb, lambda: invoke("dispatch", event("schedule")), queue, times=2)
    assert dynamodb.counts.calls.count("StartExecution") == limit_in_force(POOL, None, {}).places
    return seen


def tables() -> DynamoDB:
    """Return the stack's tables, empty."""
    names = {"Videos": VIDEOS, "Ledger": LEDGER}
    return DynamoDB({names[name]: Table(*keys) for name, keys in schemas().items()}, OTHERS)


@contextlib.contextmanager
def functions(dynamodb: DynamoDB, now: int) -> Iterator[None]:
    """Let warm functions use these tables while the block runs; their logs are discarded."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        stack = Stack(None, "arn:aws:sns:eu-central-1:123456789012:videos", "", MACHINE, "arn")  # type: ignore[arg-type]
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        warm(stack, patch, CLOCK=f"0@{now}", RETENTION_DAYS="30", DAILY_SECONDS="0", **keys)
        end_process()
        bootstrap.clients.session().register("before-send", dynamodb.answer)  # type: ignore[arg-type]
        gc.freeze()  # otherwise the garbage collector would visit all these rows during a call
        try:
            yield
        finally:
            gc.unfreeze()
            end_process()


def measure(
    dynamodb: DynamoDB, call: Callable[[], Any], before: Callable[[], None] = lambda: None, *, times: int = TIMES
) -> Seen:
    """Call it once to warm up, then `times` more; the counts are those of the last call."""
    took = []
    for _ in range(times + 1):
        before()
        dynamodb.counts = counts = Counts()
        began = time.process_time()
        call()
        took.append(time.process_time() - began - counts.seconds)
    counts = dynamodb.counts
    asked = sum(not name.startswith("GET ") and "Execution" not in name for name in counts.calls)
    return Seen(asked, counts.items, counts.units, 1000 * statistics.median(took[1:]))


def listing(**query: str) -> Callable[[], Any]:
    """Return a call that lists a page of 20 videos."""
    return lambda: ask("/v1/videos", query)


def ask(path: str, query: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the API's answer to the owner."""
    given = event("api_get")
    given |= {"path": path, "queryStringParameters": query or None}
    given["multiValueQueryStringParameters"] = {name: [value] for name, value in (query or {}).items()} or None
    answer = invoke("api", given)
    assert answer["statusCode"] == 200, answer["body"]
    document: dict[str, Any] = json.loads(answer["body"])
    return document


def completed() -> Video:
    """Return a video in its final state."""
    return made(MOULD, owner=OWNER).completed(NOW, stored(MOULD)).announced(NOW)


def row_of(batch: Batch, video: Video) -> Video:
    """Return the video as a row of a batch."""
    return replace(video, batch_id=batch.id, queue_key=queue_key(BATCH, NOW, MOULD, MOULD_ROW))


def items_like(videos: Iterable[tuple[Video, str, int, int]]) -> Iterator[Json]:
    """Yield the items of videos like these, as the adapters write them, with other ids, times and row numbers."""
    texts: dict[int, str] = {}
    for video, video_id, at, number in videos:
        if id(video) not in texts:
            texts[id(video)] = json.dumps(typed(row_item(video)))
        text = texts[id(video)].replace(MOULD, video_id).replace(str(NOW), str(at))
        yield json.loads(text.replace(f"#{MOULD_ROW}#", f"#{number:06d}#").replace(f'"{MOULD_ROW}"', f'"{number}"'))


def typed(item: dict[str, Any]) -> Json:
    """Return an item with typed attributes, as DynamoDB receives it."""
    return {name: SERIALIZER.serialize(value) for name, value in item.items()}
