"""How long and how often the services of the API try."""

from __future__ import annotations

from typing import Final

WAN_ANSWER_SECONDS: Final = 8.0
"""The longest that `api` waits for one answer of Wan's; a cancellation takes two, and API Gateway gives up after 29."""

POLL_AFTER_SECONDS: Final = 15
"""Seconds of the stack's clock after which it is worth asking again about what has not ended."""

MAX_TRIES: Final = 5
"""Times that a change is tried on a row or a record that others keep writing."""
