"""api: describe videos as users see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wan_video.domain.budget import STACK, utc_day
from wan_video.domain.document import video_document
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.thumbnail import thumbnail_state
from wan_video.domain.video import Status, Video
from wan_video.services.api.limits import POLL_AFTER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wan_video.ports.clock import Clock
    from wan_video.ports.pools import Pools


@dataclass(frozen=True)
class VideoDocuments:
    """The documents of videos.

    `daily_seconds` is the stack's budget in seconds of video per UTC day, or None if there is no limit; `thumbnails`
    says whether the stack makes thumbnails.
    """

    pools: Pools
    clock: Clock
    retention: Retention = FOR_EVER
    daily_seconds: int | None = None
    thumbnails: bool = False

    def describe(self, videos: Sequence[Video]) -> Sequence[dict[str, Any]]:
        """Return the videos as users see them now."""
        now, over_budget = self.clock.now(), self._over_budget(videos)
        return [
            {
                **video_document(video, now, self.retention, over_budget=video.id in over_budget),
                # Not in `metadata.json`, which is written before the thumbnail is made.
                "thumbnail": thumbnail_state(video, now, enabled=self.thumbnails),
            }
            for video in videos
        ]

    def position(self, video: Video) -> int | None:
        """Return the number of the owner's videos ahead of a queued video, at most POSITION_LIMIT.

        None is returned for a video that has left its queue.
        """
        return self.pools.position(video) if video.status is Status.QUEUED else None

    def poll_after(self) -> float:
        """Return the recommended number of real seconds before the next request."""
        return self.clock.real_seconds(POLL_AFTER_SECONDS)

    def _over_budget(self, videos: Sequence[Video]) -> frozenset[str]:
        """Return the ids of the queued videos that exceed what is left of today's budgets."""
        limits = {video.id: {video.owner: video.daily_seconds, STACK: self.daily_seconds} for video in videos}
        waiting = [video for video in videos if video.status is Status.QUEUED and any(limits[video.id].values())]
        if not waiting:
            return frozenset()
        owners = sorted({STACK, *(video.owner for video in waiting)})
        used = self.pools.used_by(owners, utc_day(self.clock.now()))
        return frozenset(
            video.id
            for video in waiting
            for owner, limit in limits[video.id].items()
            if limit is not None and used[owner] + video.request.most_seconds > limit
        )
