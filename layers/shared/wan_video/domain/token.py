"""A bearer token: its owner, and what it permits."""

from __future__ import annotations

from dataclasses import dataclass

from wan_video.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `daily_seconds` is None if the token has no limit."""

    owner: str
    scopes: frozenset[str]
    daily_seconds: int | None = None

    def require(self, scope: str) -> None:
        """Raise Forbidden if this token does not have a scope; `admin` includes every scope."""
        if scope not in self.scopes and "admin" not in self.scopes:
            raise Forbidden(scope)
