"""DynamoDB in this process, for tables of any size: it answers the calls of boto3 clients and counts what they use.

Reads use bisection, so that the table's size hardly affects its own time, which is recorded separately. moto applies
writes with their conditions (`bench.writes`).

With a clockwork it takes virtual time to answer, and transactions exclude one another: while a transaction is under
way, any other write of one of its items is refused, a transaction as `TransactionCanceledException` with the reason
`TransactionConflict`, a single write as `TransactionConflictException`.
Source: DynamoDB Developer Guide, "Amazon DynamoDB Transactions: How it works", "Transaction conflict handling".
"""

from __future__ import annotations

import json
import re
import time
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from random import Random
from typing import Any, Final

from botocore.awsrequest import AWSResponse, HTTPHeaders

from bench.clockwork import Clockwork
from bench.tables import Schema
from bench.units import TRANSACTION, get_units, index_units, item_size, query_units, write_units
from bench.writes import NO_REASON, Cancelled, Writes

Json = dict[str, Any]
Key = tuple[str, str]
Place = tuple[str, Key]
"""An item of a table: the name of the table, and the item's key."""

CONDITION = re.compile(r"([#\w]+) = (:\w+)(?: AND ([#\w]+) (<=?|>|BETWEEN) (:\w+)(?: AND (:\w+))?)?")
LAST = "\U0010ffff"

CONDITION_FAILED: Final = "ConditionalCheckFailed"
CONFLICT: Final = "TransactionConflict"
MOST_KEYS: Final = 100
"""Keys that DynamoDB takes in one BatchGetItem. Source: DynamoDB API Reference, "BatchGetItem"."""

TAKES: Final[Mapping[str, float]] = {"TransactWriteItems": 0.02, "StartExecution": 0.025}
"""Mean virtual seconds of a call, those that a transaction excludes others for included. An assumption of the model."""

OTHER_CALLS_TAKE: Final = 0.005
SPREAD: Final = 0.5
"""A call takes up to this share of its mean more or less."""


@dataclass
class Table:
    """One table and its indexes; items are kept as text to save memory."""

    schema: Schema
    indexes: Mapping[str, Schema] = field(default_factory=dict)
    items: dict[Key, str] = field(default_factory=dict, init=False)
    orders: dict[tuple[str, str], list[tuple[str, Key]]] = field(default_factory=lambda: defaultdict(list), init=False)

    def load(self, items: Iterator[Json]) -> None:
        """Put many items at once into an empty table."""
        for item in items:
            self._place(item, lambda order, entry: order.append(entry))
        for order in self.orders.values():
            order.sort()

    def put(self, item: Json) -> None:
        """Put one item."""
        self.delete(item)
        self._place(item, insort)

    def delete(self, key: Json) -> None:
        """Delete an item, if it exists."""
        stored = self.items.pop(self.key(key), None)
        for name, schema in self._schemas() if stored else ():
            item = json.loads(stored or "")
            if schema.hash in item:
                order = self.orders[name, _text(item[schema.hash])]
                del order[bisect_left(order, (_range(item, schema), self.key(item)))]

    def get(self, key: Json) -> Json | None:
        """Return one item, or None."""
        stored = self.items.get(self.key(key))
        return json.loads(stored) if stored else None

    def key(self, item: Json) -> Key:
        """The key of an item."""
        return _text(item[self.schema.hash]), _text(item[self.schema.range]) if self.schema.range else ""

    def units_to_replace(self, before: Json | None, after: Json | None, factor: int) -> int:
        """Write units of one write, those of the indexes included; `factor` is how often the table itself is billed."""
        indexed = sum(index_units(self.schema, index, before or {}, after or {}) for index in self.indexes.values())
        return factor * write_units(before or {}, after or {}) + indexed

    def query(self, asked: Json) -> tuple[list[Json], Json | None]:
        """Return the items of one page, and the key after which the next page begins."""
        index = asked.get("IndexName", "")
        schema = self.indexes[index] if index else self.schema
        order, (low, high) = self._bounds(asked, index)
        start = asked.get("ExclusiveStartKey")
        if start is not None:
            entry = (_range(start, schema), self.key(start))
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
        key = self.key(item)
        self.items[key] = json.dumps(item)
        for name, schema in self._schemas():
            if schema.hash in item:
                into(self.orders[name, _text(item[schema.hash])], (_range(item, schema), key))

    def _schemas(self) -> Iterator[tuple[str, Schema]]:
        yield "", self.schema
        yield from self.indexes.items()


@dataclass
class Counts:
    """Names of the calls, items and units read and written, and the seconds that answering took here.

    `written` counts the units of what was written; a refused write is in `refused` (a condition failed) or in
    `conflicts` (a transaction was under way), and `largest` is the size (bytes) of the largest item written.
    """

    calls: list[str] = field(default_factory=list)
    items: int = 0
    units: float = 0
    written: int = 0
    refused: int = 0
    conflicts: int = 0
    largest: int = 0
    seconds: float = 0


class _Refused(Exception):
    """An answer of DynamoDB that is an error."""

    def __init__(self, code: str, **members: Any) -> None:
        super().__init__(code)
        self.body: Json = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **members}


@dataclass
class DynamoDB:
    """Answers the clients of a session; other services get the answers of `others`, by host and operation.

    `started` are the names of the executions that were asked for, one for each call.
    """

    tables: dict[str, Table]
    others: Mapping[str, bytes]
    counts: Counts = field(default_factory=Counts)
    clockwork: Clockwork | None = None
    random: Random = field(default_factory=lambda: Random(18))
    started: list[str] = field(default_factory=list)
    _under_way: set[Place] = field(default_factory=set, init=False)

    @property
    def now(self) -> float:
        """Virtual seconds; 0 without a clockwork."""
        return 0.0 if self.clockwork is None else self.clockwork.now

    def answer(self, request: Any, **_others: object) -> AWSResponse:
        """Answer a request; a handler of botocore's event `before-send`."""
        began = time.process_time()
        target = request.headers.get("X-Amz-Target", b"")
        service, _, name = (target.decode() if isinstance(target, bytes) else target).partition(".")
        self.counts.calls.append(name or f"{request.method} {request.url.partition('?')[2]}")
        status = 200
        if service.startswith("DynamoDB"):
            answered: Json
            try:
                answered = getattr(self, f"_{name.lower()}")(json.loads(request.body))
            except _Refused as refusal:
                status, answered = 400, refusal.body
            body = json.dumps(answered).encode()
        else:
            self._take_time(name)
            if name == "StartExecution":
                self.started.append(json.loads(request.body)["name"])
            body = self.others[name or request.method]
        self.counts.seconds += time.process_time() - began
        return AWSResponse(request.url, status, HTTPHeaders(), _Raw(body))

    # --- reads -------------------------------------------------------------------------------------------------------

    def _query(self, asked: Json) -> Json:
        self._take_time("Query")
        found, last = self.tables[asked["TableName"]].query(asked)
        self._read(len(found), query_units(found, consistent=asked.get("ConsistentRead", False)))
        shown = {} if asked.get("Select") == "COUNT" else {"Items": found}
        return {"Count": len(found), **shown, **({"LastEvaluatedKey": last} if last else {})}

    def _getitem(self, asked: Json) -> Json:
        self._take_time("GetItem")
        item = self.tables[asked["TableName"]].get(asked["Key"])
        self._read(int(item is not None), get_units(item, consistent=asked.get("ConsistentRead", False)))
        return {"Item": item} if item else {}

    def _batchgetitem(self, asked: Json) -> Json:
        self._take_time("BatchGetItem")
        if sum(len(wanted["Keys"]) for wanted in asked["RequestItems"].values()) > MOST_KEYS:
            raise _Refused("ValidationException")
        answers: Json = {}
        for table, wanted in asked["RequestItems"].items():
            stored = [self.tables[table].get(key) for key in wanted["Keys"]]
            answers[table] = [item for item in stored if item]
            consistent = wanted.get("ConsistentRead", False)
            self._read(len(answers[table]), sum(get_units(item, consistent=consistent) for item in stored))
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _read(self, items: int, units: float) -> None:
        self.counts.items += items
        self.counts.units += units

    # --- writes ------------------------------------------------------------------------------------------------------

    @cached_property
    def _writes(self) -> Writes:
        return Writes({name: table.schema for name, table in self.tables.items()})

    def _transactwriteitems(self, asked: Json) -> Json:
        actions = [next(iter(action.items())) for action in asked["TransactItems"]]
        places = [self._place(*action) for action in actions]
        reasons = [CONFLICT if place in self._under_way else NO_REASON for place in places]
        if CONFLICT in reasons:
            self._take_time("")
        else:
            self._under_way.update(places)
            self._take_time("TransactWriteItems")
            self._under_way.difference_update(places)
            try:
                self._apply(actions, TRANSACTION)
            except Cancelled as cancelled:
                reasons = list(cancelled.reasons)
            else:
                return {}
        self._count_refusal(reasons)
        raise _Refused("TransactionCanceledException", CancellationReasons=[{"Code": reason} for reason in reasons])

    def _putitem(self, asked: Json) -> Json:
        return self._single("Put", asked)

    def _deleteitem(self, asked: Json) -> Json:
        return self._single("Delete", asked)

    def _updateitem(self, asked: Json) -> Json:
        return self._single("Update", asked)

    def _single(self, verb: str, asked: Json) -> Json:
        self._take_time("")
        reason = CONFLICT if self._place(verb, asked) in self._under_way else NO_REASON
        if reason == NO_REASON:
            try:
                (after,) = self._apply([(verb, asked)], 1)
            except Cancelled as cancelled:
                (reason,) = cancelled.reasons
            else:
                return {"Attributes": after} if asked.get("ReturnValues") == "ALL_NEW" else {}
        self._count_refusal([reason])
        raise _Refused(f"{reason}Exception")

    def _apply(self, actions: Sequence[tuple[str, Json]], factor: int) -> list[Json | None]:
        """Write all or nothing and count it; raises Cancelled where a condition fails."""
        tables = [self.tables[arguments["TableName"]] for _, arguments in actions]
        keys = [self._writes.key_of(*action) for action in actions]
        before = [table.get(key) for table, key in zip(tables, keys, strict=True)]
        written = self._writes.apply(actions, before)
        for table, key, stored, after in zip(tables, keys, before, written, strict=True):
            self.counts.written += table.units_to_replace(stored, after, factor)
            self.counts.largest = max(self.counts.largest, item_size(after or {}))
            if after is None:
                table.delete(key)
            else:
                table.put(after)
        return written

    def _count_refusal(self, reasons: Sequence[str]) -> None:
        if CONDITION_FAILED in reasons:
            self.counts.refused += 1
        else:
            self.counts.conflicts += 1

    def _place(self, verb: str, arguments: Json) -> Place:
        name = arguments["TableName"]
        return name, self.tables[name].key(self._writes.key_of(verb, arguments))

    def _take_time(self, name: str) -> None:
        """Let virtual time pass, if there is any."""
        if self.clockwork is not None:
            self.clockwork.wait(TAKES.get(name, OTHER_CALLS_TAKE) * self.random.uniform(1 - SPREAD, 1 + SPREAD))


class _Raw(BytesIO):
    """A body as urllib3 returns it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _text(value: Mapping[str, Any]) -> str:
    """Return a key as text that sorts as DynamoDB sorts the keys."""
    ((kind, content),) = value.items()
    return f"{int(content):020d}" if kind == "N" else str(content)


def _range(item: Json, schema: Schema) -> str:
    return _text(item[schema.range]) if schema.range else ""
