"""What the simulated Wan does with a call: check the caller, take the order, tell how the task is."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from wan_simulator import answers
from wan_simulator.accounts import authorise
from wan_simulator.answers import Json
from wan_simulator.clock import Clock
from wan_simulator.errors import RefusalError
from wan_simulator.films import Film, Studio
from wan_simulator.ledger import Ledger, prompt_digest
from wan_simulator.limits import QUERIES_PER_SECOND, RateLimit
from wan_simulator.links import LinkError, Signer, task_id_of
from wan_simulator.orders import Order, parse_order
from wan_simulator.tasks import Failure, Lane, Latency, Phase, Task
from wan_simulator.triggers import find_trigger
from wan_video.domain.models import MAX_SEED, Region


@dataclass(slots=True)
class Limits:
    """Which of Wan's limits hold: the two rates, and whether tasks beyond the concurrency queue or are refused."""

    rates: bool = True
    queue: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived: its region, the headers that matter, and an id for the answer."""

    region: Region
    authorization: str | None
    asynchronous: str | None
    request_id: str


@dataclass(slots=True)
class Wan:
    """All accounts, tasks and films of one simulator; every method may be called from any thread."""

    keys: Mapping[Region, str]
    clock: Clock
    latency: Latency
    limits: Limits
    studio: Studio
    signer: Signer
    ledger: Ledger
    random: Random
    _tasks: dict[str, Task] = field(default_factory=dict, init=False)
    _lanes: dict[tuple[Region, str], Lane] = field(default_factory=dict, init=False)
    _rates: dict[tuple[Region, str], RateLimit] = field(default_factory=dict, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def request_id(self) -> str:
        """A fresh id, repeatable where the simulator was given a seed."""
        with self._lock:
            return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def receive(self, call: Call, body: bytes, fault: str | None) -> None:
        """Note that a create call has arrived, before anything else can happen to it."""
        document = _json_or_none(body)
        given = document.get("input") if isinstance(document, dict) else None
        prompt = given.get("prompt") if isinstance(given, dict) else None
        self.ledger.write(
            "received",
            self.clock.now(),
            request_id=call.request_id,
            region=call.region,
            body_sha256=hashlib.sha256(body).hexdigest(),
            prompt_sha256=prompt_digest(prompt) if isinstance(prompt, str) else None,
            fault=fault,
        )

    def create(self, call: Call, body: bytes) -> Json:
        """Accept an order and begin its task; raises RefusalError."""
        with self._lock:
            now = self.clock.now()
            try:
                task = self._accept(call, body, now)
            except RefusalError as refusal:
                facts = {"request_id": call.request_id, "region": call.region, "code": refusal.code}
                self.ledger.write("refused", now, **facts)
                raise
            self.ledger.write("accepted", now, request_id=call.request_id, **_facts(task))
            return answers.created(task, call.request_id)

    def query(self, call: Call, task_id: str) -> Json:
        """Tell how a task is; raises RefusalError."""
        with self._lock:
            authorise(self.keys, call.region, call.authorization)
            if (call.asynchronous or "").lower() == "enable":
                raise RefusalError("AccessDenied", "Current user api does not support asynchronous calls.")
            now = self.clock.now()
            self._meter(call.region, "queries", QUERIES_PER_SECOND, now)
            self.settle()
            task = self._tasks.get(task_id)
            if task is None or task.region != call.region or not task.is_kept(now):
                return answers.unknown(task_id, call.request_id)
            link = self.signer.link(task) if task.phase is Phase.SUCCEEDED else ""
            return answers.task_state(task, link, call.request_id)

    def result(self, method: str, resource: str, query: dict[str, str]) -> tuple[Film, float]:
        """The film a signed link opens and the moment it was made; raises LinkError."""
        with self._lock:
            self.settle()
            self.signer.check(method, resource, query, self.clock.now())
            task = self._tasks.get(task_id_of(resource))
            if task is None or task.phase is not Phase.SUCCEEDED or task.ended_at is None:
                raise LinkError(404, "NoSuchKey", "The specified key does not exist.")
            return self.studio.film(task), task.ended_at

    def settle(self) -> None:
        """Move all tasks to where the clock says they are, and bill those that have succeeded meanwhile."""
        with self._lock:
            now = self.clock.now()
            ended = [task for lane in self._lanes.values() for task in lane.settle(now, self.studio.made)]
            for task in sorted(ended, key=lambda task: task.ended_at or 0.0):
                self._book(task)

    def task(self, task_id: str) -> Task | None:
        """The task by its id as it is now, however old."""
        with self._lock:
            self.settle()
            return self._tasks.get(task_id)

    def finish(self, task_id: str, patience: float) -> None:
        """Wait for a task's film and move the clock until the task has ended; raises KeyError, TimeoutError."""
        task = self._tasks[task_id]
        if task.failure is None:
            self.studio.wait(task, patience)
        while task.ended_at is None:
            with self._lock:
                self.clock.advance(max(self.latency.pending + self.latency.running, 1.0))
                self.settle()

    def _accept(self, call: Call, body: bytes, now: float) -> Task:
        authorise(self.keys, call.region, call.authorization)
        if (call.asynchronous or "").lower() != "enable":
            raise RefusalError("AccessDenied", "current user api does not support synchronous calls.")
        order = parse_order(_json_or_none(body), call.region)
        lane = self._admit(order, call.region, now)
        trigger = find_trigger(order.prompt)
        if trigger and not trigger.in_task:
            raise RefusalError(trigger.code)
        task = Task(
            id=self.request_id(),
            region=call.region,
            order=order,
            seed=self.random.randint(0, MAX_SEED) if order.seed is None else order.seed,
            submitted_at=now,
            failure=Failure.of(trigger.code) if trigger else _size_failure(order),
        )
        if task.failure is None:
            self.studio.commission(task)
        self._tasks[task.id] = task
        lane.add(task)
        return task

    def _admit(self, order: Order, region: Region, now: float) -> Lane:
        name, offer = order.model.name, order.model.regions[region]
        self._meter(region, name, offer.submits_per_second, now)
        self.settle()
        lane = self._lanes.setdefault((region, name), Lane(offer.concurrency, self.latency))
        if lane.is_full() and not self.limits.queue:
            raise RefusalError("Throttling")
        return lane

    def _meter(self, region: Region, what: str, per_second: int, now: float) -> None:
        rate = self._rates.setdefault((region, what), RateLimit(per_second))
        if self.limits.rates and not rate.admits(now):
            raise RefusalError("Throttling.RateQuota")

    def _book(self, task: Task) -> None:
        assert task.ended_at is not None
        if task.failure:
            self.ledger.write("failed", task.ended_at, **_facts(task), code=task.failure.code)
            return
        film = self.studio.film(task)
        self.ledger.write("billed", task.ended_at, **_facts(task), bytes=film.size, sha256=film.sha256)


def _facts(task: Task) -> Json:
    order = task.order
    return {
        "task_id": task.id,
        "region": task.region,
        "model": order.model.name,
        "size": str(order.size),
        "seconds": order.seconds,
        "seed": task.seed,
        "prompt_sha256": prompt_digest(order.prompt),
    }


def _size_failure(order: Order) -> Failure | None:
    if order.makes_size:
        return None
    return Failure("InvalidParameter", f"The size is not match {order.size.width}*{order.size.height}")


def _json_or_none(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document
