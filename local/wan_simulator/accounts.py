"""Who may call: one account in each region, each with a key of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wan_simulator.errors import RefusalError
from wan_video.domain.models import Region

DEFAULT_KEYS: Final[Mapping[Region, str]] = MappingProxyType({region: f"sk-simulator-{region}" for region in Region})
"""The keys of a simulator that was given none."""


def parse_keys(text: str) -> Mapping[Region, str]:
    """Read `region=key,...`; regions that are not named keep their default. Raises ValueError for an unknown region."""
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    given = {Region(region.strip()): key.strip() for region, _, key in pairs}
    if not all(given.values()):
        raise ValueError("a key is empty")
    return MappingProxyType({**DEFAULT_KEYS, **given})


def authorise(keys: Mapping[Region, str], region: Region, authorization: str | None) -> None:
    """Let a call with this region's own key pass; raises RefusalError(InvalidApiKey) for any other."""
    scheme, _, key = (authorization or "").partition(" ")
    if not key.strip():
        raise RefusalError("InvalidApiKey", "No API-key provided.")
    if scheme.lower() != "bearer" or key.strip() != keys[region]:
        raise RefusalError("InvalidApiKey")
