"""Places, queues and budgets, read strongly from the table `Ledger`."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wan_video.adapters.dynamodb.ledger import (
    budget_key,
    line_key,
    pool_key,
    queue_name,
    read_many,
)
from wan_video.adapters.dynamodb.queues import Queues
from wan_video.adapters.dynamodb.transactions import SingleWrites, Transactions, rejected
from wan_video.domain.budget import DayUsage
from wan_video.domain.pool import Line, Pool
from wan_video.domain.queue import POSITION_LIMIT, QueueItem
from wan_video.errors import VideoChanged

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.domain.video import Video


class DynamoPools:
    """The port `Pools`."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger
        self._writes = SingleWrites(dynamodb)

    def read(self, names: Collection[str]) -> Sequence[Pool]:
        return [self._read(name) for name in names]

    def _read(self, name: str) -> Pool:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._ledger,
            KeyConditionExpression="pk = :pool",
            ExpressionAttributeValues={":pool": pool_key(name)["pk"]},
            ConsistentRead=True,
        )
        items = {str(item["sk"]): item for page in pages for item in page["Items"]}
        running = items.pop(pool_key(name)["sk"], {}).get("running", ())
        return Pool(name, frozenset(running), tuple(_line(item) for item in items.values()))

    def head(self, name: str, owner: str) -> QueueItem | None:
        answer = self._dynamodb.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :queue",
            ExpressionAttributeValues={":queue": queue_name(name, owner)},
            ConsistentRead=True,
            Limit=1,
        )
        return next((QueueItem(str(item["video_id"]), str(item["sk"])) for item in answer["Items"]), None)

    def drop(self, name: str, owner: str, item: QueueItem) -> None:
        # Refused where another dispatcher was faster, so that it is counted out once.
        with suppress(VideoChanged):
            Transactions(self._dynamodb).write(Queues(self._ledger).drop((name, owner), item))

    def forget(self, name: str, line: Line) -> None:
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

    def give_back(self, name: str, video_id: str) -> None:
        self._writes.update(
            TableName=self._ledger,
            Key=pool_key(name),
            UpdateExpression="DELETE running :id",
            ExpressionAttributeValues={":id": {video_id}},
        )

    def used_by(self, owners: Collection[str], day: str) -> Mapping[str, int]:
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
