"""Long-lived links to a video: a path of our own API, signed with a secret in the video's row.

Anyone who has the link can download the video until the link expires or the video is deleted; it opens nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from wan_video.domain.periods import DAY_SECONDS

LINK_LIFE_SECONDS: Final = 7 * DAY_SECONDS
"""Seconds for which a link works: longer than the 24 hours of Wan's own links."""

_NAME: Final = re.compile(r"(\d{1,12})-([0-9a-f]{64})\.mp4", re.ASCII)


def file_name(link_key: str, video_id: str, until: int) -> str:
    """Return the last part of a link that works until `until` (Unix seconds)."""
    return f"{until}-{_signature(link_key, video_id, until)}.mp4"


def opens(link_key: str, video_id: str, name: str, now: float) -> bool:
    """Return whether the last part of a link gives access to this video now."""
    match = _NAME.fullmatch(name)
    if match is None or not link_key:
        return False
    until = int(match[1])
    return now <= until and hmac.compare_digest(_signature(link_key, video_id, until), match[2])


def _signature(link_key: str, video_id: str, until: int) -> str:
    return hmac.new(bytes.fromhex(link_key), f"{video_id}\0{until}".encode(), hashlib.sha256).hexdigest()
