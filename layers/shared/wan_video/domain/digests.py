"""Digests that identify equal requests and name records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def body_digest(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 (lower-case hex) of a body's canonical JSON: identical bodies have the same one."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def id_digest(*parts: str) -> str:
    """Return 32 hex digits for an id; the same parts always give the same digits."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
