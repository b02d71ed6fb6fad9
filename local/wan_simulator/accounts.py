"""Who may call: one account in each region, each with a key of its own, and the workspaces they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from wan_simulator.errors import RefusalError
from wan_video.domain.models import Region

DEFAULT_KEYS: Final[Mapping[Region, str]] = MappingProxyType({region: f"sk-simulator-{region}" for region in Region})
"""The keys of a simulator that was given none."""

DEFAULT_WORKSPACES: Final = ("ws-simulator",)
"""The workspaces of a simulator that was given none."""

_NEEDS_WORKSPACE: Final = frozenset({Region.FRANKFURT})
"""Regions whose base URL names a workspace, so that no call comes without one."""


def parse_keys(text: str) -> Mapping[Region, str]:
    """Read `region=key,...`; regions that are not named keep their default. Raises ValueError for an unknown region."""
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    given = {Region(region.strip()): key.strip() for region, _, key in pairs}
    if not all(given.values()):
        raise ValueError("a key is empty")
    return MappingProxyType({**DEFAULT_KEYS, **given})


class Accounts:
    """The keys and workspaces that are good at this moment."""

    def __init__(self, keys: Mapping[Region, str], workspaces: Collection[str]) -> None:
        self._keys = dict(keys)
        self._workspaces = frozenset(workspaces)

    def key(self, region: Region) -> str:
        """The key of a region."""
        return self._keys[region]

    def rotate(self, region: Region, key: str) -> None:
        """Replace the key of a region; the old one opens nothing any more."""
        self._keys[region] = key

    def authorise(self, region: Region, authorization: str | None, workspaces: Collection[str]) -> None:
        """Let a call pass that has this region's own key and names only workspaces that exist.

        Raises RefusalError(InvalidApiKey) or RefusalError(WorkSpaceNotFound).
        """
        scheme, _, key = (authorization or "").partition(" ")
        if not key.strip():
            raise RefusalError("InvalidApiKey", "No API-key provided.")
        if scheme.lower() != "bearer" or key.strip() != self._keys[region]:
            raise RefusalError("InvalidApiKey")
        if not self._workspaces.issuperset(workspaces) or (region in _NEEDS_WORKSPACE and not workspaces):
            raise RefusalError("WorkSpaceNotFound")
