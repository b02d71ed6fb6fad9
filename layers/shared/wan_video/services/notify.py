"""notify: send events to webhook endpoints, each at least once, whatever their receivers do.

An event becomes one delivery for each endpoint of its owner, with a record and a message. A message asks for one
attempt; its visibility is only a clock, and `sweep` sends the messages that were lost again. A receiver has a lane with
few slots, so that no receiver holds up another: a delivery without a slot waits in the ledger, without a message, until
a request to the same receiver ends.
"""

from __future__ import annotations

import json
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.delivery import (
    PROBE_SECONDS,
    Delivery,
    DeliveryStatus,
    callback_lane,
)
from wan_video.domain.webhook import origin_of
from wan_video.errors import WebhookChanged, WebhookEndpointNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wan_video.domain.delivery import Lane, Outcome, Task
    from wan_video.domain.webhook import WebhookEndpoint
    from wan_video.ports.clock import Clock
    from wan_video.ports.webhooks import Callbacks, Deliveries, Lanes, NotifyQueue, Receivers, WebhookEndpoints

    Sign = Callable[[str, str, int, str], str]
    """Return the signature of a body by a secret, an id and a time in real Unix seconds."""

MAX_TRIES: Final = 10
"""The maximum number of attempts to change a lane while other invocations change it."""

WAIT_SECONDS: Final = 900
"""Seconds after which `sweep` looks at a delivery that waits, in case that nothing has woken it."""

ENDED_AT_ONCE: Final = 100
"""The most waiting deliveries that are given up together."""

USER_AGENT: Final = "WanVideo-Webhooks/1"


@dataclass(frozen=True)
class Notify:
    """The service that makes and sends deliveries.

    `secret` returns the stack's secret. `on_attempt` is called with each delivery after an attempt, and `on_failed`
    with each delivery that is given up although its endpoint exists.
    """

    endpoints: WebhookEndpoints
    deliveries: Deliveries
    lanes: Lanes
    callbacks: Callbacks
    queue: NotifyQueue
    receivers: Receivers
    clock: Clock
    secret: Callable[[], str]
    sign: Sign
    on_attempt: Callable[[Delivery], None] = lambda _: None
    on_failed: Callable[[Delivery], None] = lambda _: None
    spread: Callable[[], float] = random.random

    def announce(self, body: str, owner: str) -> int:
        """Create the deliveries of an event as the topic published it, and ask for them; return their number.

        Repeating the call creates none, and asks for those again that have not begun.
        """
        event: dict[str, Any] = json.loads(body)
        asked = []
        for delivery in self._deliveries_of(event, body, owner):
            known = None if self.deliveries.create(delivery) else self.deliveries.find(*delivery.key)
            if known is None or (known.status is DeliveryStatus.PENDING and known.last_attempt_at is None):
                asked.append(delivery.task)
        if asked:
            self.queue.send(asked)
        return len(asked)

    def deliver(self, task: Task) -> int | None:
        """Make one attempt if it is due and its receiver has room.

        Returns the seconds after which the message is to come again; None if it is no longer needed.
        """
        delivery = self._current(task)
        if delivery is None:
            return None
        now = self.clock.unix_seconds()
        if delivery.due_at > now:
            return delivery.due_at - now
        endpoint = self._endpoint(delivery)
        if endpoint is None or endpoint.disabled_at is not None:
            error = "endpoint_deleted" if endpoint is None else "endpoint_disabled"
            self._end(delivery, error)
            self._end_waiting(delivery.lane, error)
            return None
        entered = self._enter(delivery)
        if entered is None:
            sending = self.lanes.get(delivery.lane).seconds_held(delivery.id, self.clock.real())
            if sending:
                # Another message of the same delivery is being sent, and a second slot would be for the same event.
                return sending
            try:
                self.deliveries.wait(delivery, now + WAIT_SECONDS)
            except WebhookChanged:
                # Another message of the same delivery was faster.
                return self._seconds_left(task)
            # The last request of the lane may have ended in between, without seeing that this delivery waits.
            entered = self._enter(delivery)
            if entered is None:
                return None
            self.deliveries.wake(delivery.lane, delivery.task, now)
        return self._attempt(delivery, endpoint, entered)

    def _deliveries_of(self, event: Mapping[str, Any], body: str, owner: str) -> Iterator[Delivery]:
        now = self.clock.unix_seconds()

        def new(endpoint: WebhookEndpoint, lane: str, url: str | None = None) -> Delivery:
            return Delivery(
                endpoint_id=endpoint.id,
                owner=owner,
                event_id=event["id"],
                event_type=event["type"],
                event_created_at=event["created_at"],
                created_at=now,
                due_at=now,
                body=body,
                url=url,
                lane=lane,
            )

        endpoints = self.endpoints.of(owner)
        for endpoint in endpoints:
            if endpoint.takes(event["type"]):
                yield new(endpoint, endpoint.id)
        for signer in [endpoint for endpoint in endpoints if endpoint.signs_callbacks]:
            url = self.callbacks.of(owner, event["data"]["id"], event["type"])
            if url is not None:
                yield new(signer, callback_lane(signer.id, origin_of(url)), url)

    def _current(self, task: Task) -> Delivery | None:
        """Return the pending delivery of a message; a dead letter that was redriven begins again."""
        delivery = self.deliveries.find(task.endpoint_id, task.delivery_id)
        if delivery is None:
            self.deliveries.forget(task)
            return None
        if delivery.status is DeliveryStatus.FAILED and task.redriven:
            with suppress(WebhookChanged):
                return self.deliveries.save(delivery, delivery.replayed(self.clock.unix_seconds()))
            return None
        return delivery if delivery.status is DeliveryStatus.PENDING else None

    def _endpoint(self, delivery: Delivery) -> WebhookEndpoint | None:
        with suppress(WebhookEndpointNotFound):
            return self.endpoints.get(delivery.owner, delivery.endpoint_id)
        return None

    def _attempt(self, delivery: Delivery, endpoint: WebhookEndpoint, lane: Lane) -> int | None:
        outcome = self.receivers.post(
            delivery.url or endpoint.url or "", self._headers(delivery, endpoint), delivery.body.encode()
        )
        if outcome.gone and endpoint.url is not None:
            # First, because a delivery that has ended is not looked at again if this invocation dies.
            self._disable(endpoint)
        now = self.clock.unix_seconds()
        left = self._leave(delivery, success=outcome.success)
        after = self._after(delivery, outcome, lane, left)
        is_given_up = after.status is DeliveryStatus.FAILED and not outcome.gone
        if is_given_up:
            # First too: a second letter does no harm, and a delivery that has ended gets no other.
            self.queue.bury(delivery.task)
        try:
            after = self.deliveries.save(delivery, after)
        except WebhookChanged:
            # Another message of the same delivery was faster, or the caller has asked for a replay.
            self._wake(left, probe_ended=False)
            return self._seconds_left(delivery.task)
        self.on_attempt(after)
        if outcome.gone and endpoint.url is not None:
            self._end_waiting(delivery.lane, "endpoint_disabled")
        elif is_given_up:
            self.on_failed(after)
        self._wake(left, probe_ended=after.status is not DeliveryStatus.PENDING)
        return max(1, after.due_at - now) if after.status is DeliveryStatus.PENDING else None

    def _seconds_left(self, task: Task) -> int | None:
        """Return the seconds after which a delivery that has changed is due; None if it is no longer pending."""
        known = self._current(task)
        return None if known is None else max(1, known.due_at - self.clock.unix_seconds())

    def _after(self, delivery: Delivery, outcome: Outcome, entered: Lane, left: Lane) -> Delivery:
        """Return a delivery after an attempt that entered one state of the lane and left another behind."""
        now = self.clock.unix_seconds()
        if outcome.success:
            return delivery.succeeded(now, outcome)
        if outcome.gone:
            return delivery.refused(now, outcome)
        if entered.paused_at is not None:
            return delivery.probed(now, outcome)
        after = delivery.retried(now, outcome, self.spread())
        if left.paused_at is not None and after.status is DeliveryStatus.PENDING:
            # It becomes the probe of the receiver that it has paused.
            return after.due_in(now, PROBE_SECONDS)
        return after

    def _headers(self, delivery: Delivery, endpoint: WebhookEndpoint) -> Mapping[str, str]:
        """Return the headers of Standard Webhooks; their time is real, because receivers compare it with theirs."""
        timestamp = int(self.clock.real())
        secrets = endpoint.secrets(self.secret(), self.clock.now())
        signatures = [self.sign(secret, delivery.event_id, timestamp, delivery.body) for secret in secrets]
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": delivery.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(signatures),
        }

    def _enter(self, delivery: Delivery) -> Lane | None:
        for _ in range(MAX_TRIES):
            lane = self.lanes.get(delivery.lane)
            now = self.clock.unix_seconds()
            entered = lane.enter(delivery.id, now, self.clock.real())
            if entered is None:
                return None
            with suppress(WebhookChanged):
                return self.lanes.save(lane, entered, now)
        return None

    def _leave(self, delivery: Delivery, *, success: bool) -> Lane:
        for _ in range(MAX_TRIES):
            lane = self.lanes.get(delivery.lane)
            now = self.clock.unix_seconds()
            with suppress(WebhookChanged):
                return self.lanes.save(lane, lane.leave(delivery.id, now, success=success), now)
        return self.lanes.get(delivery.lane)  # the slot becomes free by itself

    def _wake(self, lane: Lane, *, probe_ended: bool) -> None:
        """Ask for as many waiting deliveries as the lane has room for; in a paused lane, for the next probe."""
        if lane.paused_at is None:
            self._ask(lane.id, lane.room(self.clock.real()), 0)
        elif probe_ended:
            self._end_waiting(lane.id, "receiver_paused")
            self._ask(lane.id, 1, PROBE_SECONDS)

    def _ask(self, lane: str, number: int, seconds: int) -> None:
        for task in self.deliveries.waiting(lane, number) if number else ():
            self.queue.send([task], seconds)
            self.deliveries.wake(lane, task, self.clock.unix_seconds() + seconds)

    def _end_waiting(self, lane: str, error: str) -> None:
        """Give up deliveries that wait in a lane: all if their endpoint is gone, or those that are too old."""
        now = self.clock.unix_seconds()
        tasks = self.deliveries.waiting(lane, ENDED_AT_ONCE)
        for task in tasks:
            delivery = self._current(task)
            if delivery is not None and error == "receiver_paused":
                if not delivery.is_over_age(now):
                    return
                self.queue.bury(task)
                ended = self._end(delivery, error)
                if ended is not None:
                    self.on_failed(ended)
            elif delivery is not None:
                self._end(delivery, error)
            self.deliveries.wake(lane, task, now)
        if len(tasks) == ENDED_AT_ONCE and error != "receiver_paused":
            self._ask(lane, 1, 0)

    def _end(self, delivery: Delivery, error: str) -> Delivery | None:
        with suppress(WebhookChanged):
            return self.deliveries.save(delivery, delivery.failed(self.clock.unix_seconds(), error))
        return None

    def _disable(self, endpoint: WebhookEndpoint) -> None:
        with suppress(WebhookChanged, WebhookEndpointNotFound):
            current = self.endpoints.get(endpoint.owner, endpoint.id)
            self.endpoints.save(current, current.disabled(self.clock.unix_seconds()))
