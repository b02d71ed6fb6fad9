"""The repair of quotas: read Wan's limits and retirements of models about every hour, and limits also after a 429.

A reading that fails changes nothing and is counted. It is repeated an hour later, or after the next 429.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from wan_video.domain.models import Region
from wan_video.domain.quota import Limit, limit_in_force
from wan_video.errors import WanError
from wan_video.services.repairs import Mended, Step

if TYPE_CHECKING:
    from wan_video.domain.quota import Stated
    from wan_video.ports.clock import Clock
    from wan_video.ports.quotas import Quotas, WanQuotas

HOURLY_SECONDS: Final = 3600
"""Seconds from one reading of a quota to the next if nothing indicates a change."""

AFTER_A_429_SECONDS: Final = 60
"""The minimum number of seconds between two readings, even if Wan answers many submissions with 429."""


@dataclass(frozen=True)
class Change:
    """A changed limit; `before` and `after` are in force if the parameter `WanQuotas` does not set a limit."""

    pool: str
    before: Limit
    after: Limit

    @property
    def fell(self) -> bool:
        """Whether Wan runs fewer tasks at the same time than before."""
        return self.after.concurrency < self.before.concurrency


@dataclass(frozen=True)
class Retirement:
    """Wan's announcement that it will take the model of a pool offline; `at` is in Unix seconds."""

    pool: str
    at: int


@dataclass(frozen=True)
class Unread:
    """A failed reading of a pool's quota or of a region's models; `code` is the error code of Wan or the client."""

    subject: str
    code: str


@dataclass(frozen=True)
class LiveQuotas:
    """A repair that reads the quotas of the pools `names`, and when their models go offline, and stores both.

    `on_change` is called for each limit that has changed, and `on_retirement` for each retirement that is new or has
    another date. Both are called before the new value is stored: a crash in between repeats a call and never loses one.
    `on_unread` is called for each reading that failed.
    """

    wan: WanQuotas
    quotas: Quotas
    clock: Clock
    names: Sequence[str]
    on_change: Callable[[Change], None] = lambda _: None
    on_retirement: Callable[[Retirement], None] = lambda _: None
    on_unread: Callable[[Unread], None] = lambda _: None

    def __call__(self) -> Iterator[Step]:
        """Yield steps that read what is an hour old: in each region first its models, then the quotas of its pools.

        If a reading fails, the rest of the region waits for the next run, because Wan may not answer there at all.
        """
        by_region: dict[Region, list[str]] = {}
        for name in self.names:
            by_region.setdefault(_region(name), []).append(name)
        known = self.quotas.stated([*self.names, *map(str, by_region)])
        now = self.clock.unix_seconds()
        for region, names in by_region.items():
            attempt = _Attempt()
            if _is_due(known[region], now):
                yield partial(self._read_retirements, region, names, known, attempt)
            for name in names:
                if attempt.failed:
                    break
                if _is_due(known[name], now):
                    yield partial(self._read_quota, name, known[name], HOURLY_SECONDS, attempt)

    def after_429(self, names: Sequence[str]) -> Counter[str]:
        """Read the quotas of pools whose submissions Wan has just refused, unless they were read within a minute.

        Returns the number of changed quotas by the name of the repair.
        """
        counts: Counter[str] = Counter()
        attempts: dict[Region, _Attempt] = {}
        for name, stated in self.quotas.stated(names).items():
            attempt = attempts.setdefault(_region(name), _Attempt())
            mended = None if attempt.failed else self._read_quota(name, stated, AFTER_A_429_SECONDS, attempt)
            if mended is not None:
                counts[mended.repair] += 1
        return counts

    def _read_quota(self, name: str, stated: Stated, seconds: int, attempt: _Attempt) -> Mended | None:
        now = self.clock.unix_seconds()
        if not self.quotas.begin_reading(name, now, now - seconds):
            return None
        try:
            quota = self.wan.quota(_region(name), name.partition("#")[2])
        except WanError as error:
            self._failed(Unread(name, error.code), attempt)
            return None
        before, after = (limit_in_force(name, one, {}) for one in (stated.quota, quota))
        is_changed = (after.concurrency, after.places) != (before.concurrency, before.places)
        if is_changed:
            self.on_change(Change(name, before, after))
        self.quotas.keep_quota(name, quota, now)
        return Mended("quota_changed", name) if is_changed else None

    def _read_retirements(
        self, region: Region, names: Sequence[str], known: Mapping[str, Stated], attempt: _Attempt
    ) -> Mended | None:
        now = self.clock.unix_seconds()
        if not self.quotas.begin_reading(region, now, now - HOURLY_SECONDS):
            return None
        try:
            listed = self.wan.retirements(region)
        except WanError as error:
            self._failed(Unread(region, error.code), attempt)
            return None
        for name in names:
            model = name.partition("#")[2]
            # A model that is no longer listed may already be offline: its announcement stays.
            at = listed.get(model, known[name].retires_at)
            if at == known[name].retires_at:
                continue
            if at is not None:
                self.on_retirement(Retirement(name, at))
            self.quotas.keep_retirement(name, at)
        return None

    def _failed(self, unread: Unread, attempt: _Attempt) -> None:
        attempt.failed = True
        self.on_unread(unread)


@dataclass
class _Attempt:
    """The state of a region in one run: whether a reading has failed."""

    failed: bool = False


def _is_due(stated: Stated, now: int) -> bool:
    return now - stated.asked_at >= HOURLY_SECONDS


def _region(pool: str) -> Region:
    return Region(pool.partition("#")[0])
