"""What was asked for a moment ago, in the table `Ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from wan_video.adapters.ledger import repeat_key
from wan_video.adapters.transactions import SingleWrites

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SECONDS: Final = 3600
"""When DynamoDB may forget it; it matters for some seconds alone."""


class DynamoRepeats:
    """The port `Repeats`: one conditional write decides who was first."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._writes = SingleWrites(dynamodb)
        self._ledger = ledger

    def first(self, owner: str, digest: str, key: str, *, now: int, since: int) -> str:
        try:
            self._writes.put(
                TableName=self._ledger,
                Item={**repeat_key(owner, digest), "key": key, "at": now, "ttl": now + KEPT_SECONDS},
                ConditionExpression="attribute_not_exists(pk) OR #at <= :since",
                ExpressionAttributeNames={"#at": "at"},
                ExpressionAttributeValues={":since": since},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            there: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
            return str(there["key"])
        return key
