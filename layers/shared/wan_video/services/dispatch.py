"""dispatch: start queued videos while there are places and money.

The owner with the fewest running goes next, and of each owner what is interactive before what is a batch.
Every start is one transaction, so any number of dispatchers may run at once; a lost wake-up is made good within a
minute by the schedule, and a start that was cut off is taken up again by the next dispatcher.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from wan_video.domain.failures import over_budget
from wan_video.domain.models import pool_places
from wan_video.domain.video import STACK, Reservation, Status, Video
from wan_video.errors import NoPlace, OverBudget, VideoChanged, VideoNotFound
from wan_video.ports import Clock, Executions, Pool, Pools, QueueItem, Videos

MAX_TRIES: Final = 100
"""Starts tried in one pool by one call; the next wake-up goes on from there."""


@dataclass(frozen=True)
class Dispatch:
    """Starts videos. With `enabled` False nothing new is started, and what was begun is carried on."""

    videos: Videos
    pools: Pools
    executions: Executions
    clock: Clock
    enabled: bool = True
    daily_seconds: int | None = None

    def __call__(self, names: Collection[str], adopted: Collection[str] = ()) -> int:
        """Fill the named pools' places, and begin the videos whose tasks were `adopted`; returns how many started."""
        for video in self.videos.get_many(adopted).values():
            if video.status is Status.STARTING:
                self.executions.start(video)
        return sum(self._fill(pool) for pool in self.pools.read(names) if pool.waiting or pool.running)

    def budget_used(self) -> float | None:
        """Percent of the stack's budget of today that is spent or reserved; None where there is no budget."""
        if self.daily_seconds is None:
            return None
        return 100 * self.pools.used(STACK, _day(self.clock.now())) / self.daily_seconds

    def _fill(self, pool: Pool) -> int:
        running = self.videos.get_many(pool.running)
        for video in running.values():
            if video.status is Status.STARTING:
                self.executions.start(video)
        if not self.enabled:
            return 0
        queue = _Queue(self.pools, pool, Counter(video.owner for video in running.values()))
        free = pool_places(pool.name) - len(pool.running)
        started = 0
        for _ in range(MAX_TRIES):
            candidate = queue.next() if started < free else None
            if candidate is None:
                break
            owner, item = candidate
            try:
                self.executions.start(self._start(pool.name, owner, item))
            except (VideoChanged, VideoNotFound):
                queue.again(owner)
            except OverBudget as error:
                if error.owner == STACK:
                    break
                queue.pass_over(owner)
            except NoPlace:
                break
            else:
                started += 1
                queue.started(owner)
        queue.forget_empty()
        return started

    def _start(self, pool: str, owner: str, item: QueueItem) -> Video:
        video = self._waiting(pool, owner, item)
        now = int(self.clock.now())
        started = video.start(now, Reservation(_day(now), video.request.seconds))
        budgets = {video.owner: video.daily_seconds, STACK: self.daily_seconds}
        for limit in budgets.values():
            if limit is not None and limit < video.request.seconds:
                # The budget was lowered meanwhile: it would wait, and keep others waiting, for ever.
                self.videos.save(video, video.ended(now, over_budget(limit)))
                raise VideoChanged(video.id)
        try:
            return self.videos.start(video, started, places=pool_places(video.pool), budgets=budgets)
        except OverBudget:
            if video.waiting_for != "budget":
                self.videos.save(video, replace(video, waiting_for="budget", updated_at=now))
            raise

    def _waiting(self, pool: str, owner: str, item: QueueItem) -> Video:
        """The video of a queue item; an item whose video waits no more is dropped on the way."""
        try:
            video = self.videos.get(item.video_id)
        except VideoNotFound:
            self.pools.drop(pool, owner, item)
            raise
        if video.status is not Status.QUEUED:
            self.pools.drop(pool, owner, item)
            raise VideoChanged(video.id)
        return video


class _Queue:
    """The heads of one pool's queues, each read when it is needed and kept while it stays true."""

    def __init__(self, pools: Pools, pool: Pool, running: Counter[str]) -> None:
        self._pools = pools
        self._pool = pool
        self._running = running
        self._heads: dict[str, QueueItem | None] = {}
        self._passed_over: set[str] = set()

    def next(self) -> tuple[str, QueueItem] | None:
        """The owner whose turn it is and that owner's next video, or None where nobody waits."""
        by_running = sorted(self._pool.waiting - self._passed_over, key=lambda owner: (self._running[owner], owner))
        best: tuple[str, QueueItem] | None = None
        for owner in by_running:
            if best is not None and self._running[owner] > self._running[best[0]]:
                break
            if owner not in self._heads:
                self._heads[owner] = self._pools.head(self._pool.name, owner)
            item = self._heads[owner]
            if item is not None and (best is None or item.key < best[1].key):
                best = owner, item
        return best

    def started(self, owner: str) -> None:
        self._running[owner] += 1
        self.again(owner)

    def again(self, owner: str) -> None:
        """Read the owner's head anew."""
        self._heads.pop(owner, None)

    def pass_over(self, owner: str) -> None:
        self._passed_over.add(owner)

    def forget_empty(self) -> None:
        """Note the owners whose queues were seen empty."""
        for owner, item in self._heads.items():
            if item is None:
                self._pools.nobody_waits(self._pool, owner)


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()
