"""Places, queues and budgets, read strongly from the table `Ledger`."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wan_video.adapters.dynamodb.ledger import (
    MAX_ROUNDS,
    budget_key,
    lease_key,
    line_key,
    place_key,
    places_name,
    pool_key,
    queue_name,
    read_many,
)
from wan_video.adapters.dynamodb.places import SEAL, NoSuchPlace, Places
from wan_video.adapters.dynamodb.queues import Queues
from wan_video.adapters.dynamodb.quotas import stated_in
from wan_video.adapters.dynamodb.transactions import SingleWrites, Transactions, rejected
from wan_video.domain.budget import DayUsage
from wan_video.domain.pool import Line, Place, Pool
from wan_video.domain.queue import POSITION_LIMIT, QueueItem
from wan_video.errors import NoPlace, VideoChanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.domain.video import Video


class DynamoPools:
    """The port `Pools`."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger
        self._writes = SingleWrites(dynamodb)
        self._taken = Places(ledger)

    def read(self, names: Sequence[str]) -> Sequence[Pool]:
        return [self._read(name) for name in names]

    def _read(self, name: str) -> Pool:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._ledger,
            KeyConditionExpression="pk = :pool",
            ExpressionAttributeValues={":pool": pool_key(name)["pk"]},
            ConsistentRead=True,
        )
        items = {str(item["sk"]): item for page in pages for item in page["Items"]}
        pool: dict[str, Any] = items.pop(pool_key(name)["sk"], {})
        lines = tuple(_line(item) for item in items.values())
        # The count is read before the places: if `changes` is still the same later, both are of the same state.
        taken, changes = int(pool.get("taken", 0)), int(pool.get("changes", 0))
        running = frozenset(pool.get("running", ()))
        return Pool(
            name,
            self._places(name) if changes else (),
            lines,
            taken=taken,
            changes=changes,
            earlier=None if running in (SEAL, frozenset()) else running,
            stated=stated_in(pool),
        )

    def _places(self, name: str) -> tuple[Place, ...]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._ledger,
            KeyConditionExpression="pk = :places",
            ExpressionAttributeValues={":places": places_name(name)},
            ConsistentRead=True,
        )
        return tuple(
            Place(str(item["sk"]), str(item["owner"]), begun=bool(item.get("begun")))
            for page in pages
            for item in page["Items"]
        )

    def head(self, name: str, owner: str) -> QueueItem | None:
        answer = self._dynamodb.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :queue",
            ExpressionAttributeValues={":queue": queue_name(name, owner)},
            ConsistentRead=True,
            Limit=1,
        )
        return next((QueueItem(str(item["video_id"]), str(item["sk"])) for item in answer["Items"]), None)

    def remove_item(self, name: str, owner: str, item: QueueItem) -> None:
        # The write is refused if another dispatcher was faster, so the item is subtracted from the count only once.
        with suppress(VideoChanged):
            Transactions(self._dynamodb).write(Queues(self._ledger).remove_item((name, owner), item))

    def remove_line(self, name: str, line: Line) -> None:
        with rejected():
            self._writes.delete(
                TableName=self._ledger,
                Key=line_key(name, line.owner),
                ConditionExpression="version = :version",
                ExpressionAttributeValues={":version": line.version},
            )

    def pass_over(self, name: str, line: Line, used_at_most: int) -> None:
        with rejected():
            self._writes.update(
                TableName=self._ledger,
                Key=line_key(name, line.owner),
                UpdateExpression="SET used_at_most = :most",
                ConditionExpression="version = :version",
                ExpressionAttributeValues={":version": line.version, ":most": used_at_most},
            )

    def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        for _ in range(MAX_ROUNDS):
            if self._update_lease(
                name,
                "SET holder = :holder, expires_at = :until REMOVE asked",
                "attribute_not_exists(holder) OR holder = :holder OR expires_at <= :now",
                {":holder": holder, ":until": until, ":now": now},
            ):
                return True
            # The write is refused if the holder has ended its lease since, so that it can no longer be asked.
            if self._update_lease(name, "SET asked = :true", "expires_at > :now", {":true": True, ":now": now}):
                return False
        # Leases keep starting and ending. Starting videos without one is safe and only costs more.
        return True

    def _update_lease(self, name: str, update: str, condition: str, values: dict[str, Any]) -> bool:
        """Write the item of a lease; return whether the condition was met."""
        with rejected() as outcome:
            self._writes.update(
                TableName=self._ledger,
                Key=lease_key(name),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        return outcome.written

    def release(self, name: str, holder: str, *, asked: bool = False) -> bool:
        with rejected() as outcome:
            self._writes.delete(
                TableName=self._ledger,
                Key=lease_key(name),
                ConditionExpression="holder = :holder" + ("" if asked else " AND attribute_not_exists(asked)"),
                ExpressionAttributeValues={":holder": holder},
            )
        return asked or outcome.written

    def note_begun(self, name: str, video_id: str) -> None:
        with rejected():
            self._writes.update(
                TableName=self._ledger,
                Key=place_key(name, video_id),
                UpdateExpression="SET begun = :true",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":true": True},
            )

    def give_back(self, name: str, video_id: str) -> None:
        with suppress(NoSuchPlace):
            Transactions(self._dynamodb).write(self._taken.give_back(name, video_id))

    def recount(self, pool: Pool) -> None:
        with rejected():
            self._writes.update(
                TableName=self._ledger,
                Key=pool_key(pool.name),
                UpdateExpression="SET taken = :taken",
                ConditionExpression="changes = :changes",
                ExpressionAttributeValues={":taken": len(pool.places), ":changes": pool.changes},
            )

    def move(self, name: str, earlier: frozenset[str], places: Sequence[Place]) -> None:
        # Refused if another dispatcher has moved some, or one was freed: the next read shows what remains.
        with suppress(NoPlace):
            Transactions(self._dynamodb).write(self._taken.move(name, earlier, places))

    def used_by(self, owners: Sequence[str], day: str) -> Mapping[str, int]:
        names = {budget_key(owner, day)["pk"]: owner for owner in owners}
        keys = [{"pk": pk, "sk": day} for pk in names]
        items = read_many(self._dynamodb, self._ledger, keys)
        return dict.fromkeys(owners, 0) | {names[item["pk"]]: int(item["used"]) for item in items}

    def usage(self, owner: str, first: str, last: str) -> Sequence[DayUsage]:
        answer = self._dynamodb.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :budget AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":budget": budget_key(owner, "")["pk"], ":first": first, ":last": last},
            ConsistentRead=True,
        )
        items: list[dict[str, Any]] = answer["Items"]
        return [
            DayUsage(
                day=item["sk"],
                reserved=int(item["used"] - item.get("spent", 0)),
                spent=int(item.get("spent", 0)),
                price=item.get("price", Decimal(0)),
                beyond_estimate=int(item.get("beyond_estimate", 0)),
                unpriced=int(item.get("unpriced", 0)),
            )
            for item in items
        ]

    def position(self, video: Video) -> int:
        answer = self._dynamodb.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :queue AND sk < :key",
            ExpressionAttributeValues={":queue": queue_name(video.pool, video.owner), ":key": video.queue_key},
            Select="COUNT",
            Limit=POSITION_LIMIT,
        )
        return answer["Count"]


def _line(item: Mapping[str, Any]) -> Line:
    return Line(
        owner=item["sk"].removeprefix(line_key("", "")["sk"]),
        interactive=int(item.get("waiting_interactive", 0)),
        batch=int(item.get("waiting_batch", 0)),
        since=int(item.get("since", 0)),
        version=int(item.get("version", 0)),
        used_at_most=int(item["used_at_most"]) if "used_at_most" in item else None,
    )
