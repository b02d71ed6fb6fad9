"""Who may call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """What a bearer token allows; `daily_seconds` None means no limit of its own."""

    owner: str
    scopes: frozenset[str]
    daily_seconds: int | None = None


class Tokens(Protocol):
    """The tokens that were made and not revoked."""

    def find(self, digest: str) -> Token | None:
        """The token with this SHA-256 (lower-case hex), or None; eventually consistent."""
        ...
