"""api: create, list, rotate, enable, test and delete the caller's webhook endpoints, and replay their deliveries."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from wan_video.domain.delivery import Delivery, Lane, event_for_test, parse_delivery_id
from wan_video.domain.digests import id_digest
from wan_video.domain.hosts import NO_ORIGINS, WebhookOrigins
from wan_video.domain.text import text_problem
from wan_video.domain.webhook import (
    ENDPOINT_ID,
    EVENT_TYPES,
    MAX_DESCRIPTION,
    WebhookEndpoint,
)
from wan_video.errors import (
    DeliveryNotFound,
    EndpointExists,
    IdempotencyKeyReused,
    InvalidRequest,
    Problem,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from wan_video.domain.token import Token
    from wan_video.ports.clock import Clock
    from wan_video.ports.webhooks import Deliveries, Lanes, NotifyQueue, Receivers, WebhookEndpoints

LISTED_DELIVERIES: Final = 100
"""The number of deliveries that an endpoint shows."""

REPLAYED_AT_ONCE: Final = 100
"""The most deliveries that one request replays."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An endpoint with the state of its receiver, and until when its previous secret is valid."""

    endpoint: WebhookEndpoint
    lane: Lane
    previous_until: int | None

    @property
    def status(self) -> Literal["enabled", "paused", "disabled"]:
        """Whether events are sent: `enabled`, `paused` while the receiver fails, or `disabled`."""
        if self.endpoint.disabled_at is not None:
            return "disabled"
        return "enabled" if self.lane.paused_at is None else "paused"


@dataclass(frozen=True)
class OwnWebhooks:
    """The caller's webhook endpoints; another owner's endpoints do not exist for the caller.

    `secret` returns the stack's secret; `to_text` returns an event as the topic publishes it.
    """

    endpoints: WebhookEndpoints
    deliveries: Deliveries
    lanes: Lanes
    queue: NotifyQueue
    receivers: Receivers
    clock: Clock
    secret: Callable[[], str]
    to_text: Callable[[Mapping[str, Any]], str]
    origins: WebhookOrigins = NO_ORIGINS

    def create(
        self,
        caller: Token,
        url: str | None,
        event_types: Sequence[str] | None = None,
        description: str = "",
        idempotency_key: str | None = None,
    ) -> tuple[Shown, str]:
        """Store an endpoint, and return it with its secret, which no other call shows again.

        Without `url` it only signs the callbacks of videos and batches. The same key returns the same endpoint with its
        secret until it is rotated. Raises Forbidden, InvalidRequest, TooManyEndpoints, CallbackSecretExists and
        IdempotencyKeyReused.
        """
        caller.require("write")
        if problems := [*_problems(url, event_types, description), *self._url_problems(url)]:
            raise InvalidRequest(problems)
        endpoint = WebhookEndpoint(
            id=f"whe_{id_digest('endpoint', caller.owner, idempotency_key or secrets.token_hex(16))}",
            owner=caller.owner,
            created_at=self.clock.unix_seconds(),
            url=url,
            event_types=frozenset(event_types) if event_types else None,
            description=description,
        )
        try:
            self.endpoints.create(endpoint)
        except EndpointExists:
            endpoint = self._same(endpoint)
        return self._shown(endpoint), self._secret_of(endpoint)

    def list(self, caller: Token) -> Sequence[Shown]:
        """Return the caller's endpoints, the oldest first. Raises Forbidden."""
        caller.require("read")
        return [self._shown(endpoint) for endpoint in self.endpoints.of(caller.owner)]

    def retrieve(self, caller: Token, endpoint_id: str) -> Shown:
        """Return an endpoint. Raises Forbidden and WebhookEndpointNotFound."""
        caller.require("read")
        return self._shown(self._own(caller, endpoint_id))

    def delete(self, caller: Token, endpoint_id: str) -> None:
        """Delete an endpoint; what has not been delivered to it never will be.

        Raises Forbidden, WebhookEndpointNotFound and WebhookChanged.
        """
        caller.require("write")
        self.endpoints.delete(self._own(caller, endpoint_id))

    def rotate(self, caller: Token, endpoint_id: str) -> tuple[Shown, str]:
        """Replace the secret of an endpoint, and return it; for a day, events are signed with both.

        Raises Forbidden, WebhookEndpointNotFound and WebhookChanged.
        """
        caller.require("write")
        endpoint = self._own(caller, endpoint_id)
        rotated = self.endpoints.save(endpoint, endpoint.rotated(self.clock.unix_seconds()))
        return self._shown(rotated), self._secret_of(rotated)

    def enable(self, caller: Token, endpoint_id: str) -> Shown:
        """Send events again to an endpoint that was disabled because its receiver answered 410.

        What was not delivered in between can be replayed. An endpoint that is not disabled stays as it is.
        Raises Forbidden, WebhookEndpointNotFound and WebhookChanged.
        """
        caller.require("write")
        endpoint = self._own(caller, endpoint_id)
        if endpoint.disabled_at is not None:
            # The failures before the 410 would leave the endpoint paused.
            lane = self.lanes.get(endpoint.id)
            self.lanes.save(lane, lane.cleared(), self.clock.unix_seconds())
            endpoint = self.endpoints.save(endpoint, endpoint.enabled())
        return self._shown(endpoint)

    def test(self, caller: Token, endpoint_id: str) -> Delivery:
        """Send a test event to an endpoint, in the same way as all other events; return its delivery.

        Raises Forbidden, WebhookEndpointNotFound and WebhookEndpointDisabled.
        """
        caller.require("write")
        endpoint = self._own(caller, endpoint_id)
        self._expect_receiver(endpoint)
        now = self.clock.unix_seconds()
        event = event_for_test(f"evt_{secrets.token_hex(16)}", endpoint.id, now)
        delivery = Delivery(
            endpoint_id=endpoint.id,
            owner=caller.owner,
            event_id=event["id"],
            event_type=event["type"],
            event_created_at=now,
            created_at=now,
            due_at=now,
            body=self.to_text(event),
            lane=endpoint.id,
        )
        self.deliveries.create(delivery)
        self.queue.send([delivery.task])
        return delivery

    def list_deliveries(self, caller: Token, endpoint_id: str) -> Sequence[Delivery]:
        """Return the latest deliveries of an endpoint, the latest event first.

        Raises Forbidden and WebhookEndpointNotFound.
        """
        caller.require("read")
        return self.deliveries.list(self._own(caller, endpoint_id).id, LISTED_DELIVERIES)

    def replay(
        self, caller: Token, endpoint_id: str, delivery_id: str | None = None, failed_since: int | None = None
    ) -> Sequence[Delivery]:
        """Deliver events again: one, or up to REPLAYED_AT_ONCE that failed and happened since a time (Unix seconds).

        Raises Forbidden, InvalidRequest, WebhookEndpointNotFound, WebhookEndpointDisabled, DeliveryNotFound and
        WebhookChanged.
        """
        caller.require("write")
        if (delivery_id is None) == (failed_since is None):
            raise InvalidRequest([Problem("", "Send either delivery_id or failed_since.")])
        endpoint = self._own(caller, endpoint_id)
        if not endpoint.signs_callbacks:
            self._expect_receiver(endpoint)
        if delivery_id is not None:
            found = [self._delivery(endpoint, delivery_id)]
        else:
            found = [*self.deliveries.failed(endpoint.id, failed_since or 0, REPLAYED_AT_ONCE)]
        now = self.clock.unix_seconds()
        replayed = [self.deliveries.save(delivery, delivery.replayed(now)) for delivery in found]
        if replayed:
            self.queue.send([delivery.task for delivery in replayed])
        return replayed

    def _same(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Return the endpoint that an earlier request with the same key created, if it was the same request."""
        known = self.endpoints.get(endpoint.owner, endpoint.id)
        same = replace(endpoint, created_at=known.created_at)
        if known != same:
            # It differs also if it was rotated or disabled: what was shown once is not shown again.
            raise IdempotencyKeyReused
        return known

    def _delivery(self, endpoint: WebhookEndpoint, delivery_id: str) -> Delivery:
        delivery = None
        if parse_delivery_id(delivery_id) is not None:
            delivery = self.deliveries.find(endpoint.id, delivery_id)
        if delivery is None:
            raise DeliveryNotFound(delivery_id)
        return delivery

    def _expect_receiver(self, endpoint: WebhookEndpoint) -> None:
        if endpoint.url is None:
            raise WebhookEndpointDisabled(endpoint.id, "it has no URL and only signs callbacks")
        if endpoint.disabled_at is not None:
            raise WebhookEndpointDisabled(endpoint.id, "its receiver answered 410; enable the endpoint first")

    def _url_problems(self, url: str | None) -> Sequence[Problem]:
        if url is None:
            return ()
        problem = self.origins.problem(url) or self.receivers.problem(url)
        if problem is None:
            return ()
        return [Problem("/url", f"The url {problem}; send a public https link to your receiver, on port 443.")]

    def _own(self, caller: Token, endpoint_id: str) -> WebhookEndpoint:
        if not ENDPOINT_ID.fullmatch(endpoint_id):
            raise WebhookEndpointNotFound(endpoint_id)
        return self.endpoints.get(caller.owner, endpoint_id)

    def _shown(self, endpoint: WebhookEndpoint) -> Shown:
        return Shown(endpoint, self.lanes.get(endpoint.id), endpoint.previous_until(self.clock.now()))

    def _secret_of(self, endpoint: WebhookEndpoint) -> str:
        return endpoint.secrets(self.secret(), self.clock.now())[0]


def _problems(url: str | None, event_types: Sequence[str] | None, description: str) -> Sequence[Problem]:
    problems = []
    unknown = [name for name in event_types or () if name not in EVENT_TYPES]
    if unknown:
        problems.append(
            Problem("/event_types", f"Unknown event type {quoted(unknown[0])}; the types are {', '.join(EVENT_TYPES)}.")
        )
    if event_types is not None and not event_types:
        problems.append(Problem("/event_types", "event_types is empty; leave it out for all types."))
    if event_types and url is None:
        problems.append(Problem("/event_types", "An endpoint without a url receives no events; leave event_types out."))
    if len(description) > MAX_DESCRIPTION:
        problems.append(Problem("/description", f"The description has more than {MAX_DESCRIPTION} characters."))
    elif problem := text_problem(description):
        problems.append(Problem("/description", f"The description {problem}."))
    return problems
