"""report_failure: end a video that cannot be completed, and publish its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain.failures import not_delivered, submission_unresolved, unreported
from wan_video.errors import VideoNotFound

if TYPE_CHECKING:
    from wan_video.domain.trouble import Failure
    from wan_video.domain.video import Status, Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.videos import Videos
    from wan_video.services.announce import Announce


@dataclass(frozen=True)
class ReportFailure:
    """The service that ends failed videos, according to their rows. Calling it again is safe at any time."""

    videos: Videos
    announce: Announce
    clock: Clock

    def __call__(self, video_id: str) -> Status | None:
        """End a video and publish its end; return its status, or None if it was deleted.

        If the task may still produce the video, nothing is changed: the row contains more than the caller knew.
        Raises VideoChanged, and what SNS raises.
        """
        try:
            video = self.videos.get(video_id)
        except VideoNotFound:
            return None
        return self.end(video).status

    def end(self, video: Video) -> Video:
        """End a video unless its task may still produce it; return it.

        Raises VideoChanged if its row has changed since it was read.
        """
        now = self.clock.unix_seconds()
        if video.may_still_come(now):
            return video
        if not video.status.final:
            video = self.videos.save(video, video.ended(now, _reason(video)))
        return self.announce(video)


def _reason(video: Video) -> Failure:
    if video.error is not None:
        return video.error
    if video.in_doubt:
        return submission_unresolved(absent=video.is_absent, candidates=video.candidates)
    if video.usage is not None:
        return not_delivered("every attempt failed")
    return unreported("poll" if video.task is not None else "submit")
