"""The settings in the environment of a function, which is read when they are first used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain.endpoints import Endpoints
from wan_video.domain.hosts import WebhookOrigins
from wan_video.domain.models import Region, Size, pools_of
from wan_video.domain.price import Prices
from wan_video.domain.quota import parse_overrides
from wan_video.domain.request import Defaults
from wan_video.domain.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """An environment with the names in template.yaml; each property raises KeyError with the name that is missing."""

    environment: Mapping[str, str]

    @classmethod
    def from_environment(cls) -> Settings:
        """Return the settings in the environment of this process."""
        return cls(os.environ)

    def text(self, name: str) -> str:
        """Return a variable that must exist."""
        return self.environment[name]

    def optional(self, name: str) -> str:
        """Return a variable, or empty text if it does not exist."""
        return self.environment.get(name, "")

    @property
    def daily_seconds(self) -> int | None:
        """The stack's budget in seconds of video per UTC day; None (written as 0) means no limit."""
        return int(self.text("DAILY_SECONDS")) or None

    @property
    def retention(self) -> Retention:
        """The period for which videos are kept."""
        return Retention(int(self.text("RETENTION_DAYS")))

    @property
    def starts_enabled(self) -> bool:
        """The off switch: whether queued videos may be started."""
        return self.text("STARTS") == "enabled"

    @property
    def thumbnails(self) -> bool:
        """Whether the stack makes thumbnails."""
        return self.text("THUMBNAILS") == "enabled"

    @property
    def resends(self) -> bool:
        """Whether a submission that is proven to have created no task is sent again."""
        return self.text("ON_AMBIGUOUS_SUBMIT") == "resend"

    @property
    def defaults(self) -> Defaults:
        """The values for fields that requests leave out."""
        return Defaults(
            model=self.text("DEFAULT_MODEL"),
            size=Size.parse(self.text("DEFAULT_SIZE")),
            seconds=int(self.text("DEFAULT_SECONDS")),
            region=Region(self.text("DEFAULT_REGION")),
            regions=self.regions,
            endpoints=self.endpoints,
            prices=self.prices,
            webhook_origins=self.webhook_origins,
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
        """The base URLs of Wan: replacements (`region=url,...`), and workspaces (one id, or `region=id,...`)."""
        return Endpoints.parse(self.optional("WAN_ENDPOINTS"), self.optional("WAN_WORKSPACE_ID"))

    @property
    def prices(self) -> Prices:
        """The prices of a second; the stack's own are written `region/model/tier=CNY,...`."""
        return Prices.parse(self.optional("WAN_PRICES"))

    @property
    def image_origins(self) -> frozenset[str]:
        """The origins (`http://host:port`) from which images may be fetched over plain HTTP; only tests set them."""
        return frozenset(filter(None, (origin.strip() for origin in self.optional("IMAGE_ORIGINS").split(","))))

    @property
    def limits(self) -> Mapping[str, int]:
        """The limits by pool that replace those of Wan, written `region/model=n,region/model=n`."""
        return parse_overrides(self.optional("WAN_QUOTAS"))

    @property
    def webhook_origins(self) -> WebhookOrigins:
        """The origins to which events are sent although they are not public, separated by commas; for tests."""
        return WebhookOrigins.parse(self.optional("WEBHOOK_ORIGINS"))
