"""Webhook endpoints, their deliveries, and the receivers of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wan_video.domain.delivery import Delivery, Lane, Open, Outcome, Task
    from wan_video.domain.webhook import WebhookEndpoint


class WebhookEndpoints(Protocol):
    """The endpoints of owners; reads are strong."""

    def create(self, endpoint: WebhookEndpoint) -> None:
        """Store a new endpoint. Raises EndpointExists, TooManyEndpoints and CallbackSecretExists."""
        ...

    def get(self, owner: str, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint. Raises WebhookEndpointNotFound, also if it belongs to another owner."""
        ...

    def of(self, owner: str) -> Sequence[WebhookEndpoint]:
        """Return all endpoints of an owner, the oldest first."""
        ...

    def save(self, before: WebhookEndpoint, after: WebhookEndpoint) -> WebhookEndpoint:
        """Replace an endpoint. Raises WebhookChanged if it has changed or was deleted."""
        ...

    def delete(self, endpoint: WebhookEndpoint) -> None:
        """Delete an endpoint. Raises WebhookChanged if it was deleted already."""
        ...

    def signer_of_callbacks(self, owner: str) -> str | None:
        """Return the id of the endpoint that signs the owner's callbacks, or None."""
        ...


class Deliveries(Protocol):
    """The deliveries of all endpoints; reads are strong."""

    def create(self, delivery: Delivery) -> bool:
        """Store a new delivery; return False if the event already has one to this endpoint."""
        ...

    def find(self, endpoint_id: str, delivery_id: str) -> Delivery | None:
        """Return a delivery, or None if it does not exist."""
        ...

    def save(self, before: Delivery, after: Delivery) -> Delivery:
        """Replace a delivery; one that has ended leaves the list of open ones. Raises WebhookChanged."""
        ...

    def list(self, endpoint_id: str, limit: int) -> Sequence[Delivery]:
        """Return the deliveries of the latest events, the latest first."""
        ...

    def failed(self, endpoint_id: str, since: int, limit: int) -> Sequence[Delivery]:
        """Return deliveries that failed, of events since a time (Unix seconds), the oldest first."""
        ...

    def wait(self, delivery: Delivery, until: int) -> None:
        """Let a delivery wait in its lane; it is looked at again at `until` (Unix seconds) at the latest.

        Raises WebhookChanged, and lets nothing wait, if the delivery has changed.
        """
        ...

    def waiting(self, lane: str, limit: int) -> Sequence[Task]:
        """Return the deliveries that have waited in a lane for longest."""
        ...

    def wake(self, lane: str, task: Task, due_at: int) -> None:
        """Remove a delivery from those that wait; a message makes it due at `due_at` (Unix seconds)."""
        ...

    def open(self) -> Iterator[Open]:
        """Yield all deliveries that have not ended, those of a lane one after another."""
        ...

    def forget(self, task: Task) -> None:
        """Remove a delivery that does not exist from the list of open ones."""
        ...


class Lanes(Protocol):
    """The states of receivers; reads are strong."""

    def get(self, lane: str) -> Lane:
        """Return a lane; one that is not stored has nothing against its receiver."""
        ...

    def save(self, before: Lane, after: Lane, now: int) -> Lane:
        """Replace a lane. Raises WebhookChanged."""
        ...


class Callbacks(Protocol):
    """The callback URLs of videos and batches."""

    def of(self, owner: str, ended_id: str, event_type: str) -> str | None:
        """Return the callback URL of the owner's video or batch; None without one, and for another owner's."""
        ...


class NotifyQueue(Protocol):
    """The queue of `notify`."""

    def send(self, tasks: Sequence[Task], seconds: float = 0) -> None:
        """Ask for attempts, `seconds` of the stack's clock from now, at most 15 minutes."""
        ...

    def bury(self, task: Task) -> None:
        """Put a delivery that was given up into the dead-letter queue."""
        ...


class Receivers(Protocol):
    """The receivers of events."""

    def problem(self, url: str) -> str | None:
        """Return why no event can be sent to the host of `url`, after looking it up, or None."""
        ...

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send one request, which takes ten real seconds at most; it follows no redirect and goes to public addresses.

        Returns its outcome and raises nothing.
        """
        ...
