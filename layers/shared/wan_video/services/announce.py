"""announce: publish the notice of a final video, then record in the row that it was published.

A crash between the two steps repeats the notice with the same id and never loses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain import notice
from wan_video.errors import VideoChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.video import Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.topic import Topic
    from wan_video.ports.videos import Videos


@dataclass(frozen=True)
class Announce:
    """The service that announces the ends of videos.

    `on_announced` is called with each video after its notice was published and recorded.
    """

    videos: Videos
    topic: Topic
    clock: Clock
    on_announced: Callable[[Video], None] = lambda _: None

    def __call__(self, video: Video) -> Video:
        """Publish the notice of a final video unless the row says that it was published; return the row.

        Raises what the topic raises.
        """
        if video.announced_at is not None:
            return video
        announced = video.announced(self.clock.unix_seconds())
        self.topic.publish(notice.video_event(video), notice.video_attributes(video))
        try:
            saved = self.videos.save(video, announced)
        except VideoChanged:
            # Another worker announced it at the same time, with the same event id.
            return self.videos.get(video.id)
        self.on_announced(saved)
        return saved
