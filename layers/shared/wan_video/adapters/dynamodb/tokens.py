"""Bearer tokens, stored by their hash in the table `Ledger`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wan_video.adapters.dynamodb.ledger import token_key
from wan_video.domain.token import Token

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoTokens:
    """The port `Tokens`."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger

    def find(self, digest: str) -> Token | None:
        item: dict[str, Any] = self._dynamodb.get_item(TableName=self._ledger, Key=token_key(digest)).get("Item", {})
        if not item or "revoked_at" in item:
            return None
        daily_seconds = item.get("daily_seconds")
        return Token(
            owner=item["owner"],
            scopes=frozenset(item["scopes"]),
            daily_seconds=int(daily_seconds) if daily_seconds is not None else None,
        )
