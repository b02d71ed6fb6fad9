"""The number of tasks of a model that Wan runs at the same time, and the source of that number.

Wan's limits belong to an account, are raised on request, can be lower in a workspace, and are reduced before a model is
retired. The limit in force is therefore taken from the first of these that contains one:

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
"""The number of tasks that Wan is assumed to run at the same time if no source states it: that of its oldest models."""

WORKED_ON_FOR_ONE_WAITING: Final = 5
"""The number of running tasks for each task that waits at Wan.

About 20 seconds pass from the end of a task until the next one is at Wan, and a task takes two minutes or more.
"""

_OVERRIDE: Final = re.compile(r"([a-z]+)/([A-Za-z0-9._-]{1,64})=([0-9]{1,6})", re.ASCII)


class LimitSource(StrEnum):
    """The source of a limit."""

    PARAMETER = "parameter"
    WORKSPACE = "workspace"
    ACCOUNT = "account"
    REGISTRY = "registry"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Quota:
    """The quota of one model in one region, as Wan's quota API states it; None for what it does not state.

    `running` is the number of tasks that Wan runs at the same time, and `waiting` the number that it also keeps as
    PENDING. `source` says whether `running` is the limit of the account or of the workspace.
    """

    running: int | None = None
    waiting: int | None = None
    source: LimitSource = LimitSource.ACCOUNT


@dataclass(frozen=True, slots=True)
class Stated:
    """The statements of Wan about one pool; times are Unix seconds.

    `read_at` is when the quota API last answered, and `asked_at` when it was last asked. `retires_at` is when Wan takes
    the model offline, if it has announced that.
    """

    quota: Quota | None = None
    read_at: int | None = None
    asked_at: int = 0
    retires_at: int | None = None


NOTHING_STATED: Final = Stated()


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit in force: the number of tasks that Wan runs at the same time, and the source of that number.

    `queue` is the number of tasks that Wan lets wait; None if it does not state one.
    """

    concurrency: int
    source: LimitSource
    queue: int | None = None

    @property
    def places(self) -> int:
        """The number of videos that may be at Wan at the same time: those that Wan runs, and some that wait there.

        Those that wait keep Wan busy until the end of a task is noticed and the next video is submitted. One waits for
        every WORKED_ON_FOR_ONE_WAITING running tasks, rounded up, but no more than Wan lets wait.
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
    """Return the limit of a pool; `overrides` contains the limits of the parameter `WanQuotas` by pool."""
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
    """Return the number of concurrent tasks of a pool that Alibaba publishes, or None."""
    region, _, model = pool.partition("#")
    offer = MODELS[model].regions.get(Region(region)) if model in MODELS else None
    return None if offer is None else offer.concurrency


def parse_overrides(text: str) -> Mapping[str, int]:
    """Read `region/model=n` pairs separated by commas; return the limits by pool.

    Raises ValueError that names the wrong pair. A model that the registry does not contain is allowed, so that a limit
    does not stop the stack after its model was removed.
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
