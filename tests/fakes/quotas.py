"""Wan's quota API in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from wan_video.domain.models import Region, pool_name
from wan_video.domain.quota import Quota
from wan_video.errors import WanError


@dataclass
class FakeWanQuotas:
    """The port `WanQuotas`: says of each pool what a test put there. Each of `failures` spoils one call."""

    quotas: dict[str, Quota] = field(default_factory=dict)
    models: dict[str, int | None] = field(default_factory=dict)
    failures: list[WanError] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """The pools, and the regions, that were asked about, in that order."""

    def quota(self, region: Region, model: str) -> Quota | None:
        self._ask(pool_name(region, model))
        return self.quotas.get(pool_name(region, model))

    def retirements(self, region: Region) -> dict[str, int | None]:
        self._ask(region)
        return dict(self.models)

    def _ask(self, subject: str) -> None:
        self.asked.append(subject)
        if self.failures:
            raise self.failures.pop(0)
