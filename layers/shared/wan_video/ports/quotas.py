"""Wan's quotas, as Wan states them and as they are stored with the pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wan_video.domain.models import Region
    from wan_video.domain.quota import Quota, Stated


class WanQuotas(Protocol):
    """The part of Wan's API that describes accounts and models; calling it costs nothing."""

    def quota(self, region: Region, model: str) -> Quota | None:
        """Return the account's quota of a model, or None if Wan's list does not contain the model.

        Raises WanThrottled, WanUnreachable, WanRefused (WanUnauthorized) or WanUnavailable.
        """
        ...

    def retirements(self, region: Region) -> Mapping[str, int | None]:
        """Return when Wan takes the models of a region offline (Unix seconds); None if it has announced nothing.

        The mapping contains every model that Wan lists, by name. Raises what `quota` raises, also if the list cannot
        be read completely.
        """
        ...


class Quotas(Protocol):
    """Wan's statements about each pool, stored where `dispatch` reads the pool."""

    def stated(self, names: Sequence[str]) -> Mapping[str, Stated]:
        """Return what Wan has stated about the named pools."""
        ...

    def begin_reading(self, name: str, now: int, unless_after: int) -> bool:
        """Record that Wan is asked about a pool now, unless it was asked after `unless_after` (Unix seconds).

        Returns whether this was recorded: only one of several simultaneous callers may ask.
        """
        ...

    def keep_quota(self, name: str, quota: Quota | None, now: int) -> None:
        """Store what Wan has just stated about a pool; None if it stated nothing."""
        ...

    def keep_retirement(self, name: str, retires_at: int | None) -> None:
        """Store when Wan takes a pool's model offline (Unix seconds); None if it has announced nothing."""
        ...
