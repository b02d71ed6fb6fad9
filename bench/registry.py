"""The benches: each a module with `rows(quick)`, which yields its rows and curves as they are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Final

from bench.rows import Figure

BENCHES: Final = ("init", "api", "transfer", "files", "scale", "capacity", "transitions", "admission", "attributes")
"""Modules or packages `bench.<name>`, in the order of the table."""

QUICK: Final = ("init", "api", "transfer", "scale", "capacity", "admission", "attributes")
"""Those that need no stack, which takes longer to start than it would be measured."""


def bench(name: str) -> Callable[[bool], Iterator[Figure]]:
    """The function of one bench."""
    rows: Callable[[bool], Iterator[Figure]] = import_module(f"bench.{name}").rows
    return rows
