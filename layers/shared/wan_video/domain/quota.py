"""How many videos of a model Wan works on at once, and who says so.

Wan's limits belong to an account, are raised on request, can be lower in a workspace, and shrink once a model is about
to be retired. So the limit in force is taken from the first of these that knows one:

1. the parameter `WanQuotas`;
2. Wan's quota API, where the smaller of the model's and the workspace's limit counts;
3. the model registry, which holds the limits that Alibaba publishes for every account;
4. ASSUMED_CONCURRENCY.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wan_video.domain.models import MODELS, Region, pool_name

ASSUMED_CONCURRENCY: Final = 2
"""Tasks that Wan is taken to work on at once where no one says how many: as many as of its oldest models."""

WORKED_ON_FOR_ONE_WAITING: Final = 5
"""Tasks that Wan works on for each one that waits there.

From the end of a task until the next one is ready at Wan some 20 seconds pass, and a task takes two minutes or more.
"""

_OVERRIDE: Final = re.compile(r"([a-z]+)/([A-Za-z0-9._-]{1,64})=([0-9]{1,6})", re.ASCII)


class LimitSource(StrEnum):
    """Where a limit comes from."""

    PARAMETER = "parameter"
    WORKSPACE = "workspace"
    ACCOUNT = "account"
    REGISTRY = "registry"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Quota:
    """What Wan's quota API states of one model in one region; None where it states nothing.

    `running` is how many tasks Wan works on at once, `waiting` how many more it keeps as PENDING. `source` says whose
    limit `running` is: the account's or the workspace's.
    """

    running: int | None = None
    waiting: int | None = None
    source: LimitSource = LimitSource.ACCOUNT


@dataclass(frozen=True, slots=True)
class Stated:
    """What Wan has stated of one pool so far; times are Unix seconds.

    `read_at` is when the quota API last answered, `asked_at` when it was last asked. `retires_at` is when Wan takes the
    model offline, as far as it has announced that.
    """

    quota: Quota | None = None
    read_at: int | None = None
    asked_at: int = 0
    retires_at: int | None = None


NOTHING_STATED: Final = Stated()


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit in force: how many tasks Wan works on at once, and where that number comes from.

    `queue` is how many more Wan lets wait; None where it does not say.
    """

    concurrency: int
    source: LimitSource
    queue: int | None = None

    @property
    def places(self) -> int:
        """How many videos may be at Wan at once: those that Wan works on, and some that wait there for their turn.

        Those that wait keep Wan busy while the end of a task is noticed and the next video is submitted. There is one
        for every WORKED_ON_FOR_ONE_WAITING tasks, rounded up, and no more than Wan lets wait.
        """
        waiting = -(-self.concurrency // WORKED_ON_FOR_ONE_WAITING)
        return self.concurrency + (waiting if self.queue is None else min(waiting, self.queue))


@dataclass(frozen=True, slots=True)
class InForce:
    """A pool's limit as users see it; Wan last stated it at `read_at`, and takes the model offline at `retires_at`."""

    limit: Limit
    read_at: int | None = None
    retires_at: int | None = None


def limit_in_force(pool: str, quota: Quota | None, overrides: Mapping[str, int]) -> Limit:
    """The limit of a pool; `overrides` holds those of the parameter `WanQuotas` by pool."""
    queue = None if quota is None else quota.waiting
    if pool in overrides:
        return Limit(overrides[pool], LimitSource.PARAMETER, queue)
    if quota is not None and quota.running is not None:
        return Limit(quota.running, quota.source, queue)
    published = published_concurrency(pool)
    if published is not None:
        return Limit(published, LimitSource.REGISTRY, queue)
    return Limit(ASSUMED_CONCURRENCY, LimitSource.ASSUMED, queue)


def published_concurrency(pool: str) -> int | None:
    """How many tasks of a pool Wan works on at once by Alibaba's pages; None where they do not say."""
    region, _, model = pool.partition("#")
    offer = MODELS[model].regions.get(Region(region)) if model in MODELS else None
    return None if offer is None else offer.concurrency


def parse_overrides(text: str) -> Mapping[str, int]:
    """Read `region/model=n` pairs separated by commas; returns the limits by pool.

    Raises ValueError naming the pair that is wrong. A model that the registry does not know is no error: the limit of a
    model must not stop the stack once the model is gone.
    """
    limits: dict[str, int] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        match = _OVERRIDE.fullmatch(pair)
        if match is None:
            raise ValueError(
                f"WanQuotas: {pair!r} is not of the form region/model=number, like singapore/wan2.6-t2v=5."
            )
        region, model, number = match.groups()
        if region not in tuple(Region):
            raise ValueError(f"WanQuotas: {pair!r} names no region of Wan; there are {', '.join(Region)}.")
        limits[pool_name(Region(region), model)] = int(number)
    return limits
