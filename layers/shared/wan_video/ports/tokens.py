"""The tokens of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wan_video.domain.token import Token


class Tokens(Protocol):
    """The tokens that were created and not revoked."""

    def find(self, digest: str) -> Token | None:
        """Return the token with this SHA-256 (lower-case hex), or None; eventually consistent."""
        ...
