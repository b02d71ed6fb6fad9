"""A whole simulator: its settings, and the server that runs them on a loopback port."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from random import Random, SystemRandom
from types import TracebackType
from typing import Any, Final, Self

from werkzeug.serving import make_server

from wan_simulator.accounts import DEFAULT_KEYS, DEFAULT_WORKSPACES, Accounts
from wan_simulator.clock import Clock
from wan_simulator.faults import FaultQueue
from wan_simulator.films import FilmKind, Renderer, Studio
from wan_simulator.ledger import Entry, Ledger
from wan_simulator.links import Signer
from wan_simulator.quotas import QUOTA_ROUTES, QuotaRoute, Quotas
from wan_simulator.render import render, render_still
from wan_simulator.retirements import Retirements
from wan_simulator.server import DEFAULT_REGION, QuietHandler, create_app
from wan_simulator.service import ListKey, Switches, Wan
from wan_simulator.tasks import Latency
from wan_simulator.uploads import Uploads
from wan_video.domain.models import Region

_KEY_ID: Final = "LTAISimulator"
"""The access key of the simulated object store."""
_STOP_SECONDS: Final = 0.05
"""Seconds within which the server notices that it should stop."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a simulator starts; `latency` and `list_lag` are in seconds of its clock, port 0 is any free one.

    A workspace is `id`, which exists in every region, or `region=id`. The rest is explained at `Wan` and `Switches`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    latency: float = 60.0
    keys: Mapping[Region, str] = field(default_factory=lambda: DEFAULT_KEYS)
    workspaces: Collection[str] = DEFAULT_WORKSPACES
    clock: Clock = field(default_factory=Clock)
    seed: int | None = None
    films: FilmKind = "render"
    rate_limits: bool = True
    queue: bool = True
    list_lag: float = 0.0
    list_key: ListKey = "data"
    quota_routes: Sequence[QuotaRoute] = QUOTA_ROUTES
    retry_after: str | None = "1"
    audio_from_anywhere: bool = False
    ledger: Path | None = None

    def __post_init__(self) -> None:
        if not ip_address(self.host).is_loopback:
            raise ValueError(f"{self.host} is not a loopback address")


class Simulator:
    """A simulator that serves while its context is entered."""

    def __init__(self, settings: Settings, renderer: Renderer | None = None, faults: FaultQueue | None = None) -> None:
        """Without a `renderer`, the films are those of the settings."""
        self.settings = settings
        self.faults = faults or FaultQueue()
        self._folder = tempfile.TemporaryDirectory(prefix="wan-simulator-", ignore_cleanup_errors=True)
        self._server = make_server(
            settings.host, settings.port, _not_ready, threaded=True, request_handler=QuietHandler
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]  # ThreadingMixIn has it
        self.origin = f"http://{settings.host}:{self._server.server_port}"
        self.wan = self._assemble(settings, renderer or (render_still if settings.films == "still" else render))
        self._server.app = create_app(self.wan, self.faults, lambda: {"regions": self.regions()})
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_SECONDS,), name="wan-simulator", daemon=True
        )

    def base_url(self, region: Region = DEFAULT_REGION, workspace: str | None = None) -> str:
        """Return the base URL of a region's API on its shared host or on that of a workspace; it ends in `/api/v1`."""
        return f"{self.origin}/{f'{workspace}.' if workspace else ''}{region}/api/v1"

    def key(self, region: Region = DEFAULT_REGION) -> str:
        """Return the API key of a region."""
        return self.wan.accounts.key(region)

    def rotate_key(self, region: Region = DEFAULT_REGION, key: str | None = None) -> str:
        """Replace the API key of a region by `key` or by a new one, and return it; the old one is refused."""
        key = key or f"sk-simulator-{region}-{self.wan.request_id()[:8]}"
        self.wan.accounts.rotate(region, key)
        return key

    def ledger(self, event: str | None = None) -> list[Entry]:
        """Return the ledger's entries at this moment of the clock, all or those of one event."""
        self.wan.settle()
        return self.wan.ledger.entries(event)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.wan.clock.advance(seconds)

    def set_quota(
        self, model: str, region: Region = DEFAULT_REGION, workspace: str | None = None, **given: Any
    ) -> None:
        """Change members of a model's quota, or of a workspace's, at once; raises QuotaError."""
        self.wan.change_quota(region, model, workspace, given)

    def retire(self, model: str, offline_time: float | None, region: Region = DEFAULT_REGION) -> None:
        """Announce that a model goes offline at a moment of the clock (epoch seconds), or with None that it stays."""
        self.wan.retirements.announce(region, model, offline_time)

    def finish(self, task_id: str, patience: float = 60.0) -> None:
        """Wait for the task's film (at most `patience` real seconds) and move the clock until the task has ended.

        Raises KeyError for an unknown task and TimeoutError when patience ends.
        """
        self.wan.finish(task_id, patience)

    def regions(self) -> dict[str, dict[str, str]]:
        """Return base URL and key of every region."""
        return {str(region): {"base_url": self.base_url(region), "key": self.key(region)} for region in Region}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        self._server.shutdown()
        self._server.server_close()
        self.wan.settle()
        self.wan.studio.close()
        self.wan.ledger.close()
        self._folder.cleanup()

    def _assemble(self, settings: Settings, renderer: Renderer) -> Wan:
        random = SystemRandom() if settings.seed is None else Random(settings.seed)
        return Wan(
            accounts=Accounts(settings.keys, settings.workspaces),
            clock=settings.clock,
            latency=Latency.of(settings.latency),
            switches=Switches(
                rates=settings.rate_limits,
                queue=settings.queue,
                list_lag=settings.list_lag,
                list_key=settings.list_key,
                quota_routes=settings.quota_routes,
                retry_after=settings.retry_after,
            ),
            quotas=Quotas(),
            retirements=Retirements(),
            studio=Studio(
                Path(self._folder.name),
                renderer,
                settings.clock.now,
                reuse=settings.films != "render",
                anywhere=settings.audio_from_anywhere,
            ),
            signer=Signer(self.origin, _KEY_ID, random.randbytes(32)),
            uploads=Uploads(self.origin, _KEY_ID, random.randbytes(32)),
            ledger=Ledger(settings.ledger),
            random=random,
        )


def _not_ready(environ: object, start_response: object) -> list[bytes]:
    raise RuntimeError("the simulator has not been assembled")
