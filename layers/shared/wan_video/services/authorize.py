"""authorize: find the token, and so the owner, of an Authorization header."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.errors import Unauthorized

if TYPE_CHECKING:
    from wan_video.domain.token import Token
    from wan_video.ports.tokens import Tokens

_HEADER = re.compile(r"(?i:Bearer) +([A-Za-z0-9_-]{1,256})", re.ASCII)


@dataclass(frozen=True)
class Authorize:
    """The service that looks up tokens by their hash; the token itself is not stored anywhere."""

    tokens: Tokens

    def __call__(self, authorization: str) -> Token:
        """Return the token of an Authorization header. Raises Unauthorized."""
        match = _HEADER.fullmatch(authorization)
        if match is None:
            raise Unauthorized("The Authorization header is not of the form 'Bearer <token>'.")
        token = self.tokens.find(hashlib.sha256(match[1].encode()).hexdigest())
        if token is None:
            raise Unauthorized("This token is unknown or revoked.")
        return token
