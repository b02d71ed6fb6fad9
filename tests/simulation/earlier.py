"""Rows, batches, places and executions that release 0.2 left behind, as the beginning of a history.

The items are some of those that commit 855997e wrote (`tests/golden/855997e`), moved to the time and the region of the
history. No stream says anything of them. Their executions run in its state machine, or are lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tests.chaos.plan import Fate, Film, Wish
from tests.simulation.dynamo import stored
from tests.simulation.executions import Resources
from tests.simulation.machine import Definition, Execution
from tests.simulation.settings import LEDGER, SETTINGS, SUBSTITUTIONS, VIDEOS
from tests.simulation.wan import Task, facts_of, film_of
from tools.template import ROOT
from wan_video.adapters.dynamodb.records import load
from wan_video.domain.budget import utc_day
from wan_video.domain.notice import video_event
from wan_video.domain.video import StoredObject, Video

if TYPE_CHECKING:
    from tests.simulation.decisions import Draw
    from tests.simulation.doors import Asked
    from tests.simulation.expressions import Item
    from tests.simulation.world import World

Json = dict[str, Any]

FROZEN: Final = ROOT / "tests/golden/855997e"
FROZEN_AT: Final = 1_780_000_000
OWNER: Final = "alice"
POOL: Final = "frankfurt#wan2.6-t2v"
LONGEST_SECONDS: Final = 2400
"""How long before the beginning of a history an item was written at most (s)."""

PAUSE: Final = {"pause": 30}

WHERE: Final[Mapping[str, tuple[str, Json]]] = {
    "starting": ("Submit", {}),
    "submitting": ("Wait to reconcile", {"loops": 3}),
    "uncertain": ("Submit", {"loops": 3}),
    "withdrawn": ("Submit", {}),
    "sent_again": ("Submit", {"loops": 14}),
    "running": ("Wait for the task", {"loops": 2, **PAUSE}),
    "troubled": ("Poll", {"loops": 2, **PAUSE}),
    "restarted": ("Poll", {"loops": 2, **PAUSE}),
    "imported": ("Poll", {}),
    "made": ("Deliver", {"loops": 9, **PAUSE}),
    "delivery_delayed": ("Deliver", {"loops": 9, **PAUSE}),
    "refused": ("Report failure", {"loops": 1}),
    "task_failed": ("Report failure", {"loops": 9, **PAUSE}),
    "task_expired": ("Report failure", {"loops": 9, **PAUSE}),
}
"""The state in which the execution of a row is, and its variables."""

AT_WAN: Final = frozenset({"running", "troubled", "restarted", "imported"})
"""The rows whose tasks have not ended."""

IN_DOUBT: Final = frozenset({"submitting", "uncertain"})
"""The rows whose submission Wan may have accepted."""

FATES: Final[Mapping[str, Fate]] = {
    "refused": "refused",
    "task_failed": "fails",
    "task_expired": "fails",
    "failed_unannounced": "fails",
    "failed_announced": "fails",
    "expired_unannounced": "fails",
    "expired_announced": "fails",
}
CANCELLED: Final = frozenset({"cancelled_unannounced", "cancelled_announced"})
BATCHES: Final = (
    "in_progress",
    "cancelling",
    "all_ended",
    "finalizing",
    "completed_unannounced",
    "completed_announced",
)
SINGLE: Final = (
    "queued", "queued_with_everything", *WHERE, "completed_unannounced", "failed_unannounced", "expired_unannounced",
    "cancelled_unannounced", "completed_announced", "failed_announced", "expired_announced", "cancelled_announced",
)  # fmt: skip
KINDS: Final = (*SINGLE, *(f"batch_{name}" for name in BATCHES))
"""The names of the frozen rows and batches that a history may begin with.

Left out are batches whose file is not there, tombstones, and the row of a search that continues after the end.
"""


@cache
def _text(name: str) -> str:
    return (FROZEN / name).read_text(encoding="utf-8")


@cache
def _frozen() -> Sequence[str]:
    """Return the frozen items in the region of the histories: text, zeros and digits of a moment, and so on."""
    text = _text("items.json").replace("singapore", "frankfurt")
    return re.split(r"(?<![\w.])(0*)(178\d{7}(?:\d{3}){0,2})(?![\w.])", text)


@cache
def _definition(search_seconds: int) -> Definition:
    substitutions = {**SUBSTITUTIONS, "ReconcileIntervalSeconds": str(search_seconds)}
    return Definition(_text("generate_video.asl.json"), substitutions)


def kinds_of(world: World, wanted: Sequence[str]) -> Sequence[str]:
    """Return what a history begins with; most begin with nothing."""
    draw = world.decisions.draw("earlier")
    if wanted or draw.number() >= 0.15:
        return wanted
    share = draw.between(0.05, 0.4, 1)
    return [kind for kind in KINDS if world.decisions.draw(f"earlier/{kind}").number() < share]


def begin_with(world: World, kinds: Sequence[str], asked: Asked) -> None:
    """Write what release 0.2 left behind, and record its videos and batches as asked for."""
    if kinds:
        _Earlier(world, frozenset(kinds), asked).write()


@dataclass
class _Earlier:
    world: World
    kinds: frozenset[str]
    asked: Asked

    def __post_init__(self) -> None:
        self.draw = self.world.decisions.draw("earlier")
        self.at = int(self.world.scheduler.now) - self.draw.below(LONGEST_SECONDS, 2)

    def write(self) -> None:
        items = self._items()
        rows = [self._with_prompt(item) for item in items["videos"] if self._kind(item) in self.kinds]
        for row in rows:
            self._put(VIDEOS, row)
            self._tell(row)
        ids = {row["id"] for row in rows}
        for item in items["ledger"]:
            pk, sk = item["pk"], item["sk"]
            batch = sk if pk == "open_batches" else item.get("id", "")
            mine = item.get("video_id") in ids and pk.startswith(("claim#", "queue#"))
            if mine or (pk.startswith(("batch#", "batches#", "kept_batches", "open_batches")) and batch in self.kinds):
                self._put(LEDGER, item)
        for batch in sorted(kind for kind in self.kinds if kind.startswith("batch_")):
            self._tell_batch(batch, [row for row in rows if row.get("batch_id") == batch])
        self._count(rows, next(item for item in items["ledger"] if item["sk"].startswith("line#")))
        self.world.story.add("begins with what release 0.2 left", kinds=sorted(self.kinds))

    def _items(self) -> dict[str, list[Json]]:
        """Return the frozen items at the time and in the region of the history."""
        moved = self.at - FROZEN_AT
        parts = list(_frozen())
        for at in range(2, len(parts), 3):
            digits = parts[at]
            parts[at] = str(int(digits) + moved * 10 ** (len(digits) - 10))
        read: dict[str, list[Json]] = json.loads("".join(parts).replace("2026-05-28", utc_day(self.at)))
        return {table: [stored(_plain({"M": item})) for item in found] for table, found in read.items()}

    def _kind(self, row: Item) -> str:
        return str(row.get("batch_id") or row["id"].removeprefix("video_"))

    def _put(self, table: str, item: Item) -> None:
        found = self.world.tables.tables[table]
        key = found.key(item)
        found.write(key, item)
        self.world.tables.index(table, key, item)

    def _with_prompt(self, row: Item) -> Item:
        """Return a row with a prompt of its own, by which Wan's ledger knows it; those of batches have the same."""
        return {**row, "request": {**row["request"], "prompt": f"{row['request']['prompt']} {self._name(row)}"}}

    def _name(self, row: Item) -> str:
        return str(row["request"].get("custom_id") or row["id"])

    def _tell(self, row: Item) -> None:
        """Record the wish for a video, and what Wan, the bucket, the topic and Step Functions know of it."""
        world, video, name, kind = self.world, load(Video, row), self._name(row), self._kind(row)
        film = Film(video.request.model, str(video.request.size), str(video.request.region))
        wish = Wish(
            name=name,
            prompt=video.request.prompt,
            film=film,
            owner=OWNER,
            fate=FATES.get(kind, "made"),
            imported=kind == "imported",
            cancelled=kind in CANCELLED or kind == "batch_cancelling",
        )
        self.asked.accepted(wish, video.id)
        draw = world.decisions.draw(f"earlier/{name}/task")
        if video.task is not None and not video.usage and not video.error:
            self._task(video, video.task.id, draw, over=not draw.below(3))
        elif video.usage is not None and video.task is not None:
            self._task(video, video.task.id, draw, over=True)
        elif kind in IN_DOUBT:
            accepted = draw.number(5) < 0.5
            request_id = world.wan.request_id()
            self._note("received", request_id, video, fault="lost_after" if accepted else "lost_before")
            if accepted:
                self._task(video, f"task-of-{name}", draw, over=draw.number(6) < 0.3, request_id=request_id)
        if video.object is not None:
            self._store(video, video.object)
        if video.announced_at is not None:
            world.notices[video.id].append(json.loads(json.dumps(video_event(video))))
        if kind in WHERE:
            self._execution(video, kind, draw)

    def _note(self, event: str, request_id: str, video: Video, **facts: Any) -> None:
        entry = {"event": event, "at": float(self.at), "request_id": request_id, **facts_of(video.request), **facts}
        self.world.wan.ledger.append(entry)

    def _task(self, video: Video, task_id: str, draw: Draw, *, over: bool, request_id: str = "") -> None:
        """Let Wan have a task that was accepted before the beginning, and may be over."""
        world, account = self.world, self.world.wan
        if not request_id:
            request_id = account.request_id()
            self._note("received", request_id, video, fault=None)
        ends = min(self.at + 30.0, world.scheduler.now) if over else world.scheduler.now + draw.between(5.0, 600.0)
        task = Task(
            id=task_id,
            request=video.request,
            created_at=float(self.at),
            shown_at=self.at + draw.between(0.0, 240.0, 1),
            begins=min(self.at + 10.0, ends),
            ends=ends,
            fails=False,
            request_id=request_id,
        )
        account.tasks[task_id] = task
        self._note("accepted", request_id, video, task_id=task_id)
        if over:
            self._note("billed", request_id, video, task_id=task_id, sha256=film_of(task_id), images_sha256=[])
        else:
            account.let_end(task)

    def _store(self, video: Video, stored_as: StoredObject) -> None:
        bucket = self.world.bucket
        bucket.stored[stored_as.key] = stored_as
        bucket.task_ids[stored_as.key] = video.task.id if video.task is not None else ""

    def _execution(self, video: Video, kind: str, draw: Draw) -> None:
        """Let the execution of a video run in its state, or be lost: failed unnoticed, or never started."""
        world, name = self.world, f"{video.id}-{video.execution}"
        at = draw.number(7)
        if at >= 0.5:
            if at < 0.75 or kind != "starting":
                world.executions[name] = "FAILED"
            return
        state, more = WHERE[kind]
        task_id = video.task.id if video.task is not None else None
        variables = {"video_id": video.id, "n": video.execution, "task_id": task_id, "loops": 0, **more}
        given = {"video_id": video.id, "n": video.execution}
        arn, resources = SETTINGS["STATE_MACHINE_ARN"], Resources(world)
        definition = _definition(world.intervals.search)
        execution = Execution(definition, resources, name, arn, given, variables=variables, begins_in=state)
        world.run_execution(name, execution)

    def _tell_batch(self, batch_id: str, rows: Sequence[Item]) -> None:
        asked, record = self.asked, self.world.tables.tables[LEDGER].items[f"batch#{batch_id}", "batch"]
        if "announced_at" not in record:
            asked.batches.append(batch_id)
        asked.batch_owners[batch_id] = OWNER
        if batch_id == "batch_cancelling":
            asked.cancelled.append((tuple(map(self._name, rows)), 0))

    def _count(self, rows: Sequence[Item], line: Json) -> None:
        """Write what 0.2 counted: the places of the pool as one set, its line, and the budgets of the day."""
        running = frozenset(row["id"] for row in rows if "place" in row)
        self._put(LEDGER, {"pk": f"pool#{POOL}", "sk": "pool", **({"running": running} if running else {})})
        waiting = [row for row in rows if row["status"] == "queued"]
        batch = sum("batch_id" in row for row in waiting)
        if waiting:
            counts = {"waiting_interactive": len(waiting) - batch, "waiting_batch": batch}
            self._put(LEDGER, stored({**line, **counts}))
        ours = [load(Video, row) for row in rows if row["id"] != "video_imported"]
        spent = sum(video.spent_seconds for video in ours)
        used = spent + sum(video.reservation.seconds for video in ours if video.reservation is not None)
        price = sum((video.spent_price for video in ours), Decimal(0))
        for owner in (OWNER, "*") if ours else ():
            counted = {"used": used, "spent": spent, "price": price}
            self._put(LEDGER, stored({"pk": f"budget#{owner}", "sk": utc_day(self.at), **counted}))


def _plain(value: Any) -> Any:
    ((kind, inner),) = value.items()
    if kind == "M":
        return {name: _plain(part) for name, part in inner.items()}
    if kind == "N":
        return Decimal(inner)
    if kind == "SS":
        return frozenset(inner)
    if kind == "L":
        return [_plain(part) for part in inner]
    return inner
