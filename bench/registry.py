"""The list of benches. Each is a module with `rows(quick)`, which yields rows and curves as they are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Final

from bench.rows import Figure

BENCHES: Final = (
    "init",
    "api",
    "attributes",
    "load",
    "transfer",
    "overhead",
    "files",
    "scale",
    "capacity",
    "transitions",
    "admission",
)
"""The names of modules or packages `bench.<name>`, in the order of the table."""

QUICK: Final = ("init", "api", "transfer", "scale", "capacity", "admission", "attributes")
"""The benches that do not need a stack, whose start takes longer than they do."""


def bench(name: str) -> Callable[[bool], Iterator[Figure]]:
    """Return the function `rows` of a bench."""
    rows: Callable[[bool], Iterator[Figure]] = import_module(f"bench.{name}").rows
    return rows
