"""Erasing a video that has ended: its objects first, so that a row which is still there leads to what is left of it.

The row leaves a tombstone, so that whoever repeats its request does not pay again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wan_video.domain.names import metadata_key, video_key
from wan_video.domain.periods import DAY_SECONDS

if TYPE_CHECKING:
    from wan_video.domain.video import Video
    from wan_video.ports.objects import Objects
    from wan_video.ports.videos import DeletableVideos

TOMBSTONE_SECONDS: Final = 90 * DAY_SECONDS
"""How long the id of a deleted video stays taken: as long as Step Functions keeps the names of its executions."""


def erase(video: Video, videos: DeletableVideos, objects: Objects, now: float) -> None:
    """Delete a video and its objects; done again it changes nothing. Raises VideoChanged."""
    objects.delete([video_key(video.id), metadata_key(video.id)])
    videos.delete(video, int(now) + TOMBSTONE_SECONDS)
