"""`python -m tests.simulation.orders`: traces of histories in which the product leaves sets unsorted.

It prints one JSON document: the exact trace of the histories as they are ("as it is"); for each module of the product
that sorts a set in them, the trace of the same histories in which this module uses the order of the set, which depends
on Python's hash seed; and traces of orders that are planted where there is no set.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

from tests.chaos.plan import Door
from tests.simulation.dynamo import Table, Tables
from tests.simulation.earlier import KINDS
from tests.simulation.exact import Sort, exactly, sorted_by
from tests.simulation.history import Options, play
from tests.simulation.wiring import wired
from wan_video.adapters.dynamodb import ledger

_API: Final[frozenset[Door]] = frozenset({"api"})
HISTORIES: Final = (
    Options(1, n=1, doors=_API, earlier=KINDS),
    Options(16),
    Options(33),
    Options(4, n=4, doors=_API, spec={"thrifty": 0.3}),
    Options(7, n=3, doors=frozenset({"import"})),
    Options(11, n=2, doors=_API, spec={"twins": 0.4, "images": 1.0}),
)
"""Histories that meet what the product does with sets: pools of release 0.2, budgets, candidates, many at a time."""


def is_a_set(items: Any) -> bool:
    """Whether something has an order that depends on the hash seed."""
    return isinstance(items, set | frozenset) and len(items) > 1


def trace_of(histories: Iterator[Options]) -> str:
    """Play histories; return the digest of their exact traces."""
    digest = blake2b(digest_size=16)
    for options in histories:
        digest.update(play(options).trace.encode())
    return digest.hexdigest()


def sorting() -> tuple[str, Mapping[str, list[Options]]]:
    """Play all histories; return their trace, and those in which each module of the product sorts a set."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    at = 0

    def noted(module: ModuleType) -> Sort:
        def sort(items: Any, **how: Any) -> list[Any]:
            if is_a_set(items):
                found[module.__name__][at] = None
            return sorted(items, **how)

        return sort

    def each() -> Iterator[Options]:
        nonlocal at
        for at, options in enumerate(HISTORIES):  # noqa: B007  (`noted` reads it)
            yield options

    with sorted_by(noted):
        trace = trace_of(each())
    return trace, {name: [HISTORIES[number] for number in numbers] for name, numbers in sorted(found.items())}


def unsorted_in(name: str, histories: list[Options]) -> str:
    """Play histories in which a module uses the order of its sets; return their trace."""

    def unsorted(module: ModuleType) -> Sort:
        def sort(items: Any, **how: Any) -> list[Any]:
            return list(items) if module.__name__ == name and is_a_set(items) else sorted(items, **how)

        return sort

    with sorted_by(unsorted):
        return trace_of(iter(histories))


def planted() -> Iterator[tuple[str, Any, str, Any]]:
    """Yield orders of sets where the product and the simulated tables have none: name, owner, attribute, and value."""
    read, get, rows = ledger._read_together, Tables.batch_get_item, Table.rows

    def read_keys(dynamodb: Any, table: str, keys: Any) -> Any:
        unordered = {tuple(sorted(key.items())) for key in keys}
        return read(dynamodb, table, list(map(dict, unordered)))

    def get_items(self: Tables, arguments: Mapping[str, Any]) -> Any:
        answer = get(self, arguments)
        for table, items in answer["Responses"].items():
            keys = {self.tables[table].key(item): item for item in items}
            items[:] = [keys[key] for key in set(keys)]
        return answer

    def rows_of_index(self: Table, arguments: Mapping[str, Any]) -> list[Any]:
        found = {self.key(item): item for item in rows(self, arguments)}
        return [found[key] for key in (set(found) if "IndexName" in arguments else found)]

    yield "the keys of BatchGetItem", ledger, "_read_together", read_keys
    yield "the answer of BatchGetItem", Tables, "batch_get_item", get_items
    yield "the items of an index", Table, "rows", rows_of_index


def main() -> None:
    """Print the traces."""
    with wired("resend"), exactly():
        trace, modules = sorting()
        left = {name: unsorted_in(name, histories) for name, histories in modules.items()}
        for name, owner, attribute, value in planted():
            with patch.object(owner, attribute, value):
                left[name] = trace_of(iter(HISTORIES[:1]))
    print(json.dumps({"as it is": trace, **left}))


if __name__ == "__main__":
    main()
