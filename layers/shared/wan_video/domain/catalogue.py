"""The models that a stack can use, their regions, and their prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wan_video.domain.models import MODELS, Model, Region, Tier
from wan_video.domain.price import UnitPrice, days_old, is_old
from wan_video.domain.request import unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wan_video.domain.request import Defaults


@dataclass(frozen=True, slots=True)
class Offered:
    """A model, and its known prices per second in each region in which the stack reaches it.

    `silent_prices` are those of videos without sound, in the regions where they are different.
    """

    model: Model
    prices: Mapping[Region, Mapping[Tier, UnitPrice]]
    silent_prices: Mapping[Region, Mapping[Tier, UnitPrice]] = field(default_factory=dict)

    @property
    def priced_on(self) -> str | None:
        """The day of the oldest price list used; None if the stack sets all known prices of the model itself."""
        days = [price.priced_on for by_tier in self.prices.values() for price in by_tier.values() if price.priced_on]
        return min(days, default=None)

    @property
    def unconfirmed(self) -> Mapping[Region, Sequence[Tier]]:
        """The prices that come from third parties."""
        found = {
            region: [tier for tier, price in by_tier.items() if price.unconfirmed]
            for region, by_tier in self.prices.items()
        }
        return {region: tiers for region, tiers in found.items() if tiers}

    def price_warning(self, now: float) -> str | None:
        """Return a warning about prices that are unconfirmed, or old at `now` (Unix seconds), or None."""
        warnings = []
        if self.unconfirmed:
            warnings.append(f"The prices in {', '.join(self.unconfirmed)} come from third parties and not from Wan.")
        if self.priced_on is not None and is_old(self.priced_on, now):
            days = days_old(self.priced_on, now)
            warnings.append(f"Prices are of {self.priced_on}, {days} days ago: compare them with Wan's price list.")
        return " ".join(warnings) or None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models of a stack's regions by name: those that it reaches, and why it does not reach the others."""

    offered: Mapping[str, Offered]
    unreachable: Mapping[str, str]


def catalogue(defaults: Defaults) -> Catalogue:
    """Return the models of a stack."""
    offered: dict[str, Offered] = {}
    unreachable_models: dict[str, str] = {}
    for model in MODELS.values():
        regions = [region for region in defaults.regions if region in model.regions]
        reached = [region for region in regions if defaults.endpoints.base_url(region, model.name) is not None]
        if reached:
            prices = {region: _prices(defaults, model, region) for region in reached}
            silent = {region: _prices(defaults, model, region, audio=False) for region in reached}
            different = {region: by_tier for region, by_tier in silent.items() if by_tier != prices[region]}
            offered[model.name] = Offered(model, prices, different)
        elif regions:
            unreachable_models[model.name] = unreachable(model, regions[0])
    return Catalogue(offered, unreachable_models)


def _prices(defaults: Defaults, model: Model, region: Region, *, audio: bool | None = None) -> Mapping[Tier, UnitPrice]:
    prices = {tier: defaults.prices.of(model, region, tier, audio=audio) for tier in model.sizes}
    return {tier: price for tier, price in prices.items() if price is not None}
