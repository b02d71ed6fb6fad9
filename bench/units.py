"""What DynamoDB bills: the sizes of items with typed attributes (`{"S": ...}`), and the units of reads and writes.

Sources: DynamoDB Developer Guide, "Item sizes and formats" and "Read and write operations" (on-demand tables).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from bench.tables import Schema

READ_BYTES = 4096
WRITE_BYTES = 1024
TRANSACTION = 2
"""A transaction prepares and commits each item, so that it takes twice the units of a table, not of its indexes."""

Item = Mapping[str, Mapping[str, Any]]


def item_size(item: Item) -> int:
    """Return the bytes of an item: the names and values of its attributes."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Mapping[str, Any]) -> int:
    """Return the bytes of one value."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return ceil(len(content.strip("-.0")) / 2) + 1
    if kind == "SS":
        return sum(len(text.encode()) for text in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + value_size(inner) for name, inner in content.items())
    if kind == "L":
        return 3 + sum(1 + value_size(inner) for inner in content)
    return 1


def query_units(items: Iterable[Item], *, consistent: bool) -> float:
    """Return the read units of a query: one for each 4 KB of all items together, or half if eventually consistent."""
    return max(1, ceil(sum(map(item_size, items)) / READ_BYTES)) * (1 if consistent else 0.5)


def get_units(item: Item | None, *, consistent: bool) -> float:
    """Return the read units of one item that was read by its key, even if it does not exist."""
    return max(1, ceil(item_size(item or {}) / READ_BYTES)) * (1 if consistent else 0.5)


def write_units(*versions: Item) -> int:
    """Return the write units of one item outside a transaction, by the larger of its versions before and after."""
    return max(1, *(ceil(item_size(version) / WRITE_BYTES) for version in versions))


def index_units(schema: Schema, index: Schema, before: Item, after: Item) -> int:
    """Write units that an index takes when an item of its table changes; a changed key is a deletion and an insertion.

    `schema` is that of the table. An item that is not there is empty.
    """
    keys = {index.hash, index.range, schema.hash, schema.range}

    def entry(item: Item) -> Item:
        held = {name: value for name, value in item.items() if not index.keys_only or name in keys}
        return held if index.hash in item else {}

    old, new = entry(before), entry(after)
    if old == new:
        return 0
    moved = bool(old and new) and any(old.get(name) != new.get(name) for name in (index.hash, index.range))
    if moved:
        return write_units(old) + write_units(new)
    return write_units(old, new)
