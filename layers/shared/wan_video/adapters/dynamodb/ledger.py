"""The keys of the table `Ledger`, which holds what is not a video.

pk                     sk                          attributes
pool#{pool}            pool                        taken: how many places are; changes: how often that has changed;
                                                   running (string set): see places.py; quota, read_at, asked_at,
                                                   retires_at: what Wan has stated of the model (domain/quota.py)
pool#{region}          pool                        asked_at: when Wan was last asked for the region's list of models
pool#{pool}            line#{owner}                waiting_interactive, waiting_batch, since, used_at_most,
                                                   version
places#{pool}          {id of a video}             owner; begun, once its execution is started: one place that is taken
lease#{pool}           lease                       holder, expires_at (Unix seconds), asked: there while a dispatcher
                                                   starts videos of the pool
queue#{pool}#{owner}   {priority}#{time}#{id}      video_id
budget#{owner}         {UTC day}                   used: seconds spent or reserved; spent, price; where they are not 0:
                                                   beyond_estimate, unpriced (domain/budget.py)
claim#{region}#{task}  claim                       video_id: the one video that a Wan task belongs to; ttl
unknown#{owner}        unknown                     ids (string set): imported videos whose tasks Wan has not confirmed
repeat#{owner}         {SHA-256 of a body}         key, video_id, session, at: who asked for what a moment ago
batch#{id}             batch                       what domain/batch.py says; its counts are written with the rows
batches#{owner}        {time of creation}#{id}     id: lists an owner's batches
open_batches           {id}                        nothing: there as long as a batch has not been announced
kept_batches           {time of its end}#{id}      id: there from then on, until its reports are deleted
webhooks#{owner}       endpoints                   count: how many endpoints the owner has; callback_id: the one that
                                                   signs callbacks
webhooks#{owner}       {id of an endpoint}         what domain/webhook.py says of one endpoint
deliveries#{endpoint}  {id of a delivery}          what domain/delivery.py says of one delivery; ttl
open_deliveries        {endpoint}#{delivery}       lane, due_at, waiting: there until the delivery has ended
waiting#{lane}         {id of a delivery}          endpoint_id: there while the delivery waits for its receiver; ttl
lane#{lane}            lane                        what domain/delivery.py says of a lane, the state of a receiver; ttl
tokens                 {SHA-256 of a token}        owner, scopes (string set), daily_seconds, name, created_at,
                                                   revoked_at
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

MAX_ROUNDS: Final = 10
READ_AT_ONCE: Final = 100
"""The maximum number of items that DynamoDB reads in one BatchGetItem."""


def pool_key(pool: str) -> dict[str, str]:
    """Return the key of the item of a pool."""
    return {"pk": f"pool#{pool}", "sk": "pool"}


def line_key(pool: str, owner: str) -> dict[str, str]:
    """Return the key of an owner's line in a pool."""
    return {**pool_key(pool), "sk": f"line#{owner}"}


def places_name(pool: str) -> str:
    """Return the name of the partition that contains the taken places of a pool."""
    return f"places#{pool}"


def place_key(pool: str, video_id: str) -> dict[str, str]:
    """Return the key of the place that a video holds."""
    return {"pk": places_name(pool), "sk": video_id}


def lease_key(pool: str) -> dict[str, str]:
    """Return the key of the lease of a pool, which says which dispatcher starts its videos."""
    return {"pk": f"lease#{pool}", "sk": "lease"}


def queue_name(pool: str, owner: str) -> str:
    """Return the name of the partition that contains an owner's queue in a pool."""
    return f"queue#{pool}#{owner}"


def queue_item_key(pool: str, owner: str, key: str) -> dict[str, str]:
    """Return the key of a queue item."""
    return {"pk": queue_name(pool, owner), "sk": key}


def budget_key(owner: str, day: str) -> dict[str, str]:
    """Return the key of the budget of an owner for a UTC day (YYYY-MM-DD)."""
    return {"pk": f"budget#{owner}", "sk": day}


def claim_key(region: str, task_id: str) -> dict[str, str]:
    """Return the key of the claim of a Wan task, which says to which video it belongs."""
    return {"pk": f"claim#{region}#{task_id}", "sk": "claim"}


def unknown_key(owner: str) -> dict[str, str]:
    """Return the key of the list of an owner's imported tasks that Wan has not confirmed."""
    return {"pk": f"unknown#{owner}", "sk": "unknown"}


def repeat_key(owner: str, digest: str) -> dict[str, str]:
    """Return the key of the record of an owner's recent request, by the digest of its body."""
    return {"pk": f"repeat#{owner}", "sk": digest}


OPEN_BATCHES: Final = "open_batches"


KEPT_BATCHES: Final = "kept_batches"


def batch_key(batch_id: str) -> dict[str, str]:
    """Return the key of the record of a batch."""
    return {"pk": f"batch#{batch_id}", "sk": "batch"}


def batches_name(owner: str) -> str:
    """Return the name of the partition that lists an owner's batches."""
    return f"batches#{owner}"


def listed_name(created_at: int, name: str) -> str:
    """Return the sort key of a video or a batch in its owner's list (Unix seconds and id)."""
    return f"{created_at:012d}#{name}"


def listed_batch_key(owner: str, created_at: int, batch_id: str) -> dict[str, str]:
    """Return the key of a batch in its owner's list."""
    return {"pk": batches_name(owner), "sk": listed_name(created_at, batch_id)}


def open_batch_key(batch_id: str) -> dict[str, str]:
    """Return the key of a batch in the list of those that are not announced yet."""
    return {"pk": OPEN_BATCHES, "sk": batch_id}


def kept_batch_key(ended_at: int, batch_id: str) -> dict[str, str]:
    """Return the key of a batch in the list of those that have ended and are announced."""
    return {"pk": KEPT_BATCHES, "sk": listed_name(ended_at, batch_id)}


def webhooks_name(owner: str) -> str:
    """Return the name of the partition that contains an owner's webhook endpoints."""
    return f"webhooks#{owner}"


def endpoint_key(owner: str, endpoint_id: str) -> dict[str, str]:
    """Return the key of a webhook endpoint."""
    return {"pk": webhooks_name(owner), "sk": endpoint_id}


def endpoints_key(owner: str) -> dict[str, str]:
    """Return the key of the item that counts an owner's webhook endpoints."""
    return {"pk": webhooks_name(owner), "sk": "endpoints"}


def deliveries_name(endpoint_id: str) -> str:
    """Return the name of the partition that contains the deliveries of an endpoint."""
    return f"deliveries#{endpoint_id}"


def delivery_key(endpoint_id: str, delivery_id: str) -> dict[str, str]:
    """Return the key of a delivery."""
    return {"pk": deliveries_name(endpoint_id), "sk": delivery_id}


OPEN_DELIVERIES: Final = "open_deliveries"


def open_delivery_key(endpoint_id: str, delivery_id: str) -> dict[str, str]:
    """Return the key of a delivery in the list of those that have not ended."""
    return {"pk": OPEN_DELIVERIES, "sk": f"{endpoint_id}#{delivery_id}"}


def waiting_name(lane: str) -> str:
    """Return the name of the partition that contains the deliveries that wait in a lane."""
    return f"waiting#{lane}"


def waiting_key(lane: str, delivery_id: str) -> dict[str, str]:
    """Return the key of a delivery that waits in a lane."""
    return {"pk": waiting_name(lane), "sk": delivery_id}


def lane_key(lane: str) -> dict[str, str]:
    """Return the key of a lane."""
    return {"pk": f"lane#{lane}", "sk": "lane"}


def token_key(digest: str) -> dict[str, str]:
    """Return the key of a bearer token, by the lower-case hex of its SHA-256."""
    return {"pk": "tokens", "sk": digest}


def read_many(dynamodb: DynamoDBClient, table: str, keys: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Read items strongly, READ_AT_ONCE in one call; missing items are left out.

    Raises TimeoutError if the table returns some keys unprocessed MAX_ROUNDS times in a row.
    """
    return [
        item
        for at in range(0, len(keys), READ_AT_ONCE)
        for item in _read_together(dynamodb, table, keys[at : at + READ_AT_ONCE])
    ]


def _read_together(dynamodb: DynamoDBClient, table: str, keys: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    wanted: Any = {table: {"Keys": list(keys), "ConsistentRead": True}}
    for _ in range(MAX_ROUNDS):
        answer = dynamodb.batch_get_item(RequestItems=wanted)
        items += answer["Responses"].get(table, [])
        wanted = answer.get("UnprocessedKeys")
        if not wanted:
            return items
    raise TimeoutError(f"{table} kept back items {MAX_ROUNDS} times")
