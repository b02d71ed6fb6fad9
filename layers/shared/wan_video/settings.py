"""What the environment of a function says, read when it is first asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region, Size, pools_of
from wan_video.domain.price import Prices
from wan_video.domain.quota import parse_overrides
from wan_video.domain.request import Defaults
from wan_video.domain.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """One environment, by the names template.yaml gives; each property raises KeyError naming what is missing."""

    environment: Mapping[str, str]

    @classmethod
    def from_environment(cls) -> Settings:
        """The process's own environment."""
        return cls(os.environ)

    def text(self, name: str) -> str:
        """A variable that must be there."""
        return self.environment[name]

    def optional(self, name: str) -> str:
        """A variable that may be missing: empty then."""
        return self.environment.get(name, "")

    @property
    def daily_seconds(self) -> int | None:
        """The stack's budget of video seconds a UTC day; None (written as 0) means no limit."""
        return int(self.text("DAILY_SECONDS")) or None

    @property
    def retention(self) -> Retention:
        """How long videos are kept."""
        return Retention(int(self.text("RETENTION_DAYS")))

    @property
    def starts_enabled(self) -> bool:
        """The off switch: whether queued videos may be started."""
        return self.text("STARTS") == "enabled"

    @property
    def resends(self) -> bool:
        """Whether a submission that was proven to have made no task is sent again."""
        return self.text("ON_AMBIGUOUS_SUBMIT") == "resend"

    @property
    def defaults(self) -> Defaults:
        """What requests are filled in with."""
        return Defaults(
            model=self.text("DEFAULT_MODEL"),
            size=Size.parse(self.text("DEFAULT_SIZE")),
            seconds=int(self.text("DEFAULT_SECONDS")),
            region=Region(self.text("DEFAULT_REGION")),
            regions=self.regions,
            endpoints=self.endpoints,
            prices=self.prices,
        )

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions of Wan that are used."""
        return tuple(Region(region.strip()) for region in self.text("WAN_REGIONS").split(","))

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools of these regions."""
        return pools_of(self.regions)

    @property
    def endpoints(self) -> Endpoints:
        """Where Wan is: URLs that replace its own (`region=url,...`), and workspaces (one id, or `region=id,...`)."""
        return Endpoints.parse(self.optional("WAN_ENDPOINTS"), self.optional("WAN_WORKSPACE_ID"))

    @property
    def prices(self) -> Prices:
        """The price of a second of everything; the stack's own are written `region/model/tier=CNY,...`."""
        return Prices.parse(self.optional("WAN_PRICES"))

    @property
    def limits(self) -> Mapping[str, int]:
        """The limits, by pool, that replace those that Wan states, written `region/model=n,region/model=n`."""
        return parse_overrides(self.optional("WAN_QUOTAS"))
