"""api: describe the models, their limits at Wan, and what the caller's owner has used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain.budget import DayUsage, utc_day
from wan_video.domain.catalogue import Catalogue, Offered, catalogue
from wan_video.domain.models import pool_name
from wan_video.domain.quota import InForce, limit_in_force
from wan_video.errors import ModelNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wan_video.domain.request import Defaults
    from wan_video.domain.token import Token
    from wan_video.ports.clock import Clock
    from wan_video.ports.pools import Pools
    from wan_video.ports.quotas import Quotas


@dataclass(frozen=True)
class Account:
    """The models that the stack offers according to its `defaults`, and the usage of owners.

    `overrides` contains the limits of the parameter `WanQuotas` by pool.
    """

    pools: Pools
    quotas: Quotas
    clock: Clock
    defaults: Defaults
    overrides: Mapping[str, int]

    def catalogue(self) -> Catalogue:
        """Return the models that the stack's regions offer."""
        return catalogue(self.defaults)

    def offered(self, name: str) -> Offered:
        """Return one of the models that the stack can use. Raises ModelNotFound with the names of these models."""
        found = self.catalogue()
        if name not in found.offered:
            raise ModelNotFound(name, list(found.offered), found.unreachable.get(name, ""))
        return found.offered[name]

    def limits(self, offered: Sequence[Offered]) -> Mapping[str, InForce]:
        """Return the limits that `dispatch` applies to these models in the stack's regions, by pool."""
        pools = [pool_name(region, one.model.name) for one in offered for region in one.prices]
        return {
            name: InForce(limit_in_force(name, one.quota, self.overrides), one.read_at, one.retires_at)
            for name, one in self.quotas.stated(pools).items()
        }

    def usage(self, caller: Token, month: str | None = None) -> tuple[str, Sequence[DayUsage]]:
        """Return today (UTC, YYYY-MM-DD), and the owner's usage on each day of a month (YYYY-MM; default: this one)."""
        caller.require("read")
        today = utc_day(self.clock.now())
        month = month or today[:7]
        # Days are compared as text, and no day is after the 31st.
        if month > today[:7]:
            return today, ()
        return today, self.pools.usage(caller.owner, f"{month}-01", min(f"{month}-31", today))
