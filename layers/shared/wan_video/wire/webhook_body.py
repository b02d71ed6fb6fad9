"""The bodies of requests about webhook endpoints."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from wan_video.domain.hosts import MAX_URL_LENGTH
from wan_video.domain.webhook import EVENT_TYPES, MAX_DESCRIPTION


class WebhookEndpointBody(BaseModel):
    """Where events are sent, and which; values are checked later."""

    model_config = ConfigDict(strict=True, extra="forbid")

    url: str | None = Field(
        default=None,
        description="A public https link on port 443. Without it, the endpoint receives nothing, and its secret signs "
        "the events that are sent to the `callback_url` of your videos and batches; an owner has one such endpoint.",
        json_schema_extra={"maxLength": MAX_URL_LENGTH},
    )
    event_types: list[str] | None = Field(
        default=None,
        description=f"The types of events to send: {', '.join(f'`{name}`' for name in EVENT_TYPES)}; by default all.",
        json_schema_extra={"minItems": 1},
    )
    description: str = Field(default="", description="Your own text.", json_schema_extra={"maxLength": MAX_DESCRIPTION})


class ReplayBody(BaseModel):
    """Which deliveries to send again; exactly one field."""

    model_config = ConfigDict(strict=True, extra="forbid")

    delivery_id: str | None = Field(default=None, description="The id of one delivery, whatever its status is.")
    failed_since: int | None = Field(
        default=None,
        description="The deliveries that failed, of events since this time in Unix seconds; the oldest 100.",
        json_schema_extra={"minimum": 0},
    )
