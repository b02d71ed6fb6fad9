"""Webhook endpoints: where an owner wants events to be sent, and which events."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from wan_video.domain.notice import BATCH_COMPLETED
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.video import InvalidTransition

MAX_ENDPOINTS: Final = 10
"""The most endpoints of one owner."""

ENDPOINT_ID: Final = re.compile(r"whe_[0-9a-f]{32}", re.ASCII)
MAX_DESCRIPTION: Final = 256
EVENT_TYPES: Final = ("video.completed", "video.failed", "video.cancelled", "video.expired", BATCH_COMPLETED)
"""The types that an endpoint can select. `webhook.test` is sent to every endpoint for which it is requested."""

BOTH_SECRETS_SECONDS: Final = DAY_SECONDS
"""Seconds after a rotation for which events are signed with both secrets."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """One endpoint of an owner. `url` is None for the endpoint that only signs the callbacks of videos and batches.

    `event_types` is None for all types. `generation` counts the rotations of its secret, which is derived and never
    stored.
    """

    id: str
    owner: str
    created_at: int
    url: str | None = None
    event_types: frozenset[str] | None = None
    description: str = ""
    generation: int = 1
    rotated_at: int | None = None
    disabled_at: int | None = None
    version: int = 0

    @property
    def signs_callbacks(self) -> bool:
        """Whether this is the endpoint whose secret signs the owner's callbacks."""
        return self.url is None

    def takes(self, event_type: str) -> bool:
        """Return whether events of a type are sent to this endpoint."""
        wanted = self.event_types is None or event_type in self.event_types
        return self.url is not None and self.disabled_at is None and wanted

    def rotated(self, now: int) -> WebhookEndpoint:
        """Replace the secret; the previous one stays valid for BOTH_SECRETS_SECONDS."""
        return replace(self, generation=self.generation + 1, rotated_at=now)

    def disabled(self, now: int) -> WebhookEndpoint:
        """Record that the receiver answered 410: nothing more is sent there until the endpoint is enabled."""
        if self.signs_callbacks:
            raise InvalidTransition(f"{self.id} has no receiver that could end it")
        return replace(self, disabled_at=self.disabled_at or now)

    def enabled(self) -> WebhookEndpoint:
        """Send events there again, until its receiver answers 410 again."""
        return replace(self, disabled_at=None)

    def previous_until(self, now: float) -> int | None:
        """Return until when the previous secret is valid, in Unix seconds; None if it is no longer valid."""
        if self.rotated_at is None or now >= self.rotated_at + BOTH_SECRETS_SECONDS:
            return None
        return self.rotated_at + BOTH_SECRETS_SECONDS

    def secrets(self, stack_secret: str, now: float) -> tuple[str, ...]:
        """Return the valid secrets, the current one first."""
        generations = [self.generation]
        if self.previous_until(now) is not None:
            generations.append(self.generation - 1)
        return tuple(_secret(stack_secret, self.id, generation) for generation in generations)


def _secret(stack_secret: str, endpoint_id: str, generation: int) -> str:
    """Return a secret as Standard Webhooks writes it: `whsec_` and 32 bytes in base64."""
    key = hmac.new(stack_secret.encode(), f"{endpoint_id}.{generation}".encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(key).decode()}"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, which name its receiver."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
