"""Who may call: one account in each region, with its own key and its workspaces."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from wan_simulator.errors import RefusalError
from wan_video.domain.models import Region

DEFAULT_KEYS: Final[Mapping[Region, str]] = MappingProxyType({region: f"sk-simulator-{region}" for region in Region})
"""The keys of a simulator that was started without any."""

DEFAULT_WORKSPACES: Final = ("ws-simulator",)
"""The workspaces of a simulator that was started without any."""

_WITHOUT_SHARED_HOST: Final = frozenset({"frankfurt", "tokyo"})
"""Regions that have only workspace hosts. Source: Model Studio, "Regions and domains"."""


def parse_keys(text: str) -> Mapping[Region, str]:
    """Read keys written `region=key,...`; a region that is not named keeps its default.

    Raises ValueError for an unknown region.
    """
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    given = {Region(region.strip()): key.strip() for region, _, key in pairs}
    if not all(given.values()):
        raise ValueError("a key is empty")
    return MappingProxyType({**DEFAULT_KEYS, **given})


class Accounts:
    """The keys and workspaces that are valid at this moment.

    A workspace is written `id`, which exists in every region, or `region=id`.
    """

    def __init__(self, keys: Mapping[Region, str], workspaces: Collection[str]) -> None:
        self._keys = dict(keys)
        self._workspaces = {region: _workspaces_of(region, workspaces) for region in Region}

    def key(self, region: Region) -> str:
        """Return the key of a region."""
        return self._keys[region]

    def rotate(self, region: Region, key: str) -> None:
        """Replace the key of a region; the old one is refused from now on."""
        self._keys[region] = key

    def default_workspace(self, region: Region) -> str:
        """Return the workspace of a call that names none; "" in a region without workspaces."""
        return next(iter(self._workspaces[region]), "")

    def authorise(
        self, region: Region, authorization: str | None, workspaces: Collection[str], host: str | None = None
    ) -> None:
        """Admit a call that has this region's own key, a host that exists, and names only workspaces that exist.

        `host` is the workspace in the host's name, or None for a host that all workspaces share. Raises
        RefusalError(Endpoint.AccessDenied), RefusalError(InvalidApiKey) or RefusalError(WorkSpaceNotFound).
        """
        known = self._workspaces[region]
        if host not in known if host is not None else region in _WITHOUT_SHARED_HOST:
            raise RefusalError("Endpoint.AccessDenied")
        scheme, _, key = (authorization or "").partition(" ")
        if not key.strip():
            raise RefusalError("InvalidApiKey", "No API-key provided.")
        if scheme.lower() != "bearer" or key.strip() != self._keys[region]:
            raise RefusalError("InvalidApiKey")
        if not set(known).issuperset(workspaces):
            raise RefusalError("WorkSpaceNotFound")


def _workspaces_of(region: Region, workspaces: Collection[str]) -> tuple[str, ...]:
    pairs = (text.rpartition("=") for text in workspaces)
    return tuple(workspace for place, _, workspace in pairs if place in ("", region))
