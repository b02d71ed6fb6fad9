"""A task and the lane it runs in: its state follows from the clock, and from when its film was made."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wan_simulator.errors import ERROR_CODES
from wan_simulator.orders import Order
from wan_video.domain.models import Region

KEPT_SECONDS: Final = 24 * 60 * 60
"""How long a task can be queried and its link be used."""


class Phase(StrEnum):
    """A task's status, in Wan's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task fails: one of the documented codes and its message."""

    code: str
    message: str

    @classmethod
    def of(cls, code: str) -> Failure:
        """The failure by a documented code, in Wan's words."""
        return cls(code, ERROR_CODES[code].message)


@dataclass(frozen=True, slots=True)
class Made:
    """The end of a film's making: when it was there (epoch seconds of the clock), and why not if it failed."""

    at: float
    failure: Failure | None = None


@dataclass(slots=True)
class Task:
    """An accepted task; moments are epoch seconds of the clock, None until they have come.

    `request_id` is that of the create call; `sound` is the audio it brought: a URL to fetch, or an uploaded file.
    """

    id: str
    region: Region
    order: Order
    seed: int
    submitted_at: float
    failure: Failure | None = None
    request_id: str = ""
    sound: str | bytes | None = field(default=None, repr=False)
    scheduled_at: float | None = field(default=None, init=False)
    ended_at: float | None = field(default=None, init=False)

    @property
    def phase(self) -> Phase:
        """Where the task is on its way PENDING, RUNNING, SUCCEEDED or FAILED; CANCELED if it never began."""
        if self.scheduled_at is None:
            return Phase.PENDING if self.ended_at is None else Phase.CANCELED
        if self.ended_at is None:
            return Phase.RUNNING
        return Phase.FAILED if self.failure else Phase.SUCCEEDED

    def is_kept(self, now: float) -> bool:
        """Whether the task can still be queried at `now`."""
        return now - self.submitted_at <= KEPT_SECONDS


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a task is PENDING and then RUNNING at the least, in seconds of the clock."""

    pending: float
    running: float

    @classmethod
    def of(cls, seconds: float) -> Latency:
        """`seconds` in all, a sixth of them PENDING."""
        return cls(pending=seconds / 6, running=seconds * 5 / 6)


class Lane:
    """The tasks of one account and model: at most `places` of them run, the others wait their turn."""

    def __init__(self, places: int, latency: Latency) -> None:
        self._latency = latency
        self._free_since = [float("-inf")] * places
        self._pending: deque[Task] = deque()
        self._running: list[Task] = []

    def is_full(self) -> bool:
        """Whether every place is taken or spoken for."""
        return len(self._pending) >= len(self._free_since)

    def add(self, task: Task) -> None:
        """Put `task` at the end of the queue."""
        self._pending.append(task)

    def cancel(self, task: Task, now: float) -> None:
        """Take a PENDING `task` out of the queue at `now`; raises ValueError for one that has begun."""
        self._pending.remove(task)
        task.ended_at = now

    def settle(self, now: float, made: Callable[[Task], Made | None]) -> list[Task]:
        """Move every task to where it is at `now`; returns those that ended, in the order of their ends.

        `made` says when a task's film was there: no task ends before its film exists, however short the latency.
        """
        ended: list[Task] = []
        while True:
            ended += self._end(now, made)
            if not self._start_next(now):
                return sorted(ended, key=lambda task: task.ended_at or 0.0)

    def _start_next(self, now: float) -> bool:
        if not (self._pending and self._free_since):
            return False
        start = max(self._pending[0].submitted_at + self._latency.pending, self._free_since[0])
        if start > now:
            return False
        heapq.heappop(self._free_since)
        task = self._pending.popleft()
        task.scheduled_at = start
        self._running.append(task)
        return True

    def _end(self, now: float, made: Callable[[Task], Made | None]) -> list[Task]:
        ended = [task for task in self._running if self._has_ended(task, now, made)]
        self._running = [task for task in self._running if task.ended_at is None]
        for task in ended:
            assert task.ended_at is not None
            heapq.heappush(self._free_since, task.ended_at)
        return ended

    def _has_ended(self, task: Task, now: float, made: Callable[[Task], Made | None]) -> bool:
        assert task.scheduled_at is not None
        result = Made(task.scheduled_at) if task.failure else made(task)
        if result is None:
            return False
        end = max(task.scheduled_at + self._latency.running, result.at)
        if end > now:
            return False
        task.failure = task.failure or result.failure
        task.ended_at = end
        return True
