"""The signatures of webhooks, by the library of Standard Webhooks."""

from __future__ import annotations

from datetime import UTC, datetime

from standardwebhooks import Webhook


def sign(secret: str, event_id: str, timestamp: int, body: str) -> str:
    """Return the signature `v1,...` of an event; `timestamp` is in real Unix seconds."""
    return Webhook(secret).sign(event_id, datetime.fromtimestamp(timestamp, UTC), body)
