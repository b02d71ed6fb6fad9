"""dispatch: start queued videos while places are free and budgets allow.

Each start is one transaction. So any number of dispatchers can run at the same time without taking more places than
there are, and without starting a video twice. But they would all try to start the same videos and would fail on each
other's transactions. So only the holder of a pool's lease starts its videos. Another dispatcher that finds videos to
start asks the holder to look again, and returns.

If a dispatcher dies, its pool starts nothing until the lease ends, and the next dispatcher starts the execution that is
missing. A wake-up that is lost is made up for by the schedule. A call reads a pool once, and again when it was asked
to, and for each start the head of one queue and the row, however many videos are waiting.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from wan_video.domain.budget import STACK, Reservation, utc_day
from wan_video.domain.failures import over_budget
from wan_video.domain.pool import Place
from wan_video.domain.quota import limit_in_force
from wan_video.domain.turns import Turns
from wan_video.domain.video import Status, Video
from wan_video.errors import BatchNotInProgress, NoPlace, OverBudget, VideoChanged, VideoNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wan_video.domain.pool import Line, Pool
    from wan_video.domain.queue import QueueItem
    from wan_video.ports.clock import Clock
    from wan_video.ports.pools import Pools
    from wan_video.ports.videos import DispatchVideos
    from wan_video.ports.workers import Executions

MAX_FAILURES: Final = 100
"""Attempts that start nothing, after which a call leaves the pool; the next wake-up continues."""

START_SECONDS: Final = 40.0
"""Seconds after which a call starts no more videos, so that it returns before Lambda ends it."""

LEASE_SECONDS: Final = 60
"""Seconds for which a lease is valid: the timeout of the function."""

MAX_LOOKS: Final = 20
"""The maximum number of times that a call reads a pool on request of other calls; the next wake-up continues."""

BUDGETS_AT_ONCE: Final = 100
"""The number of budgets that are read at a time."""

MAX_MOVES: Final = 10
"""The maximum number of times that a call moves places of an earlier release; the next wake-up continues."""


@dataclass(frozen=True)
class Dispatch:
    """The service that starts videos. If `enabled` is False, it only completes starts that were interrupted.

    `limits` contains the limits of the parameter `WanQuotas` by pool, which replace those that Wan states. `on_started`
    is called with each video that was started.
    """

    videos: DispatchVideos
    pools: Pools
    executions: Executions
    clock: Clock
    enabled: bool = True
    daily_seconds: int | None = None
    on_started: Callable[[Video], None] = lambda _: None
    limits: Mapping[str, int] = field(default_factory=dict)
    stopwatch: Callable[[], float] = monotonic

    def __call__(self, names: Sequence[str], adopted: Sequence[str] = ()) -> int:
        """Fill the places of the named pools, and begin `adopted` videos; return how many videos were started."""
        for video in self.videos.get_many(adopted).values():
            if video.status is Status.STARTING:
                self.executions.start(video)
        deadline = self.stopwatch() + START_SECONDS
        return sum(self._serve(name, deadline) for name in names)

    def budget_used(self) -> float | None:
        """Return the percentage of the stack's budget of today that is spent or reserved; None without a budget."""
        if self.daily_seconds is None:
            return None
        return 100 * self.pools.used_by([STACK], utc_day(self.clock.now()))[STACK] / self.daily_seconds

    def _read(self, name: str) -> Pool:
        """Read a pool, after moving the places that an earlier release recorded in it."""
        (pool,) = self.pools.read([name])
        for _ in range(MAX_MOVES):
            if pool.earlier is None:
                break
            ids = sorted(pool.earlier)
            rows = self.videos.get_many(ids)
            held = [
                Place(row.id, row.owner, row.status is not Status.STARTING)
                for row in (rows[video_id] for video_id in ids if video_id in rows)
                if row.place == name
            ]
            self.pools.move(name, pool.earlier, held)
            (pool,) = self.pools.read([name])
        return pool

    def _begin(self, pool: Pool) -> None:
        """Start executions that are missing because a dispatcher died after it had saved the start of a video."""
        waiting = [place.video_id for place in pool.places if not place.begun]
        for video in self.videos.get_many(waiting).values():
            if video.status is Status.STARTING:
                self.executions.start(video)
            self.pools.note_begun(pool.name, video.id)

    def _serve(self, name: str, deadline: float) -> int:
        """Start videos in a pool, unless another dispatcher does so; return how many were started."""
        pool = self._read(name)
        self._begin(pool)
        if not self.enabled or not pool.lines or self._places(pool) <= len(pool.places):
            return 0
        holder, started = uuid4().hex, 0
        for look in range(1, MAX_LOOKS + 1):
            now = self.clock.unix_seconds()
            if not self.pools.lease(name, holder, now, now + LEASE_SECONDS):
                break
            try:
                if look > 1:
                    # Taking the lease forgets that others asked, so the pool is read after that.
                    pool = self._read(name)
                started += self._fill(pool, deadline)
            except Exception:
                self.pools.release(name, holder, asked=True)
                raise
            if self.pools.release(name, holder, asked=look == MAX_LOOKS or self.stopwatch() >= deadline):
                break
        return started

    def _places(self, pool: Pool) -> int:
        """Return the places of a pool; if more are taken, nothing starts until enough videos have ended."""
        return limit_in_force(pool.name, pool.stated.quota, self.limits).places

    def _fill(self, pool: Pool, deadline: float) -> int:
        """Start videos while places are free and there is time; return how many were started."""
        turns = Turns(pool.lines, Counter(place.owner for place in pool.places))
        # The lines whose next video did not fit the budget at the last attempt.
        used_at_most = {line.owner: line.used_at_most for line in pool.lines if line.used_at_most is not None}
        places, started, failures = self._places(pool), 0, 0
        free = places - len(pool.places)
        while started < free and failures < MAX_FAILURES and self.stopwatch() < deadline:
            line = turns.next()
            if line is None:
                break
            if line.owner in used_at_most:
                self._pass_over(line.owner, used_at_most, turns)
                continue
            try:
                begun = self._start_next(pool.name, places, line, turns)
            except (VideoChanged, VideoNotFound):
                begun = False
            except (NoPlace, OverBudget):
                break
            started += begun
            failures += not begun
        for line in turns.empty():
            if self.stopwatch() >= deadline:
                # Empty lines do no harm until the next call.
                break
            self.pools.remove_line(pool.name, line)
        return started

    def _pass_over(self, first: str, used_at_most: dict[str, int], turns: Turns) -> None:
        """Read the budgets of some owners, including `first`, and skip those without room for the next video."""
        owners = [first, *islice((owner for owner in used_at_most if owner != first), BUDGETS_AT_ONCE - 1)]
        used = self.pools.used_by(owners, utc_day(self.clock.now()))
        for owner in owners:
            if used[owner] > used_at_most.pop(owner):
                turns.pass_over(owner)

    def _start_next(self, pool: str, places: int, line: Line, turns: Turns) -> bool:
        """Start the next video of a line, or skip its owner; return whether a video was started.

        Raises VideoChanged and VideoNotFound if the caller should try again, NoPlace, and OverBudget for the stack.
        """
        item = self.pools.head(pool, line.owner)
        if item is None:
            # Other dispatchers were faster, or the line was wrong. It is removed unless a video has joined it since.
            self.pools.remove_line(pool, line)
            turns.pass_over(line.owner)
            return False
        try:
            video = self._start(pool, places, line, item)
        except OverBudget as error:
            if error.owner == STACK:
                raise
            turns.pass_over(line.owner)
            return False
        turns.started(line, item.key, video.updated_at)
        self.executions.start(video)
        self.pools.note_begun(pool, video.id)
        self.on_started(video)
        return True

    def _start(self, pool: str, places: int, line: Line, item: QueueItem) -> Video:
        video = self._waiting(pool, line.owner, item)
        now, seconds = self.clock.unix_seconds(), video.request.most_seconds
        budgets = {video.owner: video.daily_seconds, STACK: self.daily_seconds}
        for limit in budgets.values():
            if limit is not None and limit < seconds:
                # The budget was lowered in the meantime: the video would wait, and block others, indefinitely.
                self.videos.save(video, video.ended(now, over_budget(limit)))
                raise VideoChanged(video.id)
        started = video.start(now, Reservation(utc_day(now), seconds))
        try:
            return self.videos.start(video, started, places=places, budgets=budgets)
        except BatchNotInProgress:
            # `finish_batch` has not cancelled this row yet; it must not be started in the meantime.
            self.videos.save(video, video.cancelled(now))
            raise VideoChanged(video.id) from None
        except OverBudget as error:
            limit = budgets[error.owner]
            if error.owner != STACK and limit is not None:
                self.pools.pass_over(pool, line, limit - seconds)
            raise

    def _waiting(self, pool: str, owner: str, item: QueueItem) -> Video:
        """Return the video of a queue item; if the video no longer waits, remove the item and raise."""
        try:
            video = self.videos.get(item.video_id)
        except VideoNotFound:
            self.pools.remove_item(pool, owner, item)
            raise
        if video.status is not Status.QUEUED:
            self.pools.remove_item(pool, owner, item)
            raise VideoChanged(video.id)
        return video
