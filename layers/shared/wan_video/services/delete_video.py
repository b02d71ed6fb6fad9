"""Delete a video that has ended: first its objects, so that they can be found by the row until they are deleted.

A tombstone replaces the row, so that a repeated request is not paid for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wan_video.domain.names import object_keys
from wan_video.domain.periods import DAY_SECONDS

if TYPE_CHECKING:
    from wan_video.domain.video import Video
    from wan_video.ports.objects import Objects
    from wan_video.ports.videos import DeletableVideos

TOMBSTONE_SECONDS: Final = 90 * DAY_SECONDS
"""Seconds for which the id of a deleted video stays taken: Step Functions keeps the names of executions as long."""


def delete_video(video: Video, videos: DeletableVideos, objects: Objects, now: float) -> None:
    """Delete a video and its objects; repeating the call changes nothing. Raises VideoChanged."""
    objects.delete(object_keys(video.id))
    videos.delete(video, int(now) + TOMBSTONE_SECONDS)
