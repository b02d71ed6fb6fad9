"""The timeouts and numbers of attempts of the API's services."""

from __future__ import annotations

from typing import Final

WAN_ANSWER_SECONDS: Final = 8.0
"""Seconds that `api` waits for one answer of Wan; a cancellation needs two, and API Gateway's timeout is 29 s."""

POLL_AFTER_SECONDS: Final = 15
"""The recommended seconds (of the stack's clock) between requests for a video or batch that has not ended."""

THUMBNAIL_AFTER_SECONDS: Final = 5
"""The recommended real seconds between requests for a thumbnail that is being made."""

MAX_TRIES: Final = 5
"""The maximum number of attempts to change a row or record while other processes write it."""
