"""Wan's quotas: as Wan states them, and as they are kept with the pools."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wan_video.domain.models import Region
    from wan_video.domain.quota import Quota, Stated


class WanQuotas(Protocol):
    """The part of Wan's API that describes accounts and models; calling it costs nothing."""

    def quota(self, region: Region, model: str) -> Quota | None:
        """The account's quota of a model, or None where Wan's list does not have the model.

        Raises WanThrottled, WanUnreachable, WanRefused (WanUnauthorized) or WanUnavailable.
        """
        ...

    def retirements(self, region: Region) -> Mapping[str, int | None]:
        """When Wan takes the models of a region offline (Unix seconds), by name; None where it has announced nothing.

        The mapping holds every model that Wan lists. Raises what `quota` raises, also where the list cannot be read
        to its end.
        """
        ...


class Quotas(Protocol):
    """What Wan has stated of each pool, kept where dispatch reads the pool."""

    def stated(self, names: Collection[str]) -> Mapping[str, Stated]:
        """What is known of the named pools."""
        ...

    def begin_reading(self, name: str, now: int, unless_after: int) -> bool:
        """Note that Wan is asked about a pool now, unless it was asked after `unless_after` (Unix seconds).

        Returns whether it was noted: of several callers at once only one may ask.
        """
        ...

    def keep_quota(self, name: str, quota: Quota | None, now: int) -> None:
        """Keep what Wan has just stated of a pool; None where it stated nothing."""
        ...

    def keep_retirement(self, name: str, retires_at: int | None) -> None:
        """Keep when Wan takes a pool's model offline (Unix seconds), or that it has announced nothing."""
        ...
