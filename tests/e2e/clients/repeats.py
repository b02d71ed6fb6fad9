"""The record by which the API recognises a repeated create; tests date it, because its window is in real time."""

from __future__ import annotations

import json

from tests.e2e.conftest import Local
from wan_video.adapters.dynamodb.ledger import repeat_key
from wan_video.domain.digests import body_digest
from wan_video_local.stack import OWNER


def date_record(local: Local, body: bytes, at: int) -> bool:
    """Let the first create with this body have been sent at that Unix time; return False if it has no record.

    A create with an Idempotency-Key has none.
    """
    ledger = local.stack.aws.dynamodb.Table(local.stack.outputs["LedgerTableName"])
    key = repeat_key(OWNER, body_digest(json.loads(body)))
    if not ledger.get_item(Key=key, ConsistentRead=True).get("Item"):
        return False
    ledger.update_item(
        Key=key,
        UpdateExpression="SET #at = :at",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues={":at": at},
    )
    return True
