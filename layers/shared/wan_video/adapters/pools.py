"""Places, queues and budgets, read strongly from the table `Ledger`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wan_video.adapters.ledger import budget_key, pool_key, queue_key, queue_name, read_many
from wan_video.adapters.transactions import rejected
from wan_video.domain.video import DayUsage, Video
from wan_video.ports import POSITION_LIMIT, Pool, QueueItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource


class DynamoPools:
    """The port `Pools`."""

    def __init__(self, dynamodb: DynamoDBServiceResource, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger

    def read(self, names: Collection[str]) -> Sequence[Pool]:
        keys = [pool_key(name) for name in names]
        return [
            Pool(
                name=str(item["pk"]).removeprefix(pool_key("")["pk"]),
                running=frozenset(item.get("running", ())),
                waiting=frozenset(item.get("waiting", ())),
                version=int(item.get("version", 0)),
            )
            for item in read_many(self._dynamodb, self._ledger, keys)
        ]

    def head(self, name: str, owner: str) -> QueueItem | None:
        answer = self._dynamodb.meta.client.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :queue",
            ExpressionAttributeValues={":queue": queue_name(name, owner)},
            ConsistentRead=True,
            Limit=1,
        )
        return next((QueueItem(str(item["video_id"]), str(item["sk"])) for item in answer["Items"]), None)

    def drop(self, name: str, owner: str, item: QueueItem) -> None:
        self._dynamodb.Table(self._ledger).delete_item(Key=queue_key(name, owner, item.key))

    def nobody_waits(self, pool: Pool, owner: str) -> None:
        with rejected():
            self._dynamodb.Table(self._ledger).update_item(
                Key=pool_key(pool.name),
                UpdateExpression="DELETE waiting :owner",
                ConditionExpression="version = :version",
                ExpressionAttributeValues={":owner": {owner}, ":version": pool.version},
            )

    def give_back(self, name: str, video_id: str) -> None:
        self._dynamodb.Table(self._ledger).update_item(
            Key=pool_key(name),
            UpdateExpression="DELETE running :id",
            ExpressionAttributeValues={":id": {video_id}},
        )

    def used(self, owner: str, day: str) -> int:
        answer = self._dynamodb.Table(self._ledger).get_item(Key=budget_key(owner, day), ConsistentRead=True)
        return int(answer["Item"]["used"]) if "Item" in answer else 0  # type: ignore[arg-type]

    def usage(self, owner: str, first: str, last: str) -> Sequence[DayUsage]:
        answer = self._dynamodb.meta.client.query(
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
        answer = self._dynamodb.meta.client.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :queue AND sk < :key",
            ExpressionAttributeValues={":queue": queue_name(video.pool, video.owner), ":key": video.queue_key},
            Select="COUNT",
            Limit=POSITION_LIMIT,
        )
        return answer["Count"]
