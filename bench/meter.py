"""Counts what a botocore session asks of AWS, in the units that AWS bills."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.tables import Schema
from bench.units import TRANSACTION, Item, get_units, index_units, query_units, write_units
from bench.writes import Cancelled, Writes

READS = frozenset({"GetItem", "BatchGetItem", "Query"})
S3_READS = ("Get", "Head", "Select")


@dataclass
class Meter:
    """Handlers of botocore's events; `counts` has units and requests by their names.

    `tables` are keys and indexes by the name of the table. An item that the meter has not seen before counts as new. In
    a table without indexes, which is the ledger, an update counts as one of an item of up to 1 KB: all are smaller.
    """

    tables: Mapping[str, tuple[Schema, Mapping[str, Schema]]]
    counts: Counter[str] = field(default_factory=Counter)
    seen: dict[tuple[str, str], Item] = field(default_factory=dict)

    @cached_property
    def _writes(self) -> Writes:
        return Writes({name: schema for name, (schema, _) in self.tables.items()})

    def attach(self, session: Any) -> None:
        """Count what the clients of a session will ask from now on."""
        session.register("before-call", self.asked)
        session.register("after-call.dynamodb", self.answered)

    def asked(self, model: Any, params: Mapping[str, Any], **_: object) -> None:
        """Count a request."""
        service, name = model.service_model.service_name, model.name
        if service == "dynamodb":
            body = json.loads(params["body"])
            if name == "TransactWriteItems":
                for action in body["TransactItems"]:
                    ((verb, arguments),) = action.items()
                    self._written(f"{verb}Item", arguments, TRANSACTION)
            elif name not in READS:
                self._written(name, body, 1)
        elif service == "s3":
            self.counts["S3 reads" if name.startswith(S3_READS) else "S3 writes"] += 1
        elif service != "sts":
            self.counts[f"{service} {name}"] += 1

    def answered(self, model: Any, http_response: Any, **_: object) -> None:
        """Count what a read has read."""
        if model.name not in READS or http_response.status_code != 200:
            return
        body = json.loads(http_response.text)
        if model.name == "Query":
            units = query_units(body.get("Items", ()), consistent=True)
        elif model.name == "GetItem":
            units = get_units(body.get("Item"), consistent=True)
        else:
            units = sum(get_units(item, consistent=True) for items in body["Responses"].values() for item in items)
        self.counts["DynamoDB read units"] += int(units)

    def _written(self, verb: str, arguments: Mapping[str, Any], factor: int) -> None:
        schema, indexes = self.tables[arguments["TableName"]]
        if verb != "PutItem" and not indexes:
            self.counts["DynamoDB write units"] += factor
            return
        action = verb.removesuffix("Item")
        key = (arguments["TableName"], json.dumps(self._writes.key_of(action, arguments)))
        before = self.seen.get(key, {})
        with contextlib.suppress(Cancelled):  # DynamoDB bills a refused write by the item that exists
            (written,) = self._writes.apply([(action, dict(arguments))], [dict(before) or None])
            self.seen[key] = written or {}
        item = self.seen.get(key, {})
        self.counts["DynamoDB write units"] += factor * write_units(before, item)
        for index in indexes.values():
            self.counts["DynamoDB write units"] += index_units(schema, index, before, item)
