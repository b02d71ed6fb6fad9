"""What must hold at every moment, and at the end of a history, beside the invariants of chaos.

These checks read the stack's own tables, and find what heals before the end.

| | |
|---|---|
| S1 | At the end, no place is taken. |
| S2 | At the end, no line counts a video, and no queue has an item. |
| S3 | At the end, nothing is reserved. |
| S4 | A notice says what the row says, and never comes before it. |
| S5 | After every write, a pool's places are the rows that hold one, and its count is their number. |
| S6 | A final status never changes. |
| S7 | After every write, a budget is what its rows have reserved and spent. |
| S8 | After every write, the counts of a batch are those of its rows. |
| S9 | At the end, every batch is announced once, with one content, and nothing of it is open. |
| S10 | No function fails by a step that the domain forbids, or by a mistake that Python reports. |
| S11 | Of equal requests with different images, each is made from its own image, or fails as uncertain. |
| S12 | Nothing is sent to a receiver after it was delivered, and no receiver gets more than two requests at a time. |
| S13 | At the end, no delivery is open; what its receiver never accepted is a dead letter. |
| S14 | No day admits more than its budget, and usage belongs to the day on which a video was started. |
| S15 | A delivery that its owner asks for again is accepted by its receiver after that. |
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.chaos.checker import UNCERTAIN, digest
from tests.chaos.plan import Wish
from tests.simulation.dynamo import Key
from tests.simulation.expressions import Item
from tests.simulation.images import sha256_of
from tests.simulation.settings import LEDGER, VIDEOS
from tests.simulation.world import World
from wan_video.domain.budget import utc_day

Writes = Sequence[tuple[str, Key, Item | None, Item | None]]

FINAL: Final = frozenset({"completed", "failed", "cancelled", "expired"})
MOST: Final = 20
"""The number of violations after which a history has nothing more to say."""


def watch(world: World) -> None:
    """Check a world after each of its writes and before each of its notices."""
    world.checks.append(_after_write)
    world.notice_checks.append(_before_notice)


def _say(world: World, what: str) -> None:
    if len(world.violations) < MOST and what not in world.violations:
        world.violations.append(what)
        world.story.add(f"*** {what}")


def _before_notice(world: World, event: Mapping[str, Any]) -> None:
    kind, _, ending = event["type"].partition(".")
    if kind == "video":
        video_id = event["data"]["id"]
        row = world.tables.tables[VIDEOS].items.get((video_id,))
        status = None if row is None else row.get("status", "deleted")
        if status not in (ending, "deleted"):
            _say(world, f"S4: {video_id} is announced as {ending}, and its row is {status}")
    elif kind == "batch":
        record = world.tables.tables[LEDGER].items.get((f"batch#{event['data']['id']}", "batch"))
        status = None if record is None else record["status"]
        if status != event["data"]["status"]:
            _say(
                world,
                f"S4: {event['data']['id']} is announced as {event['data']['status']}, and its record is {status}",
            )


def _after_write(world: World, writes: Writes) -> None:
    pools: set[str] = set()
    budgets: set[tuple[str, str]] = set()
    batches: set[str] = set()
    for table, key, old, new in writes:
        if table == VIDEOS:
            _row_written(world, key, old, new, pools, budgets, batches)
        elif key[0].startswith(("places#", "pool#")) and not key[1].startswith("line#"):
            pools.add(key[0].partition("#")[2])
        elif key[0].startswith("budget#"):
            budgets.add((key[0].partition("#")[2], key[1]))
        elif key[0].startswith("deliveries#"):
            if new is not None and new["status"] == "delivered" and (old or {}).get("status") != "delivered":
                world.hooks.delivered_at[key] = world.scheduler.now
        elif key[0].startswith("batch#"):
            batches.add(key[0].partition("#")[2])
    rows = world.tables.tables[VIDEOS].items.values()
    for pool in sorted(pools):
        _hold_places(world, pool, rows)
    for owner, day in sorted(budgets):
        _hold_budget(world, owner, day, rows)
    for batch_id in sorted(batches):
        _hold_counts(world, batch_id, rows)


def _row_written(
    world: World,
    key: Key,
    old: Item | None,
    new: Item | None,
    pools: set[str],
    budgets: set[tuple[str, str]],
    batches: set[str],
) -> None:
    before, after = old or {}, new or {}
    if _state(before) == "uncertain" and "submission" in after and _state(after) is None:
        world.resends[key[0]] += 1
    if before.get("status") in FINAL and "status" in after and after["status"] != before["status"]:
        _say(world, f"S6: {key[0]} was {before['status']} and is {after['status']}")
    if before.get("place") != after.get("place"):
        pools.update(pool for pool in (before.get("place"), after.get("place")) if pool)
    if "reservation" in after and "reservation" not in before:
        day = utc_day(int(after["started_at"]))
        world.admitted[key[0]] = after["owner"], day
        if after["reservation"]["day"] != day:
            _say(world, f"S14: {key[0]} was started on {day}, and is reserved on {after['reservation']['day']}")
    elif "reservation" in after and after["reservation"] != before["reservation"]:
        _say(world, f"S14: the reservation of {key[0]} has changed")
    for row in (before, after):
        if "reservation" in row and before.get("reservation") != after.get("reservation"):
            budgets.update((owner, row["reservation"]["day"]) for owner in (row["owner"], "*"))
    if before.get("status") != after.get("status"):
        batches.update(row["batch_id"] for row in (before, after) if "batch_id" in row)


def _state(row: Item) -> Any:
    """Return the state of a submission; None if there is none, or if it was withdrawn."""
    return row.get("submission", {}).get("state")


def _hold_places(world: World, pool: str, rows: Any) -> None:
    items = world.tables.tables[LEDGER]
    record = items.items.get((f"pool#{pool}", "pool"), {})
    taken = sorted(items.partitions.get(f"places#{pool}", ()))
    earlier = [name for name in record.get("running", ()) if name.startswith("video_")]
    held = sorted(row["id"] for row in rows if row.get("place") == pool)
    if sorted([*taken, *earlier]) != held:
        _say(world, f"S5: the places of {pool} are {taken} {earlier}, and the rows that hold one are {held}")
    if int(record.get("taken", 0)) != len(taken):
        _say(world, f"S5: {pool} counts {record.get('taken')} places, and {len(taken)} are taken")


def _hold_budget(world: World, owner: str, day: str, rows: Any) -> None:
    item = world.tables.tables[LEDGER].items.get((f"budget#{owner}", day), {})
    reserved = sum(
        int(row["reservation"]["seconds"])
        for row in rows
        if "reservation" in row and row["reservation"]["day"] == day and owner in ("*", row["owner"])
    )
    used, spent = int(item.get("used", 0)), int(item.get("spent", 0))
    if used > world.caps.get(owner, used):
        _say(world, f"S14: {owner} may start {world.caps[owner]} s a day, and has used {used} s on {day}")
    if used - spent != reserved:
        _say(world, f"S7: {owner} has {used - spent} s reserved on {day}, and its videos hold {reserved} s")


def _hold_counts(world: World, batch_id: str, rows: Any) -> None:
    record = world.tables.tables[LEDGER].items.get((f"batch#{batch_id}", "batch"))
    if record is None or record["status"] in ("waiting_for_file", "validating"):
        return
    counted = Counter(row["status"] for row in rows if row.get("batch_id") == batch_id)
    written, unwritten = sum(counted.values()), int(record.get("accepted", 0)) - int(record.get("written", 0))
    if counted and written != int(record.get("written", 0)) and not record.get("cancelled"):
        _say(world, f"S8: {batch_id} has {written} rows, and counts {record.get('written')}")
    for status in ("completed", "failed", "expired"):
        if counted[status] != int(record.get(status, 0)):
            _say(world, f"S8: {counted[status]} rows of {batch_id} are {status}, and it counts {record.get(status)}")
    ended = sum(counted[status] for status in FINAL)
    left = int(record.get("left", 0))
    if not record.get("cancelled") and left != written - ended + unwritten:
        _say(world, f"S8: {written - ended + unwritten} requests of {batch_id} are left, and it counts {left}")


def at_the_end(world: World, batches: Sequence[str]) -> None:
    """Check what must be true after everything has ended."""
    for key, item in world.items(LEDGER):
        kind = key[0].partition("#")[0]
        if kind == "places":
            _say(world, f"S1: {key[1]} holds a place of {key[0]}")
        elif kind == "queue":
            _say(world, f"S2: {key} is in a queue")
        elif key[1].startswith("line#") and (item.get("waiting_interactive") or item.get("waiting_batch")):
            _say(world, f"S2: {key} counts waiting videos: {dict(item)}")
        elif kind == "budget" and item.get("used", 0) != item.get("spent", 0):
            _say(world, f"S3: {key} has used {item.get('used')} s and spent {item.get('spent')} s")
        elif kind == "open_batches":
            _say(world, f"S9: {key[1]} is open")
    ends: dict[str, set[str]] = defaultdict(set)
    for batch_id, notices in world.batch_notices.items():
        ends[batch_id] |= {f"{notice['id']} {notice['type']} {notice['data']}" for notice in notices}
    for batch_id in batches:
        if len(ends[batch_id]) != 1:
            _say(world, f"S9: {batch_id} was announced in {len(ends[batch_id])} ways")


def hold_days(world: World, owner: str, days: Sequence[Mapping[str, Any]]) -> None:
    """Check that the API shows what an owner with a budget has spent on the days on which its videos were started."""
    if owner not in world.caps:
        return
    rows = world.tables.tables[VIDEOS].items
    expected: Counter[str] = Counter()
    for video_id, (whose, day) in world.admitted.items():
        if whose == owner:
            expected[day] += int(rows[video_id,]["spent_seconds"])
    shown = {day["day"]: day["spent_seconds"] for day in days if day["spent_seconds"]}
    if shown != +expected:
        _say(world, f"S14: {owner} started videos of {dict(+expected)} s, and the API shows {shown}")


def hold_letters(world: World) -> None:
    """Check that each event of an owner whose receiver never accepts ended as a dead letter, and nothing is open."""
    ledger, letters = world.tables.tables[LEDGER], [json.loads(letter) for letter in world.hooks.queue.letters]
    buried = {(letter.get("endpoint_id"), letter.get("delivery_id")) for letter in letters}
    for hook in world.hooks.hooks:
        if str(hook.kind) == "dead":
            for name in ledger.partitions.get(f"deliveries#{hook.id}", ()):
                if (hook.id, name) not in buried:
                    _say(world, f"S13: {name} never reached {hook.path}, and is no dead letter")
    for path, event_id, seen in world.hooks.replayed:
        later = world.hooks.posted[seen:]
        if not any((one.path, one.webhook_id) == (path, event_id) and 200 <= one.status < 300 for one in later):
            _say(world, f"S15: {event_id} was asked for again, and was not delivered to {path} after that")
    for name in ledger.partitions.get("open_deliveries", ()):
        _say(world, f"S13: the delivery {name} is open")


def hold_rivals(world: World, wishes: Mapping[str, Wish], notices: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Check equal requests with different images: a lost task is never given to the wrong one of them."""
    ledger = world.wan.ledger
    for name, wish in wishes.items():
        prompt, images = digest(wish.prompt), [sha256_of(content) for content in wish.film.contents]
        ours = [entry for entry in ledger if entry.get("prompt_sha256") == prompt]
        billed = [one for one in ours if one["event"] == "billed" and one["images_sha256"] == images]
        if len(billed) > 1:
            _say(world, f"S11: {name} was billed {len(billed)} times")
        ends = {end["data"]["id"]: end for end in notices.get(name, ())}
        if not ends:
            _say(world, f"S11: no notice said how {name} ended")
        for video_id, end in ends.items():
            if end["type"] == "video.completed":
                task = world.wan.tasks[world.bucket.task_ids[end["data"]["s3"]["key"]]]
                if [*task.images] != images:
                    _say(world, f"S11: {name} was given the task {task.id}, which was made from another image")
                continue
            code = (end["data"]["error"] or {}).get("code")
            # A worker that is killed loses an answer too.
            lost = bool(world.decisions.met)
            refused = any(one["event"] == "refused" for one in ours)
            if not (code == UNCERTAIN and lost) and not (wish.fate != "made" or refused):
                _say(world, f"S11: {name} ({video_id}) failed as {code}")
