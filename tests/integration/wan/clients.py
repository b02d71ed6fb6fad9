"""Clients of the simulator and of servers that answer anything."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.integration.raw_server import RawServer
from tools.harness.samples import request
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region
from wan_video.domain.request import VideoRequest
from wan_video.domain.task import TaskAnswer
from wan_video.errors import WanUnauthorized

SINGAPORE = Region.SINGAPORE


TASK_PATH = b"POST /api/v1/services/aigc/video-generation/video-synthesis HTTP/1.1"


@dataclass
class FixedKeys:
    """Keys that a test sets; `fresh` are the keys after a refresh."""

    keys: dict[Region, str]
    fresh: dict[Region, str] = field(default_factory=dict)
    refreshes: int = 0

    def key(self, region: Region) -> str:
        if region not in self.keys:
            raise WanUnauthorized("KeyMissing", f"The stack's secret has no key {region!r}.")
        return self.keys[region]

    def refresh(self, region: Region) -> bool:
        self.refreshes += 1
        before = self.keys.get(region)
        self.keys |= self.fresh
        return self.keys.get(region) not in (None, before)


def client_of(simulator: Simulator, keys: FixedKeys | None = None) -> WanClient:
    keys = keys or FixedKeys({region: simulator.key(region) for region in Region})
    return WanClient(keys, endpoints=Endpoints({region: simulator.base_url(region) for region in Region}))


def client_at(server: RawServer) -> WanClient:
    return WanClient(FixedKeys({SINGAPORE: "sk-CANARY-KEY"}), endpoints=Endpoints({SINGAPORE: f"{server.url}/api/v1"}))


def create(client: WanClient, wanted: VideoRequest | None = None) -> TaskAnswer:
    return client.prepare(wanted or request())()


def received(simulator: Simulator) -> int:
    return len(simulator.ledger("received"))


def accepted(simulator: Simulator) -> int:
    return len(simulator.ledger("accepted"))
