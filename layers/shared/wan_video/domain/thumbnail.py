"""Thumbnails: the small pictures that `thumbnail` makes of completed videos, where the stack makes any."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wan_video.domain.video import Video

THUMBNAIL_SECONDS: Final = 2 * 3600
"""Seconds after the notice of a video within which its thumbnail is made, or never.

An event waits for an hour at most (`EventInvokeConfig` in template.yaml); the last attempt, and a delay of SNS, come
after that.
"""

MAX_SIDE: Final = 640
"""The longest side of a thumbnail in pixels."""


class Thumbnail(StrEnum):
    """What a row records about the thumbnail of its video."""

    READY = "ready"
    IMPOSSIBLE = "impossible"


class ThumbnailState(StrEnum):
    """What users see about the thumbnail of a completed video; other videos have none."""

    READY = "ready"
    PENDING = "pending"


def thumbnail_state(video: Video, now: float, *, enabled: bool) -> ThumbnailState | None:
    """Return whether a video has a thumbnail or will get one; None if it has none and will get none.

    `enabled` says that the stack makes thumbnails. A thumbnail that is not made within THUMBNAIL_SECONDS is lost.
    """
    if video.object is None or video.thumbnail is Thumbnail.IMPOSSIBLE:
        return None
    if video.thumbnail is Thumbnail.READY:
        return ThumbnailState.READY
    since = video.announced_at
    return ThumbnailState.PENDING if enabled and (since is None or now < since + THUMBNAIL_SECONDS) else None
