"""Our own client, pointed at a server on this machine."""

from __future__ import annotations

from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region


class OneKey:
    """The same key for every region."""

    def __init__(self, key: str) -> None:
        self._key = key

    def key(self, region: Region) -> str:
        return self._key

    def refresh(self, region: Region) -> bool:
        return False


def own_client(base_url: str, key: str) -> WanClient:
    """Our client with `base_url` as the endpoint of every region."""
    return WanClient(OneKey(key), endpoints=Endpoints(dict.fromkeys(Region, base_url)))
