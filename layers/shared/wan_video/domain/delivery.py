"""The delivery of one event to one webhook endpoint, and the lane in which the deliveries to a receiver queue up.

All times are Unix seconds of the stack's clock, except those of slots, which are real.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from wan_video.domain.digests import id_digest
from wan_video.domain.notice import API_VERSION
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.video import InvalidTransition

TEST_EVENT: Final = "webhook.test"

RETRY_SECONDS: Final = (5, 30, 120, 600, 1800, 3600, 2 * 3600, 3 * 3600, 4 * 3600, 6 * 3600, 6 * 3600)
"""The seconds between two attempts; together 22.7 hours. One more attempt than there are gaps is made."""

MAX_ATTEMPTS: Final = len(RETRY_SECONDS) + 1
JITTER: Final = 0.1
"""The part by which a gap is longer or shorter, so that events that failed together are not sent together again."""

LIFE_SECONDS: Final = DAY_SECONDS
"""The age at which a delivery is given up whose receiver is paused."""

KEPT_SECONDS: Final = 30 * DAY_SECONDS
"""Seconds after its creation, or its replay, for which the record of a delivery is kept."""

FAILURES_TO_PAUSE: Final = 20
"""The number of failures in a row after which a receiver is paused."""

PROBE_SECONDS: Final = 60
"""Seconds between two attempts to reach a receiver that is paused."""

SLOTS: Final = 2
"""The most requests that are sent to one receiver at the same time; fewer than the function `notify` sends to all."""

SLOT_SECONDS: Final = 30
"""Real seconds after which a slot is free although it was not returned: no invocation of `notify` runs longer."""

GONE: Final = 410

_MESSAGE: Final = "delivery"

EVENT_ID: Final = re.compile(r"evt_[0-9a-f]{32}", re.ASCII)
_DELIVERY_ID: Final = re.compile(r"whd_([0-9]{12})_(evt_[0-9a-f]{32})", re.ASCII)


class DeliveryStatus(StrEnum):
    """The status of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one request: the status of the answer, or the name of what prevented one.

    `error` is one of `timeout`, `not_resolved`, `address_not_public`, `tls_failed` and `connection_failed`.
    """

    status_code: int | None = None
    error: str | None = None

    @property
    def success(self) -> bool:
        """Whether the receiver accepted the event; a redirect is a failure."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more events."""
        return self.status_code == GONE


@dataclass(frozen=True, slots=True)
class Task:
    """A message that asks `notify` for one attempt. `redriven` marks one that was a dead letter."""

    endpoint_id: str
    delivery_id: str
    redriven: bool = False

    def message(self) -> dict[str, Any]:
        """Return the message, ready for JSON."""
        redriven = {"redriven": True} if self.redriven else {}
        return {"object": _MESSAGE, "endpoint_id": self.endpoint_id, "delivery_id": self.delivery_id, **redriven}

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Task | None:
        """Return the task that a message asks for; None if the message is an event."""
        if message.get("object") != _MESSAGE:
            return None
        return cls(message["endpoint_id"], message["delivery_id"], bool(message.get("redriven")))


@dataclass(frozen=True, slots=True)
class Open:
    """An entry of the list of open deliveries; `waiting` says that it waits in its lane, without a message."""

    task: Task
    lane: str
    due_at: int
    waiting: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of one event to one endpoint. `body` is the event exactly as the topic published it.

    `url` is set for a callback only; an endpoint's own URL is read for each attempt. `due_at` is when the next attempt
    is due. `created_at` is when the delivery was created or, later, replayed. `attempts` does not count the probes of a
    receiver that was paused.
    """

    endpoint_id: str
    owner: str
    event_id: str
    event_type: str
    event_created_at: int
    created_at: int
    due_at: int
    body: str = field(repr=False)
    url: str | None = field(default=None, repr=False)
    lane: str = ""
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    last_attempt_at: int | None = None
    last_outcome: Outcome | None = None
    error: str | None = None
    ended_at: int | None = None
    version: int = 0

    @property
    def id(self) -> str:
        """The id of the delivery, from which its record can be found among those of its endpoint."""
        return f"whd_{self.event_created_at:012d}_{self.event_id}"

    @property
    def key(self) -> tuple[str, str]:
        """The endpoint and the id, which together name the delivery."""
        return self.endpoint_id, self.id

    @property
    def task(self) -> Task:
        """The task that a message about the delivery carries."""
        return Task(self.endpoint_id, self.id)

    @property
    def expires_at(self) -> int:
        """When its record may be removed."""
        return self.created_at + KEPT_SECONDS

    def is_over_age(self, now: int) -> bool:
        """Return whether a delivery to a paused receiver is given up."""
        return now - self.created_at >= LIFE_SECONDS

    def succeeded(self, now: int, outcome: Outcome) -> Delivery:
        """Record that the receiver has accepted the event."""
        attempted = self._attempted(now, outcome)
        return replace(attempted, status=DeliveryStatus.DELIVERED, error=None, ended_at=now)

    def retried(self, now: int, outcome: Outcome, spread: float) -> Delivery:
        """Record an attempt that failed; `spread`, from 0 to 1, chooses the length of the gap before the next one.

        After the last attempt the delivery has failed.
        """
        attempted = self._attempted(now, outcome)
        if attempted.attempts >= MAX_ATTEMPTS:
            return attempted.failed(now, "attempts_exhausted")
        gap = RETRY_SECONDS[attempted.attempts - 1] * (1 - JITTER + 2 * JITTER * spread)
        return replace(attempted, due_at=now + max(1, round(gap)))

    def refused(self, now: int, outcome: Outcome) -> Delivery:
        """Record that the receiver wants no more events."""
        return self._attempted(now, outcome).failed(now, "gone")

    def probed(self, now: int, outcome: Outcome) -> Delivery:
        """Record a failed attempt to reach a paused receiver; it is repeated until the delivery is too old."""
        attempted = replace(self._attempted(now, outcome), attempts=self.attempts)
        if self.is_over_age(now):
            return attempted.failed(now, "receiver_paused")
        return replace(attempted, due_at=now + PROBE_SECONDS)

    def due_in(self, now: int, seconds: int) -> Delivery:
        """Make a pending delivery due some seconds from now."""
        self._expect_pending()
        return replace(self, due_at=now + seconds)

    def failed(self, now: int, error: str) -> Delivery:
        """Give the delivery up."""
        self._expect_pending()
        return replace(self, status=DeliveryStatus.FAILED, error=error, ended_at=now)

    def replayed(self, now: int) -> Delivery:
        """Begin again, with all attempts; a delivery that is pending only becomes due now."""
        if self.status is DeliveryStatus.PENDING:
            return replace(self, due_at=now)
        return replace(
            self, status=DeliveryStatus.PENDING, attempts=0, error=None, ended_at=None, created_at=now, due_at=now
        )

    def _attempted(self, now: int, outcome: Outcome) -> Delivery:
        self._expect_pending()
        return replace(self, attempts=self.attempts + 1, last_attempt_at=now, last_outcome=outcome)

    def _expect_pending(self) -> None:
        if self.status is not DeliveryStatus.PENDING:
            raise InvalidTransition(f"{self.id} is {self.status}, not pending")


@dataclass(frozen=True, slots=True)
class Lane:
    """The state of one receiver. `slots` contains until when (real Unix seconds) each request may take.

    A lane that has seen FAILURES_TO_PAUSE failures in a row is paused: one request a minute probes it, and all other
    deliveries wait until one succeeds.
    """

    id: str
    failures: int = 0
    paused_at: int | None = None
    probe_at: int = 0
    slots: Mapping[str, int] = field(default_factory=dict)
    version: int = 0

    def room(self, real: float) -> int:
        """Return how many more requests may be sent now, at a real time; a receiver that fails gets one at a time."""
        most = 1 if self.failures else SLOTS
        return max(0, most - len(self._held(real)))

    def enter(self, holder: str, now: int, real: float) -> Lane | None:
        """Take a slot; None unless there is one, the holder has none, and a paused receiver is due for a probe."""
        held = self._held(real)
        if holder in held or self.room(real) == 0 or (self.paused_at is not None and now < self.probe_at):
            return None
        taken = replace(self, slots={**held, holder: int(real) + SLOT_SECONDS})
        return taken if self.paused_at is None else replace(taken, probe_at=now + PROBE_SECONDS)

    def seconds_held(self, holder: str, real: float) -> int:
        """Return the seconds for which a holder keeps its slot at most; 0 if it has none."""
        until = self._held(real).get(holder)
        return 0 if until is None else math.ceil(until - real)

    def leave(self, holder: str, now: int, *, success: bool) -> Lane:
        """Return a slot, and count the outcome of its request."""
        slots = {name: until for name, until in self.slots.items() if name != holder}
        if success:
            return Lane(self.id, slots=slots, version=self.version)
        failures = self.failures + 1
        left = replace(self, slots=slots, failures=failures)
        if self.paused_at is None and failures >= FAILURES_TO_PAUSE:
            return replace(left, paused_at=now, probe_at=now + PROBE_SECONDS)
        return left

    def cleared(self) -> Lane:
        """Forget the failures; requests that are being sent keep their slots."""
        return Lane(self.id, slots=self.slots, version=self.version)

    def _held(self, real: float) -> dict[str, int]:
        return {name: until for name, until in self.slots.items() if until > real}


def parse_delivery_id(text: str) -> tuple[int, str] | None:
    """Return the time and the id of the event of a delivery id; None for any other text."""
    found = _DELIVERY_ID.fullmatch(text)
    return (int(found[1]), found[2]) if found else None


def callback_lane(endpoint_id: str, origin: str) -> str:
    """Return the lane of an owner's callbacks to one origin, such as `https://example.com`."""
    return f"{endpoint_id}.{id_digest(origin)}"


def event_for_test(event_id: str, endpoint_id: str, now: int) -> dict[str, Any]:
    """Return the event that tests an endpoint; it has the form of all other events."""
    return {
        "id": event_id,
        "object": "event",
        "type": TEST_EVENT,
        "api_version": API_VERSION,
        "created_at": now,
        "data": {"id": endpoint_id},
    }
