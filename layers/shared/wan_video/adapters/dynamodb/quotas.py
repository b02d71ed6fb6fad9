"""Wan's statements about each pool, stored in the items of the pools in the table `Ledger`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wan_video.adapters.dynamodb.ledger import pool_key, read_many
from wan_video.adapters.dynamodb.records import dump, load
from wan_video.adapters.dynamodb.transactions import SingleWrites
from wan_video.domain.quota import Stated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.domain.quota import Quota


class DynamoQuotas:
    """The port `Quotas`."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger
        self._writes = SingleWrites(dynamodb)

    def stated(self, names: Sequence[str]) -> Mapping[str, Stated]:
        pools = {pool_key(name)["pk"]: name for name in names}
        items = read_many(self._dynamodb, self._ledger, [pool_key(name) for name in names])
        return {name: Stated() for name in names} | {pools[str(item["pk"])]: stated_in(item) for item in items}

    def begin_reading(self, name: str, now: int, unless_after: int) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._writes.update(
                TableName=self._ledger,
                Key=pool_key(name),
                UpdateExpression="SET asked_at = :now",
                ConditionExpression="attribute_not_exists(asked_at) OR asked_at <= :after",
                ExpressionAttributeValues={":now": now, ":after": unless_after},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def keep_quota(self, name: str, quota: Quota | None, now: int) -> None:
        if quota is None:
            self._update(name, "SET read_at = :now REMOVE quota", {":now": now})
        else:
            self._update(name, "SET read_at = :now, quota = :quota", {":now": now, ":quota": dump(quota)})

    def keep_retirement(self, name: str, retires_at: int | None) -> None:
        if retires_at is None:
            self._update(name, "REMOVE retires_at")
        else:
            self._update(name, "SET retires_at = :at", {":at": retires_at})

    def _update(self, name: str, update: str, values: Mapping[str, Any] | None = None) -> None:
        arguments: dict[str, Any] = {"TableName": self._ledger, "Key": pool_key(name), "UpdateExpression": update}
        if values:
            arguments["ExpressionAttributeValues"] = dict(values)
        self._writes.update(**arguments)


def stated_in(item: Mapping[str, Any]) -> Stated:
    """Return Wan's statements that the item of a pool contains."""
    return load(Stated, item)
