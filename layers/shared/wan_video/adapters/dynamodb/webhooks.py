"""Webhook endpoints, their deliveries and their lanes in the table `Ledger`."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from wan_video.adapters.dynamodb.ledger import (
    OPEN_DELIVERIES,
    batch_key,
    deliveries_name,
    delivery_key,
    endpoint_key,
    endpoints_key,
    lane_key,
    open_delivery_key,
    waiting_key,
    waiting_name,
    webhooks_name,
)
from wan_video.adapters.dynamodb.records import dump, load
from wan_video.adapters.dynamodb.transactions import Action, SingleWrites, Transactions, rejected
from wan_video.domain.delivery import KEPT_SECONDS, Delivery, DeliveryStatus, Lane, Open, Task
from wan_video.domain.notice import BATCH_COMPLETED
from wan_video.domain.webhook import MAX_ENDPOINTS, WebhookEndpoint
from wan_video.errors import (
    CallbackSecretExists,
    EndpointExists,
    TooManyEndpoints,
    WebhookChanged,
    WebhookEndpointNotFound,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

LISTED_AT_ONCE: Final = 1000
"""The most records that one page of a search for failed deliveries reads."""


class _Ledger:
    """The writes that the stores below have in common."""

    def __init__(self, dynamodb: DynamoDBClient, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._ledger = ledger

    @cached_property
    def _transactions(self) -> Transactions:
        return Transactions(self._dynamodb)

    @cached_property
    def _writes(self) -> SingleWrites:
        return SingleWrites(self._dynamodb)

    def _item(self, key: Mapping[str, str]) -> dict[str, Any]:
        answer = self._dynamodb.get_item(TableName=self._ledger, Key=dict(key), ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _pages(self, **arguments: Any) -> Iterator[Sequence[Mapping[str, Any]]]:
        query = {"TableName": self._ledger, "ConsistentRead": True, **arguments}
        for page in self._dynamodb.get_paginator("query").paginate(**query):
            yield page["Items"]

    def _put(self, item: dict[str, Any]) -> Action:
        return Action("Put", {"TableName": self._ledger, "Item": item})

    def _delete(self, key: Mapping[str, str]) -> Action:
        return Action("Delete", {"TableName": self._ledger, "Key": dict(key)})

    def _replace(self, item: dict[str, Any], version: int, name: str) -> Action:
        """Put an item instead of the one with a version; version 0 is no item at all."""
        arguments: dict[str, Any] = {
            "TableName": self._ledger,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if version:
            arguments["ConditionExpression"] = "version = :before"
            arguments["ExpressionAttributeValues"] = {":before": version}
        return Action("Put", arguments, WebhookChanged(name))


class DynamoWebhookEndpoints(_Ledger):
    """The port `WebhookEndpoints`."""

    def create(self, endpoint: WebhookEndpoint) -> None:
        count = {
            "TableName": self._ledger,
            "Key": endpoints_key(endpoint.owner),
            "UpdateExpression": "ADD #count :one",
            "ConditionExpression": "attribute_not_exists(#count) OR #count < :most",
            "ExpressionAttributeNames": {"#count": "count"},
            "ExpressionAttributeValues": {":one": 1, ":most": MAX_ENDPOINTS},
        }
        if endpoint.signs_callbacks:
            signer = self.signer_of_callbacks(endpoint.owner)
            if signer is not None:
                raise EndpointExists(signer) if signer == endpoint.id else CallbackSecretExists
            count["UpdateExpression"] = "ADD #count :one SET callback_id = :id"
            count["ConditionExpression"] = f"({count['ConditionExpression']}) AND attribute_not_exists(callback_id)"
            count["ExpressionAttributeValues"] = {":one": 1, ":most": MAX_ENDPOINTS, ":id": endpoint.id}
        put = {
            "TableName": self._ledger,
            "Item": {**endpoint_key(endpoint.owner, endpoint.id), **dump(endpoint)},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        known = Action("Put", put, EndpointExists(endpoint.id))
        self._transactions.write([known, Action("Update", count, TooManyEndpoints(MAX_ENDPOINTS))])

    def get(self, owner: str, endpoint_id: str) -> WebhookEndpoint:
        item = self._item(endpoint_key(owner, endpoint_id))
        if "id" not in item:
            raise WebhookEndpointNotFound(endpoint_id)
        return load(WebhookEndpoint, item)

    def of(self, owner: str) -> Sequence[WebhookEndpoint]:
        pages = self._pages(
            KeyConditionExpression="pk = :webhooks", ExpressionAttributeValues={":webhooks": webhooks_name(owner)}
        )
        found = [load(WebhookEndpoint, item) for page in pages for item in page if "id" in item]
        return sorted(found, key=lambda endpoint: (endpoint.created_at, endpoint.id))

    def save(self, before: WebhookEndpoint, after: WebhookEndpoint) -> WebhookEndpoint:
        saved = replace(after, version=before.version + 1)
        change = {
            "TableName": self._ledger,
            "Item": {**endpoint_key(saved.owner, saved.id), **dump(saved)},
            "ConditionExpression": "version = :before",
            "ExpressionAttributeValues": {":before": before.version},
        }
        self._transactions.write([Action("Put", change, WebhookChanged(before.id))])
        return saved

    def delete(self, endpoint: WebhookEndpoint) -> None:
        gone = WebhookChanged(endpoint.id)
        delete = {
            "TableName": self._ledger,
            "Key": endpoint_key(endpoint.owner, endpoint.id),
            "ConditionExpression": "attribute_exists(pk)",
        }
        count = {
            "TableName": self._ledger,
            "Key": endpoints_key(endpoint.owner),
            "UpdateExpression": "ADD #count :less" + (" REMOVE callback_id" if endpoint.signs_callbacks else ""),
            "ConditionExpression": "#count > :nothing",
            "ExpressionAttributeNames": {"#count": "count"},
            "ExpressionAttributeValues": {":less": -1, ":nothing": 0},
        }
        self._transactions.write([Action("Delete", delete, gone), Action("Update", count, gone)])

    def signer_of_callbacks(self, owner: str) -> str | None:
        found: str | None = self._item(endpoints_key(owner)).get("callback_id")
        return found


class DynamoDeliveries(_Ledger):
    """The port `Deliveries`."""

    def create(self, delivery: Delivery) -> bool:
        known = WebhookChanged(delivery.id)
        put = {"TableName": self._ledger, "Item": _item(delivery), "ConditionExpression": "attribute_not_exists(pk)"}
        return not self._transactions.attempt([Action("Put", put, known), self._opened(delivery)])

    def find(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        item = self._item(delivery_key(endpoint_id, delivery_id))
        return load(Delivery, item) if item else None

    def save(self, before: Delivery, after: Delivery) -> Delivery:
        saved = replace(after, version=before.version + 1)
        pending = saved.status is DeliveryStatus.PENDING
        listed = self._opened(saved) if pending else self._delete(open_delivery_key(*saved.key))
        self._transactions.write([self._instead(before, saved), listed])
        return saved

    def list(self, endpoint_id: str, limit: int) -> Sequence[Delivery]:
        answer = self._dynamodb.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :deliveries",
            ExpressionAttributeValues={":deliveries": deliveries_name(endpoint_id)},
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=limit,
        )
        return [load(Delivery, item) for item in answer["Items"]]

    def failed(self, endpoint_id: str, since: int, limit: int) -> Sequence[Delivery]:
        found: list[Delivery] = []
        pages = self._pages(
            KeyConditionExpression="pk = :deliveries AND sk >= :since",
            FilterExpression="#status = :failed",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":deliveries": deliveries_name(endpoint_id),
                ":since": f"whd_{since:012d}",
                ":failed": str(DeliveryStatus.FAILED),
            },
        )
        for page in pages:
            found += [load(Delivery, item) for item in page]
            if len(found) >= limit:
                break
        return found[:limit]

    def wait(self, delivery: Delivery, until: int) -> None:
        waiting = self._put(
            {
                **waiting_key(delivery.lane, delivery.id),
                "endpoint_id": delivery.endpoint_id,
                "ttl": delivery.expires_at,
            }
        )
        # The record stays as it is. An entry of a delivery that has ended meanwhile would be open forever.
        self._transactions.write(
            [self._instead(delivery, delivery), waiting, self._opened(replace(delivery, due_at=until), waiting=True)]
        )

    def waiting(self, lane: str, limit: int) -> Sequence[Task]:
        answer = self._dynamodb.query(
            TableName=self._ledger,
            KeyConditionExpression="pk = :waiting",
            ExpressionAttributeValues={":waiting": waiting_name(lane)},
            ConsistentRead=True,
            Limit=limit,
        )
        return [Task(str(item["endpoint_id"]), str(item["sk"])) for item in answer["Items"]]

    def wake(self, lane: str, task: Task, due_at: int) -> None:
        self._writes.delete(TableName=self._ledger, Key=waiting_key(lane, task.delivery_id))
        with rejected():  # the delivery has ended
            self._writes.update(
                TableName=self._ledger,
                Key=open_delivery_key(task.endpoint_id, task.delivery_id),
                UpdateExpression="SET due_at = :due, waiting = :no",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":due": due_at, ":no": False},
            )

    def open(self) -> Iterator[Open]:
        pages = self._pages(KeyConditionExpression="pk = :open", ExpressionAttributeValues={":open": OPEN_DELIVERIES})
        for page in pages:
            for item in page:
                endpoint_id, _, delivery_id = str(item["sk"]).partition("#")
                task = Task(endpoint_id, delivery_id)
                yield Open(task, str(item["lane"]), int(item["due_at"]), bool(item["waiting"]))

    def forget(self, task: Task) -> None:
        self._writes.delete(TableName=self._ledger, Key=open_delivery_key(task.endpoint_id, task.delivery_id))

    def _instead(self, before: Delivery, after: Delivery) -> Action:
        """Put a record instead of the one that was read."""
        change = {
            "TableName": self._ledger,
            "Item": _item(after),
            "ConditionExpression": "version = :before",
            "ExpressionAttributeValues": {":before": before.version},
        }
        return Action("Put", change, WebhookChanged(before.id))

    def _opened(self, delivery: Delivery, *, waiting: bool = False) -> Action:
        key = open_delivery_key(*delivery.key)
        return self._put({**key, "lane": delivery.lane, "due_at": delivery.due_at, "waiting": waiting})


class DynamoLanes(_Ledger):
    """The port `Lanes`."""

    def get(self, lane: str) -> Lane:
        item = self._item(lane_key(lane))
        if not item:
            return Lane(lane)
        found = load(Lane, item)
        return replace(found, slots={holder: int(until) for holder, until in found.slots.items()})

    def save(self, before: Lane, after: Lane, now: int) -> Lane:
        saved = replace(after, version=before.version + 1)
        item = {**lane_key(saved.id), **dump(saved), "ttl": now + KEPT_SECONDS}
        self._transactions.write([self._replace(item, before.version, before.id)])
        return saved


class DynamoCallbacks:
    """The port `Callbacks`: a video that was deleted in the meantime keeps its callback URL in its tombstone."""

    def __init__(self, dynamodb: DynamoDBClient, *, videos: str, ledger: str) -> None:
        self._dynamodb = dynamodb
        self._videos = videos
        self._ledger = ledger

    def of(self, owner: str, ended_id: str, event_type: str) -> str | None:
        if event_type == BATCH_COMPLETED:
            return self._url(owner, self._ledger, batch_key(ended_id), "callback_url")
        return self._url(owner, self._videos, {"id": ended_id}, "request")

    def _url(self, owner: str, table: str, key: dict[str, str], where: str) -> str | None:
        answer = self._dynamodb.get_item(
            TableName=table,
            Key=key,
            ConsistentRead=True,
            ProjectionExpression="#owner, #was, #where",
            ExpressionAttributeNames={"#owner": "owner", "#was": "was", "#where": where},
        )
        item: dict[str, Any] = answer.get("Item", {})
        was: dict[str, Any] = item.get("was", {})
        if owner not in (item.get("owner"), was.get("owner")):
            return None
        found = item.get(where)
        url: str | None = found.get("callback_url") if isinstance(found, dict) else found
        return url or was.get("callback_url")


def _item(delivery: Delivery) -> dict[str, Any]:
    return {**delivery_key(*delivery.key), **dump(delivery), "ttl": delivery.expires_at}
