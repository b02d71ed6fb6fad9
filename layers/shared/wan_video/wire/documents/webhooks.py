"""The documents of webhook endpoints and their deliveries."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wan_video.wire.documents.document import Document


class WebhookEndpointDocument(Document):
    """A webhook endpoint."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    url: str | None = Field(description="Where events are sent; null if the endpoint only signs callbacks.")
    event_types: list[str] | None = Field(description="The types of events that are sent; null for all.")
    description: str
    status: Literal["enabled", "paused", "disabled"] = Field(
        description="`paused`: the last 20 requests failed, and one a minute is tried until one succeeds. "
        "`disabled`: the receiver answered 410; nothing is sent until the endpoint is enabled."
    )
    failures: int = Field(description="The number of requests in a row that have failed.")
    created_at: int
    secret: str | None = Field(
        description="The secret that signs the events. Only the answers to the creation and to a rotation contain it."
    )
    previous_secret_valid_until: int | None = Field(
        description="Until when events are also signed with the secret before the last rotation; null after that."
    )


class WebhookEndpointListDocument(Document):
    """The webhook endpoints of the caller's owner, the oldest first."""

    object: Literal["list"] = "list"
    data: list[WebhookEndpointDocument]


class DeletedEndpointDocument(Document):
    """The answer to the deletion of a webhook endpoint."""

    id: str
    object: Literal["webhook_endpoint.deleted"] = "webhook_endpoint.deleted"
    deleted: Literal[True] = True


class AttemptDocument(Document):
    """The last request of a delivery."""

    at: int
    status_code: int | None = Field(description="The status of the answer; null without one.")
    error: str | None = Field(
        description="Why there was no answer: `timeout`, `not_resolved`, `address_not_public`, `tls_failed` or "
        "`connection_failed`."
    )


class WebhookDeliveryDocument(Document):
    """The delivery of one event to one endpoint."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    endpoint_id: str
    event_id: str
    event_type: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int = Field(description="The number of requests, without those that probe a paused receiver.")
    created_at: int = Field(description="When the delivery was created, or replayed.")
    next_attempt_at: int | None = Field(description="When the next request is due; null once the delivery has ended.")
    last_attempt: AttemptDocument | None
    error: str | None = Field(
        description="Why the delivery failed: `attempts_exhausted`, `receiver_paused` for a whole day, `gone` (410), "
        "`endpoint_disabled` or `endpoint_deleted`."
    )
    ended_at: int | None


class WebhookDeliveryListDocument(Document):
    """Deliveries of a webhook endpoint."""

    object: Literal["list"] = "list"
    data: list[WebhookDeliveryDocument]
