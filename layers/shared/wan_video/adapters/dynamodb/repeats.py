"""The records of recent requests in the table `Ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from wan_video.adapters.dynamodb.ledger import repeat_key
from wan_video.adapters.dynamodb.transactions import SingleWrites, rejected
from wan_video.domain import names

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT_SECONDS: Final = 3600
"""Seconds after which DynamoDB may delete a record; every window is shorter."""


class DynamoRepeats:
    """The port `Repeats`; a conditional write decides which request was first."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._writes = SingleWrites(dynamodb)
        self._ledger = ledger

    def first(
        self,
        owner: str,
        digest: str,
        key: str,
        *,
        now: int,
        since: int,
        session: str = "",
        instead_of: str | None = None,
        except_of: str | None = None,
    ) -> str:
        asked = {"key": key, "video_id": names.video_id(owner, key), "session": session, "at": now}
        condition = "attribute_not_exists(pk) OR #at <= :since"
        names_of, values = {"#at": "at"}, dict[str, Any]({":since": since})
        for name, nobodys in (("key", instead_of), ("session", except_of)):
            if nobodys is not None:
                condition += f" OR #{name} = :{name}"
                names_of[f"#{name}"] = name
                values[f":{name}"] = nobodys
        try:
            self._writes.put(
                TableName=self._ledger,
                Item={**repeat_key(owner, digest), **asked, "ttl": now + KEPT_SECONDS},
                ConditionExpression=condition,
                ExpressionAttributeNames=names_of,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            existing: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
            return str(existing["key"])
        return key

    def close(self, owner: str, digest: str, video_id: str, session: str) -> None:
        with rejected():
            self._writes.delete(
                TableName=self._ledger,
                Key=repeat_key(owner, digest),
                ConditionExpression="video_id = :video AND #session = :session",
                ExpressionAttributeNames={"#session": "session"},
                ExpressionAttributeValues={":video": video_id, ":session": session},
            )
