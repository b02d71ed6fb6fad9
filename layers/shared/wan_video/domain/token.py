"""A bearer token: who calls, and what this caller may do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """What a bearer token allows; `daily_seconds` None means no limit of its own."""

    owner: str
    scopes: frozenset[str]
    daily_seconds: int | None = None
