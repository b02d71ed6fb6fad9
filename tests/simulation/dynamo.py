"""DynamoDB in memory, behind the methods of boto3's client that the adapters use; values are plain, as they have them.

`Tables` decides what each request means at one moment. `Client` is what the adapters get: it asks `Tables` at once,
unless a subclass lets time pass in between. Items are never changed in place: a new one replaces them.

The answers are those of DynamoDB: numbers are Decimals; what it refuses is refused. What it does not promise is not
given: indexes may lag, BatchGetItem has no order, and a page may be short.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, condition, invalid, update

Key = tuple[Any, ...]
Thunk = Callable[[], Any]

MAX_ACTIONS: Final = 100
MAX_KEYS: Final = 100
_EMPTY: Final[Mapping[str, Any]] = {}
_AS_THEY_ARE: Final = frozenset({str, bool, Decimal, type(None)})
"""The types of values that DynamoDB returns as they were given."""

_NUMBERS: Final = {number: Decimal(number) for number in range(-200, 4000)}


class TransactionCanceledException(ClientError):
    """The answer to a transaction that was not written."""


def refused(code: str, message: str = "", operation: str = "DynamoDB", **more: Any) -> ClientError:
    """Return an error as boto3 raises it."""
    response: Any = {"Error": {"Code": code, "Message": message}, **more}
    return ClientError(response, operation)


def stored(value: Any) -> Any:
    """Return a value as DynamoDB returns it later. Raises TypeError for a type that it does not have."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is int:
        return _NUMBERS.get(value) or Decimal(value)
    if kind is dict:
        return {name: member if type(member) in _AS_THEY_ARE else stored(member) for name, member in value.items()}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return Decimal(int(value))
    if isinstance(value, Mapping):
        return {name: stored(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [stored(member) for member in value]
    if isinstance(value, set | frozenset) and value and all(isinstance(member, str) for member in value):
        return frozenset(map(str, value))
    raise TypeError(f"a value of type {kind.__name__} cannot be stored in DynamoDB")


@dataclass(frozen=True)
class Index:
    """A global secondary index; it holds items that have both of its keys, of the right types."""

    hash_key: str
    range_key: str
    numeric: bool = False
    whole: bool = False


@dataclass
class Table:
    """One table: its items by key, and its indexes as readers see them, which may be later."""

    keys: tuple[str, ...]
    indexes: Mapping[str, Index] = field(default_factory=dict)
    items: dict[Key, Item] = field(default_factory=dict)
    partitions: dict[Any, list[Any]] = field(default_factory=dict)
    indexed: dict[Key, Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._types = [
            (name, key, kind)
            for name, index in self.indexes.items()
            for key, kind in ((index.hash_key, str), (index.range_key, Decimal if index.numeric else str))
        ]

    def key(self, item: Mapping[str, Any]) -> Key:
        """Return the key of an item. Raises ClientError if it has none."""
        try:
            key: Key = tuple([item[name] for name in self.keys])
        except KeyError as error:
            raise invalid(f"The item has no key {error}.") from None
        for part in key:
            if not part or (type(part) is not str and not isinstance(part, str)):
                raise invalid("A key must be a text that is not empty.")
        return key

    def write(self, key: Key, item: Item | None) -> Item | None:
        """Replace or remove an item; return the old one."""
        old = self.items.get(key)
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item
        if len(key) == 2 and (old is None) != (item is None):
            order = self.partitions.setdefault(key[0], [])
            if item is None:
                del order[bisect_left(order, key[1])]
            else:
                insort(order, key[1])
        return old

    def check(self, item: Item) -> None:
        """Raise ClientError if an attribute has not the type that an index needs."""
        for name, key, kind in self._types:
            if key in item and (not isinstance(item[key], kind) or item[key] == ""):
                raise invalid(f"The attribute {key} has the wrong type for the index {name}.")

    def rows(self, arguments: Mapping[str, Any]) -> list[Item]:
        """Return all items that a query means, in its order."""
        compiled = condition(arguments["KeyConditionExpression"])
        names, values = _names(arguments), _values(arguments)
        if compiled.equal is None:
            raise invalid("A query must name its partition.")
        index = self.indexes[arguments["IndexName"]] if "IndexName" in arguments else None
        hash_key = self.keys[0] if index is None else index.hash_key
        path, word = compiled.equal
        if names.get(path[0], path[0]) != hash_key:
            raise invalid(f"The partition key is {hash_key}, and not {path}.")
        if index is not None:
            if arguments.get("ConsistentRead"):
                raise invalid("Consistent reads are not supported on global secondary indexes.")
            found = [
                item for item in self.indexed.values() if index.hash_key in item and index.range_key in item
                and compiled.holds(item, names, values)
            ]  # fmt: skip
            found.sort(key=lambda item: (item[index.range_key], self.key(item)))
        else:
            partition = values[word]
            order = self.partitions.get(partition, ())
            found = [self.items[partition, part] for part in order]
            if " AND " in arguments["KeyConditionExpression"]:
                found = [item for item in found if compiled.holds(item, names, values)]
        if not arguments.get("ScanIndexForward", True):
            found.reverse()
        return found


def _names(arguments: Mapping[str, Any]) -> Mapping[str, str]:
    names: Mapping[str, str] = arguments.get("ExpressionAttributeNames", _EMPTY)
    return names


def _values(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    given = arguments.get("ExpressionAttributeValues", _EMPTY)
    return {name: value if type(value) in _AS_THEY_ARE else stored(value) for name, value in given.items()}


def _all_used(arguments: Mapping[str, Any], used: frozenset[str]) -> None:
    names, values = _names(arguments), arguments.get("ExpressionAttributeValues", _EMPTY)
    if len(names) + len(values) != len(used) or not (used.issuperset(names) and used.issuperset(values)):
        raise invalid(f"Names or values are unused or missing: {sorted({*names, *values} ^ used)}.")


_WRITES: Final = frozenset({
    "TableName", "Item", "Key", "UpdateExpression", "ConditionExpression", "ExpressionAttributeNames",
    "ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure",
})  # fmt: skip
_GETS: Final = frozenset({"TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"})
_QUERIES: Final = frozenset({
    "TableName", "IndexName", "KeyConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
    "ConsistentRead", "ScanIndexForward", "Limit", "Select", "ExclusiveStartKey", "FilterExpression",
})  # fmt: skip


def _known(arguments: Mapping[str, Any], known: frozenset[str]) -> None:
    if not known.issuperset(arguments):
        raise NotImplementedError(f"DynamoDB's parameters {sorted(set(arguments) - known)}")


@dataclass
class _Write:
    """A write that was checked and not yet done."""

    table: Table
    name: str
    key: Key
    old: Item | None
    new: Item | None
    holds: bool


class Tables:
    """The stack's tables. `on_commit` is called with each write that was done: table, key, old and new item."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = tables
        self.on_commit: Callable[[Sequence[tuple[str, Key, Item | None, Item | None]]], None] = self.index_now
        self._done: dict[str, tuple[Any, Any]] = {}

    def index_now(self, writes: Sequence[tuple[str, Key, Item | None, Item | None]]) -> None:
        """Show writes in the indexes without a delay."""
        for name, key, _, new in writes:
            self.index(name, key, new)

    def index(self, name: str, key: Key, item: Item | None) -> None:
        """Show one item in the indexes of its table, or remove it from them."""
        indexed = self.tables[name].indexed
        if item is None:
            indexed.pop(key, None)
        else:
            indexed[key] = item

    def get_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return one item."""
        _known(arguments, _GETS)
        table = self.tables[arguments["TableName"]]
        item = table.items.get(table.key(arguments["Key"]))
        if item is not None and "ProjectionExpression" in arguments:
            words = arguments["ProjectionExpression"].split(", ")
            _all_used(arguments, frozenset(word for word in words if word.startswith("#")))
            wanted = [_names(arguments).get(word, word) for word in words]
            item = {name: item[name] for name in wanted if name in item}
        return {} if item is None else {"Item": item}

    def batch_get_item(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return items by their keys, in no promised order."""
        ((name, wanted),) = arguments["RequestItems"].items()
        table = self.tables[name]
        keys = [table.key(key) for key in wanted["Keys"]]
        if not 0 < len(keys) <= MAX_KEYS or len(set(keys)) != len(keys):
            raise invalid("BatchGetItem takes 1 to 100 different keys.")
        return {"Responses": {name: [table.items[key] for key in keys if key in table.items]}, "UnprocessedKeys": {}}

    def query(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return one page of a partition."""
        _known(arguments, _QUERIES)
        chosen = condition(arguments["FilterExpression"]) if "FilterExpression" in arguments else None
        used = condition(arguments["KeyConditionExpression"]).used
        _all_used(arguments, used if chosen is None else used | chosen.used)
        table = self.tables[arguments["TableName"]]
        found = table.rows(arguments)
        index = table.indexes.get(arguments.get("IndexName", ""))
        keys = (*table.keys, *((index.hash_key, index.range_key) if index is not None else ()))
        if "ExclusiveStartKey" in arguments:
            found = self._after(table, found, index, arguments)
        limit = arguments.get("Limit", len(found) + 1)
        page = found[:limit]
        answer: dict[str, Any] = {"Count": len(page)}
        if arguments.get("Select") != "COUNT":
            whole = index is None or index.whole
            answer["Items"] = page if whole else [{name: item[name] for name in keys} for item in page]
        if page and len(page) == limit:
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in keys}
        if chosen is not None:
            # A page counts the items that were read, some of which are left out.
            names, values = _names(arguments), _values(arguments)
            answer["Items"] = [item for item in answer["Items"] if chosen.holds(item, names, values)]
            answer["Count"] = len(answer["Items"])
        return answer

    def _after(self, table: Table, found: list[Item], index: Index | None, arguments: Mapping[str, Any]) -> list[Item]:
        """Return the items after a key, which may have been deleted."""
        start = {name: stored(value) for name, value in arguments["ExclusiveStartKey"].items()}
        order = [*((index.range_key,) if index is not None else ()), *table.keys]
        mark = tuple(start[name] for name in order)
        forward = arguments.get("ScanIndexForward", True)
        return [item for item in found if (tuple(item[name] for name in order) > mark) == forward
                and tuple(item[name] for name in order) != mark]  # fmt: skip

    def write(self, kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Put, update or delete one item. Raises ClientError if its condition does not hold."""
        write = self._checked(kind, arguments)
        if not write.holds:
            more = {}
            if arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and write.old is not None:
                more = {"Item": write.old}
            raise refused("ConditionalCheckFailedException", "The conditional request failed", kind, **more)
        self._commit([write])
        return {}

    def transact(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Write all or nothing. Raises TransactionCanceledException if a condition does not hold."""
        if not 0 < len(actions) <= MAX_ACTIONS:
            raise invalid("A transaction has 1 to 100 actions.")
        writes = [self._checked(kind, arguments) for action in actions for kind, arguments in action.items()]
        if len({(write.name, write.key) for write in writes}) != len(writes):
            raise invalid("Transaction request cannot include multiple operations on one item")
        if not all(write.holds for write in writes):
            raise cancelled(["None" if write.holds else "ConditionalCheckFailed" for write in writes])
        self._commit(writes)

    def written_keys(self, actions: Sequence[Mapping[str, Any]]) -> list[tuple[str, Key]]:
        """Return the items that a transaction writes."""
        return [self.key_of(arguments) for action in actions for arguments in action.values()]

    def key_of(self, arguments: Mapping[str, Any]) -> tuple[str, Key]:
        """Return the table and the key of one write."""
        name = arguments["TableName"]
        return name, self.tables[name].key(arguments["Item"] if "Item" in arguments else arguments["Key"])

    def _checked(self, kind: str, arguments: Mapping[str, Any]) -> _Write:
        _known(arguments, _WRITES)
        name, key = self.key_of(arguments)
        table = self.tables[name]
        old = table.items.get(key)
        names, values = _names(arguments), _values(arguments)
        used: frozenset[str] = frozenset()
        holds = True
        if "ConditionExpression" in arguments:
            compiled = condition(arguments["ConditionExpression"])
            used |= compiled.used
            holds = compiled.holds(old or _EMPTY, names, values)
        new: Item | None = None
        if kind == "Update":
            changes = update(arguments["UpdateExpression"])
            used |= changes.used
            if holds:
                given = old if old is not None else dict(zip(table.keys, key, strict=True))
                new = changes.apply(given, names, values)
                if table.key(new) != key:
                    raise invalid("An update cannot change the key.")
        elif kind == "Put":
            new = stored(arguments["Item"])
        elif kind != "Delete":
            raise NotImplementedError(kind)
        _all_used(arguments, used)
        if new is not None:
            table.check(new)
        return _Write(table, name, key, old, new, holds)

    def _commit(self, writes: Sequence[_Write]) -> None:
        for write in writes:
            write.table.write(write.key, write.new)
        self.on_commit([(write.name, write.key, write.old, write.new) for write in writes])


def cancelled(codes: Sequence[str]) -> TransactionCanceledException:
    """Return the answer to a transaction that was cancelled, with a reason for each of its actions."""
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]"
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": message},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return TransactionCanceledException(response, "TransactWriteItems")


@dataclass(frozen=True, slots=True)
class _Paginator:
    paginate: Callable[..., Iterator[Any]]


class Client:
    """The client; calls take no time, and may come from several threads."""

    exceptions = SimpleNamespace(TransactionCanceledException=TransactionCanceledException)

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._lock = threading.RLock()

    def _read(self, operation: str, arguments: Mapping[str, Any], read: Thunk) -> Any:
        with self._lock:
            return read()

    def _write(self, operation: str, keys: Sequence[tuple[str, Key]], write: Thunk) -> Any:
        with self._lock:
            return write()

    def _page_size(self) -> int | None:
        """Return the number of items after which a page of a paginator ends, or None."""
        return None

    def get_item(self, **arguments: Any) -> Any:
        return self._read("GetItem", arguments, lambda: self.tables.get_item(arguments))

    def batch_get_item(self, **arguments: Any) -> Any:
        return self._read("BatchGetItem", arguments, lambda: self.tables.batch_get_item(arguments))

    def query(self, **arguments: Any) -> Any:
        return self._read("Query", arguments, lambda: self.tables.query(arguments))

    def put_item(self, **arguments: Any) -> Any:
        return self._single("Put", arguments)

    def update_item(self, **arguments: Any) -> Any:
        return self._single("Update", arguments)

    def delete_item(self, **arguments: Any) -> Any:
        return self._single("Delete", arguments)

    def _single(self, kind: str, arguments: Mapping[str, Any]) -> Any:
        keys = [self.tables.key_of(arguments)]
        return self._write(f"{kind}Item", keys, lambda: self.tables.write(kind, arguments))

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> Any:  # noqa: N803
        keys = self.tables.written_keys(TransactItems)
        return self._write("TransactWriteItems", keys, lambda: self.tables.transact(TransactItems))

    def get_paginator(self, operation: str) -> Any:
        if operation != "query":
            raise NotImplementedError(operation)
        return _Paginator(self._paginate)

    def _paginate(self, **arguments: Any) -> Iterator[Any]:
        size = self._page_size()
        limit = {} if size is None else {"Limit": size}
        while True:
            page = self.query(**arguments, **limit)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def new_tables(videos: str, ledger: str) -> Tables:
    """Return the stack's tables, with the keys and indexes of template.yaml and without items."""
    return Tables(
        {
            videos: Table(
                ("id",),
                {
                    "by_owner": Index("owner", "created_at", numeric=True, whole=True),
                    "by_status": Index("owner_status", "listed"),
                    "by_status_and_model": Index("owner_status_model", "listed"),
                    "by_batch": Index("batch_status_model", "batch_row", numeric=True),
                    "attention": Index("attention", "updated_at", numeric=True),
                },
            ),
            ledger: Table(("pk", "sk")),
        }
    )
