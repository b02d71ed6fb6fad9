"""A task and the lane that it runs in: its state follows from the clock and from when its film was made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from wan_simulator.errors import ERROR_CODES
from wan_simulator.orders import Order
from wan_simulator.places import Places
from wan_video.domain.models import Region, Size

KEPT_SECONDS: Final = 24 * 60 * 60
"""Seconds for which a task can be queried and its link can be used."""


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
        """Return the failure of a documented code, with Wan's message."""
        return cls(code, ERROR_CODES[code].message)


@dataclass(frozen=True, slots=True)
class Made:
    """When a film was finished (epoch seconds of the clock), and the failure if it could not be made.

    `size` is the film's, and `images` has the SHA-256 (hex) of each image that it was made from.
    """

    at: float
    failure: Failure | None = None
    size: Size | None = None
    images: tuple[str, ...] = ()


@dataclass(slots=True)
class Task:
    """An accepted task; moments are epoch seconds of the clock, None until they are reached.

    `request_id` is that of the create call and `workspace` the one that made it. `sound` is the audio it brought, a
    URL to fetch or an uploaded file; `images` are the first and the last frame, each a URL, base64 or an uploaded file,
    and `image_digests` their SHA-256 (hex), which is known when the task has ended. `latency` is its own, where it
    differs from that of its lane.
    """

    id: str
    region: Region
    order: Order
    seed: int
    submitted_at: float
    failure: Failure | None = None
    request_id: str = ""
    workspace: str = ""
    sound: str | bytes | None = field(default=None, repr=False)
    images: tuple[str | bytes, ...] = field(default=(), repr=False)
    latency: Latency | None = None
    image_digests: tuple[str, ...] = field(default=(), init=False)
    scheduled_at: float | None = field(default=None, init=False)
    ended_at: float | None = field(default=None, init=False)

    @property
    def phase(self) -> Phase:
        """Return the phase: PENDING, RUNNING, then SUCCEEDED or FAILED; CANCELED if it never started."""
        if self.scheduled_at is None:
            return Phase.PENDING if self.ended_at is None else Phase.CANCELED
        if self.ended_at is None:
            return Phase.RUNNING
        return Phase.FAILED if self.failure else Phase.SUCCEEDED

    def is_kept(self, now: float) -> bool:
        """Return whether the task can still be queried at `now`."""
        return now - self.submitted_at <= KEPT_SECONDS


@dataclass(frozen=True, slots=True)
class Latency:
    """The least time that a task is PENDING and then RUNNING, in seconds of the clock."""

    pending: float
    running: float

    @classmethod
    def of(cls, seconds: float) -> Latency:
        """Return a latency of `seconds` in total, a sixth of them PENDING."""
        return cls(pending=seconds / 6, running=seconds * 5 / 6)


class Lane:
    """The tasks of one account and model: at most `places` of them run, and the others wait.

    A workspace with its own quota also has its own places, and its tasks need one of each.
    """

    def __init__(self, places: int | None, latency: Latency) -> None:
        self._latency = latency
        self._places = Places(places)
        self._workspaces: dict[str, Places] = {}
        self._pending: deque[Task] = deque()
        self._running: list[Task] = []

    def resize(self, places: int | None, workspaces: Mapping[str, int | None], now: float) -> None:
        """Set how many tasks may run from `now` on, in total and by workspace; settle the lane first."""
        self._places.resize(places, len(self._running), now)
        for name in self._workspaces.keys() | workspaces.keys():
            taken = sum(task.workspace == name for task in self._running)
            own = self._workspaces.setdefault(name, Places(None))
            own.resize(workspaces.get(name), taken, now)

    def has_room(self, workspace: str, queue: int | None, queue_of_workspace: int | None) -> bool:
        """Return whether a task of `workspace` may be added if `queue` tasks may wait; None is any number."""
        if not _fits(len(self._pending), self._places, queue):
            return False
        if workspace not in self._workspaces:
            return True
        waiting = sum(task.workspace == workspace for task in self._pending)
        return _fits(waiting, self._workspaces[workspace], queue_of_workspace)

    def add(self, task: Task) -> None:
        """Put `task` at the end of the queue."""
        self._pending.append(task)

    def cancel(self, task: Task, now: float) -> None:
        """Remove a PENDING `task` from the queue at `now`; raises ValueError for one that has started."""
        self._pending.remove(task)
        task.ended_at = now

    def settle(self, now: float, made: Callable[[Task], Made | None]) -> list[Task]:
        """Bring every task up to `now`; returns those that ended, in the order of their ends.

        `made` returns when a task's film was finished: no task ends before its film exists, however short the latency.
        """
        ended: list[Task] = []
        while True:
            ended += self._end(now, made)
            if not self._start_next(now):
                return sorted(ended, key=lambda task: task.ended_at or 0.0)

    def _start_next(self, now: float) -> bool:
        if self._places.free_since() is None:
            return False
        for task in self._pending:
            start = self._start_of(task)
            if start is not None and start <= now:
                self._start(task, start)
                return True
            if not self._workspaces:
                return False
        return False

    def _start_of(self, task: Task) -> float | None:
        """Return when `task` can start, or None while the places that it needs are taken."""
        free, own = self._places.free_since(), self._workspaces.get(task.workspace, _ANY).free_since()
        if free is None or own is None:
            return None
        return max(task.submitted_at + self._latency_of(task).pending, free, own)

    def _latency_of(self, task: Task) -> Latency:
        return task.latency or self._latency

    def _start(self, task: Task, at: float) -> None:
        self._pending.remove(task)
        for places in self._places_of(task):
            places.take()
        task.scheduled_at = at
        self._running.append(task)

    def _places_of(self, task: Task) -> tuple[Places, Places]:
        return self._places, self._workspaces.get(task.workspace, _ANY)

    def _end(self, now: float, made: Callable[[Task], Made | None]) -> list[Task]:
        ended = [task for task in self._running if self._has_ended(task, now, made)]
        self._running = [task for task in self._running if task.ended_at is None]
        for task in ended:
            assert task.ended_at is not None
            for places in self._places_of(task):
                places.give_back(task.ended_at)
        return ended

    def _has_ended(self, task: Task, now: float, made: Callable[[Task], Made | None]) -> bool:
        assert task.scheduled_at is not None
        result = Made(task.scheduled_at) if task.failure else made(task)
        if result is None:
            return False
        end = max(task.scheduled_at + self._latency_of(task).running, result.at)
        if end > now:
            return False
        task.failure = task.failure or result.failure
        task.image_digests = result.images
        if result.size is not None:
            task.order = replace(task.order, size=result.size)
        task.ended_at = end
        return True


_ANY: Final = Places(None)
"""The places of a workspace that has no quota of its own."""


def _fits(waiting: int, places: Places, queue: int | None) -> bool:
    return queue is None or waiting < places.free + queue
