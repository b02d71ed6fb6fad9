"""What writes do to items: moto applies them, to only those items that one request names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.dynamodb.exceptions import TransactionCanceledException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType

from bench.tables import Schema

Json = dict[str, Any]

NO_REASON: Final = "None"
REGION, ACCOUNT = "eu-central-1", "123456789012"


class Cancelled(Exception):
    """A transaction was cancelled; `reasons` are DynamoDB's codes, one for each action."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = reasons


class Writes:
    """Evaluates conditions and updates by means of one small table in moto for each table of the stack.

    moto copies a whole table for each transaction, so the tables here hold only the items of the current transaction.
    """

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._backend = DynamoDBBackend(REGION, ACCOUNT)
        for name, schema in schemas.items():
            keys = [name for name in (schema.hash, schema.range) if name]
            self._backend.create_table(
                name,
                schema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                attr=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                throughput=None,
                global_indexes=None,
                indexes=None,
                streams=None,
                billing_mode="PAY_PER_REQUEST",
                sse_specification=None,
                tags=[],
                deletion_protection_enabled=None,
                warm_throughput=None,
            )

    def key_of(self, verb: str, arguments: Mapping[str, Any]) -> Json:
        """The key of the item that an action writes; `verb` is DynamoDB's name of the action."""
        schema = self._schemas[arguments["TableName"]]
        item = arguments["Item"] if verb == "Put" else arguments["Key"]
        return {name: item[name] for name in (schema.hash, schema.range) if name}

    def apply(self, actions: Sequence[tuple[str, Json]], before: Sequence[Json | None]) -> list[Json | None]:
        """The items after some actions, all of which are written, or none.

        `before` are the items as they are, in the order of the actions. Raises Cancelled where a condition fails.
        """
        for name in self._schemas:
            self._backend.get_table(name).items.clear()
        for (_, arguments), item in zip(actions, before, strict=True):
            if item is not None:
                self._backend.put_item(arguments["TableName"], item)
        try:
            self._backend.transact_write_items([{verb: arguments} for verb, arguments in actions])
        except TransactionCanceledException as error:
            reasons = json.loads(error.description)["CancellationReasons"]
            raise Cancelled([reason["Code"] for reason in reasons]) from None
        return [self._read(verb, arguments) for verb, arguments in actions]

    def _read(self, verb: str, arguments: Json) -> Json | None:
        table = self._backend.get_table(arguments["TableName"])
        key = self.key_of(verb, arguments)
        schema = self._schemas[arguments["TableName"]]
        found = table.get_item(DynamoType(key[schema.hash]), DynamoType(key[schema.range]) if schema.range else None)
        return None if found is None else found.to_json()["Attributes"]
