"""What the AWS engine needs to enforce rights as AWS does, mended in the engine's own process when it shall.

With `AUTH=true` the engine holds every call of a function to the policies of its role, but it takes this machine's
plain HTTP for an unencrypted line, and it does not know which keys of a table a request names.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, iam_evaluator  # type: ignore[import-untyped]
from ministack.services import dynamodb  # type: ignore[import-untyped]

LEADING_KEYS = "dynamodb:LeadingKeys"
MEMBERS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
    "PutRequest": "BatchWriteItem",
    "DeleteRequest": "BatchWriteItem",
}
EQUALS = re.compile(r"(#?\w+)\s*=\s*(:\w+)")

Attributes = Mapping[str, Mapping[str, Any]]
"""An item or a key as DynamoDB writes it: `{"pk": {"S": "..."}}`."""


def apply() -> None:
    """Mend the imported engine, before it serves."""
    trust_this_machine()
    know_leading_keys()


def trust_this_machine() -> None:
    """Take calls over loopback for encrypted; else every `aws:SecureTransport` statement refuses everything."""
    pin: Callable[[str, bool], None] = app.pin_request_origin

    def pin_encrypted(source_ip: str, _secure_transport: bool) -> None:
        pin(source_ip, True)

    app.pin_request_origin = pin_encrypted


def know_leading_keys() -> None:
    """Give policies the condition key `dynamodb:LeadingKeys`, for each action and table of a request."""
    context_of: Callable[[bytes], dict[str, Any]] = iam_actions.dynamodb_service_context
    enforce: Callable[..., Any] = iam_evaluator.enforce

    def context_with_keys(body: bytes) -> dict[str, Any]:
        return {**context_of(body), LEADING_KEYS: leading_keys(json.loads(body or b"{}"), hash_key)}

    def enforce_with_keys(
        access_key: str, action: str, *rest: Any, service_context: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        context = dict(service_context or {})
        keys = context.pop(LEADING_KEYS, {})
        table = options.get("resource_arn", "").partition("table/")[2].partition("/")[0]
        verb = action.partition(":")[2]
        denied: Any = None
        # A transaction is authorized item by item, any other request as a whole.
        for found in [[key] for key in keys.get((verb, table), ())] or [keys.get(("", table), [])]:
            told = {**context, LEADING_KEYS: found} if found else context
            denied = denied or enforce(access_key, action, *rest, service_context=told, **options)
        return denied

    iam_actions.dynamodb_service_context = context_with_keys
    iam_evaluator.enforce = enforce_with_keys


def hash_key(table: str, index: str | None) -> str | None:
    """The name of the attribute by which a table or its index is partitioned."""
    record = dynamodb._tables.get(table) or {}
    holders = record.get("GlobalSecondaryIndexes", []) if index else [record]
    for holder in holders:
        if holder.get("IndexName") == index:
            return next((key["AttributeName"] for key in holder.get("KeySchema", ()) if key["KeyType"] == "HASH"), None)
    return None


def leading_keys(
    request: Any, hash_key: Callable[[str, str | None], str | None]
) -> Mapping[tuple[str, str], list[str]]:
    """The partition keys that a request names, by action and table; the action is empty where it is the request's."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for verb, table, index, key in _named(request):
        value = key.get(hash_key(table, index) or "")
        if value is not None:
            found[verb, table].append(str(next(iter(value.values()))))
    return found


def _named(request: Any) -> Iterator[tuple[str, str, str | None, Attributes]]:
    """Every key of a request as (action, table, index, key)."""
    table = request.get("TableName")
    if isinstance(table, str):
        yield "", table, request.get("IndexName"), request.get("Key") or request.get("Item") or _equalities(request)
    for item in request.get("TransactItems", ()):
        for member, detail in item.items():
            yield MEMBERS[member], detail["TableName"], None, detail.get("Key") or detail.get("Item") or {}
    for table, asked in request.get("RequestItems", {}).items():
        if isinstance(asked, list):
            for member, detail in ((member, detail) for write in asked for member, detail in write.items()):
                yield MEMBERS[member], table, None, detail.get("Key") or detail.get("Item") or {}
        else:
            for key in asked["Keys"]:
                yield "", table, None, key


def _equalities(request: Any) -> Attributes:
    """What a query says its keys are equal to."""
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    pairs = EQUALS.findall(request.get("KeyConditionExpression", ""))
    return {names.get(name, name): values[value] for name, value in pairs if value in values}
