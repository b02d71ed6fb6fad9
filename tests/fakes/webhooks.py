"""Webhook endpoints, deliveries, lanes, the queue of `notify` and receivers in memory."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.fakes.world import FakeClock
from wan_video.domain.delivery import Delivery, DeliveryStatus, Lane, Open, Outcome, Task
from wan_video.domain.webhook import MAX_ENDPOINTS, WebhookEndpoint
from wan_video.errors import (
    CallbackSecretExists,
    EndpointExists,
    TooManyEndpoints,
    WebhookChanged,
    WebhookEndpointNotFound,
)
from wan_video.services.notify import Notify

STACK_SECRET = "the secret of the stack"


class MemoryEndpoints:
    """The port `WebhookEndpoints`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._endpoints: dict[tuple[str, str], WebhookEndpoint] = {}

    def create(self, endpoint: WebhookEndpoint) -> None:
        with self._lock:
            if (endpoint.owner, endpoint.id) in self._endpoints:
                raise EndpointExists(endpoint.id)
            if endpoint.signs_callbacks and self.signer_of_callbacks(endpoint.owner) is not None:
                raise CallbackSecretExists
            if len(self.of(endpoint.owner)) >= MAX_ENDPOINTS:
                raise TooManyEndpoints(MAX_ENDPOINTS)
            self._endpoints[endpoint.owner, endpoint.id] = endpoint

    def get(self, owner: str, endpoint_id: str) -> WebhookEndpoint:
        with self._lock:
            if (owner, endpoint_id) not in self._endpoints:
                raise WebhookEndpointNotFound(endpoint_id)
            return self._endpoints[owner, endpoint_id]

    def of(self, owner: str) -> Sequence[WebhookEndpoint]:
        with self._lock:
            mine = [endpoint for (whose, _), endpoint in self._endpoints.items() if whose == owner]
        return sorted(mine, key=lambda endpoint: (endpoint.created_at, endpoint.id))

    def save(self, before: WebhookEndpoint, after: WebhookEndpoint) -> WebhookEndpoint:
        with self._lock:
            current = self._endpoints.get((before.owner, before.id))
            if current is None or current.version != before.version:
                raise WebhookChanged(before.id)
            saved = replace(after, version=before.version + 1)
            self._endpoints[before.owner, before.id] = saved
            return saved

    def delete(self, endpoint: WebhookEndpoint) -> None:
        with self._lock:
            if self._endpoints.pop((endpoint.owner, endpoint.id), None) is None:
                raise WebhookChanged(endpoint.id)

    def signer_of_callbacks(self, owner: str) -> str | None:
        return next((endpoint.id for endpoint in self.of(owner) if endpoint.signs_callbacks), None)


class MemoryDeliveries:
    """The port `Deliveries`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._deliveries: dict[tuple[str, str], Delivery] = {}
        self._open: dict[tuple[str, str], Open] = {}
        self._waiting: dict[str, dict[str, Task]] = defaultdict(dict)

    def create(self, delivery: Delivery) -> bool:
        with self._lock:
            if delivery.key in self._deliveries:
                return False
            self._deliveries[delivery.key] = delivery
            self._list(delivery)
            return True

    def find(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        with self._lock:
            return self._deliveries.get((endpoint_id, delivery_id))

    def save(self, before: Delivery, after: Delivery) -> Delivery:
        with self._lock:
            current = self._deliveries.get(before.key)
            if current is None or current.version != before.version:
                raise WebhookChanged(before.id)
            saved = replace(after, version=before.version + 1)
            self._deliveries[before.key] = saved
            if saved.status is DeliveryStatus.PENDING:
                self._list(saved)
            else:
                self._open.pop(saved.key, None)
            return saved

    def list(self, endpoint_id: str, limit: int) -> Sequence[Delivery]:
        return sorted(self._of(endpoint_id), key=lambda delivery: delivery.id, reverse=True)[:limit]

    def failed(self, endpoint_id: str, since: int, limit: int) -> Sequence[Delivery]:
        found = [
            delivery
            for delivery in self._of(endpoint_id)
            if delivery.status is DeliveryStatus.FAILED and delivery.event_created_at >= since
        ]
        return sorted(found, key=lambda delivery: delivery.id)[:limit]

    def wait(self, delivery: Delivery, until: int) -> None:
        with self._lock:
            current = self._deliveries.get(delivery.key)
            if current is None or current.version != delivery.version:
                raise WebhookChanged(delivery.id)
            self._waiting[delivery.lane][delivery.id] = delivery.task
            self._list(replace(delivery, due_at=until), waiting=True)

    def waiting(self, lane: str, limit: int) -> Sequence[Task]:
        with self._lock:
            return [task for _, task in sorted(self._waiting[lane].items())[:limit]]

    def wake(self, lane: str, task: Task, due_at: int) -> None:
        with self._lock:
            self._waiting[lane].pop(task.delivery_id, None)
            key = (task.endpoint_id, task.delivery_id)
            if key in self._open:
                self._open[key] = replace(self._open[key], due_at=due_at, waiting=False)

    def open(self) -> Iterator[Open]:
        with self._lock:
            return iter([self._open[key] for key in sorted(self._open)])

    def forget(self, task: Task) -> None:
        with self._lock:
            self._open.pop((task.endpoint_id, task.delivery_id), None)

    def _of(self, endpoint_id: str) -> Iterator[Delivery]:
        with self._lock:
            return iter([delivery for (of, _), delivery in self._deliveries.items() if of == endpoint_id])

    def _list(self, delivery: Delivery, *, waiting: bool = False) -> None:
        self._open[delivery.key] = Open(delivery.task, delivery.lane, delivery.due_at, waiting)


class MemoryLanes:
    """The port `Lanes`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lanes: dict[str, Lane] = {}

    def get(self, lane: str) -> Lane:
        with self._lock:
            return self._lanes.get(lane, Lane(lane))

    def save(self, before: Lane, after: Lane, now: int) -> Lane:
        with self._lock:
            if self.get(before.id).version != before.version:
                raise WebhookChanged(before.id)
            self._lanes[before.id] = replace(after, version=before.version + 1)
            return self._lanes[before.id]


@dataclass
class FakeCallbacks:
    """The port `Callbacks`: URLs by owner and by what has ended."""

    urls: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, owner: str, ended_id: str, event_type: str) -> str | None:
        return self.urls.get((owner, ended_id))


@dataclass
class FakeNotifyQueue:
    """The port `NotifyQueue` over a clock; a message that `lose` chooses is never received."""

    clock: FakeClock
    buried: list[Task] = field(default_factory=list)
    sent: int = 0
    lose: Callable[[Task], bool] = lambda _: False
    _messages: list[tuple[float, int, Task]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def send(self, tasks: Sequence[Task], seconds: float = 0) -> None:
        for task in tasks:
            self.sent += 1
            if not self.lose(task):
                heapq.heappush(self._messages, (self.clock.now() + seconds, next(self._numbers), task))

    def bury(self, task: Task) -> None:
        self.buried.append(replace(task, redriven=True))

    @property
    def next_at(self) -> float | None:
        """When the next message can be received, in Unix seconds."""
        return self._messages[0][0] if self._messages else None

    def receive(self) -> Task | None:
        """Return the next message that can be received now, and remove it."""
        if self._messages and self._messages[0][0] <= self.clock.now():
            return heapq.heappop(self._messages)[2]
        return None

    def redrive(self) -> None:
        """Send all dead letters again, as SQS does it."""
        letters, self.buried = self.buried, []
        self.send(letters)


@dataclass(frozen=True)
class Request:
    """One request that a receiver got."""

    url: str
    headers: Mapping[str, str]
    body: str
    at: float


@dataclass
class FakeReceivers:
    """The port `Receivers`: `answer` decides the outcome of each request by its URL and body."""

    clock: FakeClock
    answer: Callable[[Request], Outcome] = lambda _: Outcome(status_code=200)
    requests: list[Request] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def problem(self, url: str) -> str | None:
        return self.problems.get(url)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        request = Request(url, dict(headers), body.decode(), self.clock.now())
        self.requests.append(request)
        return self.answer(request)

    def accepted(self, url: str) -> list[str]:
        """Return the bodies that a receiver accepted."""
        return [request.body for request in self.requests if request.url == url and self.answer(request).success]


@dataclass
class World:
    """`notify` over fakes, and a loop that receives its messages."""

    clock: FakeClock = field(default_factory=FakeClock)
    endpoints: MemoryEndpoints = field(default_factory=MemoryEndpoints)
    deliveries: MemoryDeliveries = field(default_factory=MemoryDeliveries)
    lanes: MemoryLanes = field(default_factory=MemoryLanes)
    callbacks: FakeCallbacks = field(default_factory=FakeCallbacks)
    failed: list[Delivery] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = FakeNotifyQueue(self.clock)
        self.receivers = FakeReceivers(self.clock)
        self.notify = Notify(
            endpoints=self.endpoints,
            deliveries=self.deliveries,
            lanes=self.lanes,
            callbacks=self.callbacks,
            queue=self.queue,
            receivers=self.receivers,
            clock=self.clock,
            secret=lambda: STACK_SECRET,
            sign=lambda secret, event_id, timestamp, body: f"v1,{secret}.{event_id}.{timestamp}",
            on_failed=self.failed.append,
            spread=lambda: 0.5,
        )

    def signs_callbacks(self, owner: str) -> bool:
        """Return whether an owner has a secret for callbacks."""
        return self.endpoints.signer_of_callbacks(owner) is not None

    def receive(self) -> bool:
        """Process one message that is due; return whether there was one."""
        task = self.queue.receive()
        if task is None:
            return False
        pause = self.notify.deliver(task)
        if pause is not None:
            self.queue.send([task], pause)
        return True

    def run(self, seconds: float) -> None:
        """Process all messages of the next seconds; time moves from one to the next."""
        until = self.clock.now() + seconds
        while (at := self.queue.next_at) is not None and at <= until:
            self.clock.moment = max(self.clock.moment, at)
            while self.receive():
                pass
        self.clock.moment = until
