"""A bearer token: who calls, and what this caller may do."""

from __future__ import annotations

from dataclasses import dataclass

from wan_video.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Token:
    """What a bearer token allows; `daily_seconds` None means no limit of its own."""

    owner: str
    scopes: frozenset[str]
    daily_seconds: int | None = None

    def require(self, scope: str) -> None:
        """Raise Forbidden where this token lacks a scope; `admin` includes every scope."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise Forbidden(scope)
