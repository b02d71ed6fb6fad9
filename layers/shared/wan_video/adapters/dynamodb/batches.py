"""The records of batches in the table `Ledger`."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wan_video.adapters.dynamodb.ledger import (
    KEPT_BATCHES,
    OPEN_BATCHES,
    batch_key,
    batches_name,
    kept_batch_key,
    listed_batch_key,
    listed_name,
    open_batch_key,
    read_many,
)
from wan_video.adapters.dynamodb.records import changes, dump, load
from wan_video.adapters.dynamodb.transactions import Action, Transactions
from wan_video.domain.batch import Batch
from wan_video.errors import BatchChanged, BatchExists, BatchNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from wan_video.domain.listing import Mark


class DynamoBatches:
    """The port `Batches`."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger

    @cached_property
    def _transactions(self) -> Transactions:
        return Transactions(self._dynamodb)

    def get(self, batch_id: str) -> Batch:
        answer = self._dynamodb.get_item(TableName=self._ledger, Key=batch_key(batch_id), ConsistentRead=True)
        item = answer.get("Item", {})
        if "id" not in item:
            raise BatchNotFound(batch_id)
        return load(Batch, item)

    def create(self, batch: Batch) -> None:
        record = Action(
            "Put",
            {
                "TableName": self._ledger,
                "Item": {**batch_key(batch.id), **dump(batch)},
                "ConditionExpression": "attribute_not_exists(id)",
            },
            BatchExists(batch.id),
        )
        listed = self._put({**listed_batch_key(batch.owner, batch.created_at, batch.id), "id": batch.id})
        opened = self._put(open_batch_key(batch.id))
        self._transactions.write([record, listed, opened])

    def save(self, before: Batch, after: Batch) -> Batch:
        saved = replace(after, version=before.version + 1)
        # Write only what the transition changed, because rows can change the counts in the meantime.
        change = changes(dump(before), dump(saved))
        actions = [
            self._update(
                batch_key(before.id),
                change.expression,
                "version = :before",
                change.names,
                {**change.values, ":before": before.version},
                BatchChanged(before.id),
            )
        ]
        if before.open and not after.open:
            actions.append(Action("Delete", {"TableName": self._ledger, "Key": open_batch_key(before.id)}))
            actions.append(self._put({**_kept_key(saved), "id": saved.id}))
        self._transactions.write(actions)
        return saved

    def cancel_unwritten(self, batch: Batch) -> None:
        unwritten = batch.accepted - batch.written
        update = self._update(
            batch_key(batch.id),
            "ADD #written :unwritten, #started :unwritten, #cancelled :unwritten, #left :less",
            "#written = :written",
            {f"#{name}": name for name in ("written", "started", "cancelled", "left")},
            {":unwritten": unwritten, ":less": -unwritten, ":written": batch.written},
            BatchChanged(batch.id),
        )
        if unwritten:
            self._transactions.write([update])

    def list(self, owner: str, limit: int, after: Mark | None = None) -> tuple[Sequence[Batch], bool]:
        arguments: dict[str, Any] = {
            "TableName": self._ledger,
            "KeyConditionExpression": "pk = :batches",
            "ExpressionAttributeValues": {":batches": batches_name(owner)},
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": limit + 1,
        }
        if after is not None:
            arguments["KeyConditionExpression"] += " AND sk < :after"
            arguments["ExpressionAttributeValues"][":after"] = listed_name(after.created_at, after.id)
        listed = self._dynamodb.query(**arguments)["Items"]
        keys = [batch_key(str(item["id"])) for item in listed[:limit]]
        items = {item["pk"]: item for item in read_many(self._dynamodb, self._ledger, keys) if "id" in item}
        batches = [load(Batch, items[key["pk"]]) for key in keys if key["pk"] in items]
        return batches, len(listed) > limit

    def open(self) -> Iterator[str]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._ledger,
            KeyConditionExpression="pk = :open",
            ExpressionAttributeValues={":open": OPEN_BATCHES},
        )
        for page in pages:
            yield from (str(item["sk"]) for item in page["Items"])

    def kept(self, ended_by: int, limit: int) -> Sequence[str]:
        page = self._dynamodb.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :kept AND sk < :after",
            ExpressionAttributeValues={":kept": KEPT_BATCHES, ":after": listed_name(ended_by + 1, "")},
            Limit=limit,
        )
        return [str(item["id"]) for item in page["Items"]]

    def remove_record_at(self, batch: Batch, until: int) -> None:
        listed = listed_batch_key(batch.owner, batch.created_at, batch.id)
        expiring = [
            self._update(
                key,
                "SET #ttl = :until",
                "attribute_exists(pk)",
                {"#ttl": "ttl"},
                {":until": until},
                BatchChanged(batch.id),
            )
            for key in (batch_key(batch.id), listed)
        ]
        forgotten = Action("Delete", {"TableName": self._ledger, "Key": _kept_key(batch)})
        self._transactions.write([*expiring, forgotten])

    def _put(self, item: dict[str, Any]) -> Action:
        return Action("Put", {"TableName": self._ledger, "Item": item})

    def _update(
        self,
        key: dict[str, str],
        update: str,
        condition: str,
        names: dict[str, str],
        values: dict[str, Any],
        refusal: BatchChanged,
    ) -> Action:
        return Action(
            "Update",
            {
                "TableName": self._ledger,
                "Key": key,
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            },
            refusal,
        )


def _kept_key(batch: Batch) -> dict[str, str]:
    return kept_batch_key(batch.ended_at or batch.updated_at, batch.id)
