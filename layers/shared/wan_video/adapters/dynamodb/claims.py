"""The claims in the table `Ledger`, which say which of Wan's tasks belong to a video; reads are strong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wan_video.adapters.dynamodb.ledger import claim_key, read_many

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.domain.models import Region


class DynamoClaims:
    """The port `Claims`."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger

    def claimed(self, region: Region, task_ids: Sequence[str]) -> frozenset[str]:
        by_key = {claim_key(region, task_id)["pk"]: task_id for task_id in task_ids}
        keys = [claim_key(region, task_id) for task_id in by_key.values()]
        return frozenset(by_key[str(item["pk"])] for item in read_many(self._dynamodb, self._ledger, keys))
