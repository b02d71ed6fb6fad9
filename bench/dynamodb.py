"""DynamoDB in this process, for tables of any size: it answers whatever boto3 clients ask, and counts what that takes.

Reads are found by bisection, so that its own time says nothing of how many rows there are, and its time is kept apart.
Writes are taken as they come: conditions and counters are not looked at, which one call after another can do without.
"""

from __future__ import annotations

import json
import re
import time
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse, HTTPHeaders

from bench.tables import Schema
from bench.units import get_units, query_units

Json = dict[str, Any]
Key = tuple[str, str]

CONDITION = re.compile(r"([#\w]+) = (:\w+)(?: AND ([#\w]+) (<=?|>|BETWEEN) (:\w+)(?: AND (:\w+))?)?")
LAST = "\U0010ffff"


@dataclass
class Table:
    """One table and its indexes; items are kept as text, for there may be many."""

    schema: Schema
    indexes: Mapping[str, Schema] = field(default_factory=dict)
    items: dict[Key, str] = field(default_factory=dict, init=False)
    orders: dict[tuple[str, str], list[tuple[str, Key]]] = field(default_factory=lambda: defaultdict(list), init=False)

    def load(self, items: Iterator[Json]) -> None:
        """Put many items at once."""
        for item in items:
            self._place(item, lambda order, entry: order.append(entry))
        for order in self.orders.values():
            order.sort()

    def put(self, item: Json) -> None:
        """Put one item."""
        self.delete(item)
        self._place(item, insort)

    def delete(self, key: Json) -> None:
        """Delete an item, if it is there."""
        there = self.items.pop(self._key(key), None)
        for name, schema in self._schemas() if there else ():
            item = json.loads(there or "")
            if schema.hash in item:
                self.orders[name, _text(item[schema.hash])].remove((_range(item, schema), self._key(item)))

    def get(self, key: Json) -> Json | None:
        """Read one item."""
        there = self.items.get(self._key(key))
        return json.loads(there) if there else None

    def query(self, asked: Json) -> tuple[list[Json], Json | None]:
        """The items of one page, and the key to go on after."""
        index = asked.get("IndexName", "")
        schema = self.indexes[index] if index else self.schema
        order, (low, high) = self._bounds(asked, index)
        start = asked.get("ExclusiveStartKey")
        if start is not None:
            entry = (_range(start, schema), self._key(start))
            low, high = (
                (bisect_left(order, (*entry, LAST)), high)
                if asked.get("ScanIndexForward", True)
                else (low, bisect_left(order, entry))
            )
        limit = asked.get("Limit", high - low)
        forward = asked.get("ScanIndexForward", True)
        page = order[low : min(low + limit, high)] if forward else order[max(low, high - limit) : high][::-1]
        found = [json.loads(self.items[key]) for _, key in page]
        if schema.keys_only:
            names = {schema.hash, schema.range, self.schema.hash, self.schema.range}
            found = [{name: value for name, value in item.items() if name in names} for item in found]
        more = len(page) < high - low and found
        names = {schema.hash, schema.range, self.schema.hash, self.schema.range} - {""}
        return found, {name: found[-1][name] for name in names} if more else None

    def _bounds(self, asked: Json, index: str) -> tuple[list[tuple[str, Key]], tuple[int, int]]:
        values = {name: _text(value) for name, value in asked["ExpressionAttributeValues"].items()}
        condition = CONDITION.fullmatch(asked["KeyConditionExpression"])
        if condition is None:
            raise NotImplementedError(asked["KeyConditionExpression"])
        _, wanted, _, comparison, first, last = condition.groups()
        order = self.orders[index, values[wanted]]
        low, high = 0, len(order)
        if comparison == ">":
            low = bisect_left(order, (values[first], (LAST, "")))
        elif comparison == "BETWEEN":
            low, high = bisect_left(order, (values[first],)), bisect_left(order, (values[last], (LAST, "")))
        elif comparison == "<":
            high = bisect_left(order, (values[first],))
        elif comparison == "<=":
            high = bisect_left(order, (values[first], (LAST, "")))
        return order, (low, high)

    def _place(self, item: Json, into: Any) -> None:
        key = self._key(item)
        self.items[key] = json.dumps(item)
        for name, schema in self._schemas():
            if schema.hash in item:
                into(self.orders[name, _text(item[schema.hash])], (_range(item, schema), key))

    def _schemas(self) -> Iterator[tuple[str, Schema]]:
        yield "", self.schema
        yield from self.indexes.items()

    def _key(self, item: Json) -> Key:
        return _text(item[self.schema.hash]), _text(item[self.schema.range]) if self.schema.range else ""


@dataclass
class Counts:
    """What was asked: calls by their names, items and units read, and the seconds that answering took here."""

    calls: list[str] = field(default_factory=list)
    items: int = 0
    units: float = 0
    seconds: float = 0


@dataclass
class DynamoDB:
    """Answers the clients of a session; other services get the answers of `others`, by host and operation."""

    tables: dict[str, Table]
    others: Mapping[str, bytes]
    counts: Counts = field(default_factory=Counts)

    def answer(self, request: Any, **_told: object) -> AWSResponse:
        """A handler of botocore's event `before-send`."""
        began = time.process_time()
        target = request.headers.get("X-Amz-Target", b"")
        service, _, name = (target.decode() if isinstance(target, bytes) else target).partition(".")
        self.counts.calls.append(name or f"{request.method} {request.url.partition('?')[2]}")
        if service.startswith("DynamoDB"):
            answered: Json = getattr(self, f"_{name.lower()}")(json.loads(request.body))
            body = json.dumps(answered).encode()
        else:
            body = self.others[name or request.method]
        self.counts.seconds += time.process_time() - began
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(body))

    def _query(self, asked: Json) -> Json:
        found, last = self.tables[asked["TableName"]].query(asked)
        self._read(len(found), query_units(found, consistent=asked.get("ConsistentRead", False)))
        shown = {} if asked.get("Select") == "COUNT" else {"Items": found}
        return {"Count": len(found), **shown, **({"LastEvaluatedKey": last} if last else {})}

    def _getitem(self, asked: Json) -> Json:
        item = self.tables[asked["TableName"]].get(asked["Key"])
        self._read(int(item is not None), get_units(item, consistent=asked.get("ConsistentRead", False)))
        return {"Item": item} if item else {}

    def _batchgetitem(self, asked: Json) -> Json:
        answers: Json = {}
        for table, wanted in asked["RequestItems"].items():
            there = [self.tables[table].get(key) for key in wanted["Keys"]]
            answers[table] = [item for item in there if item]
            consistent = wanted.get("ConsistentRead", False)
            self._read(len(answers[table]), sum(get_units(item, consistent=consistent) for item in there))
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _transactwriteitems(self, asked: Json) -> Json:
        for action in asked["TransactItems"]:
            ((verb, arguments),) = action.items()
            getattr(self, f"_{verb.lower()}item")(arguments)
        return {}

    def _putitem(self, asked: Json) -> Json:
        self.tables[asked["TableName"]].put(asked["Item"])
        return {}

    def _deleteitem(self, asked: Json) -> Json:
        self.tables[asked["TableName"]].delete(asked["Key"])
        return {}

    def _updateitem(self, asked: Json) -> Json:
        return {}

    def _read(self, items: int, units: float) -> None:
        self.counts.items += items
        self.counts.units += units


class _Raw(BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _text(value: Mapping[str, Any]) -> str:
    """A key as text whose order is that of the keys."""
    ((kind, content),) = value.items()
    return f"{int(content):020d}" if kind == "N" else str(content)


def _range(item: Json, schema: Schema) -> str:
    return _text(item[schema.range]) if schema.range else ""
