"""api: show, list, cancel and delete the videos of the caller."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wan_video.domain.listing import Mark, Page, VideoQuery
from wan_video.domain.names import MODEL_NAME, VIDEO_ID
from wan_video.domain.price import REGISTRY_PRICES, Prices
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    BatchNotFound,
    InvalidRequest,
    Problem,
    VideoChanged,
    VideoDeleted,
    VideoNotCancellable,
    VideoNotDeletable,
    VideoNotFound,
)
from wan_video.services.api.limits import MAX_TRIES
from wan_video.services.delete_video import delete_video

if TYPE_CHECKING:
    from wan_video.domain.token import Token
    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Objects
    from wan_video.ports.videos import ApiVideos, Videos
    from wan_video.ports.wan import WanTasks


@dataclass(frozen=True)
class OwnVideos:
    """The caller's videos; another owner's videos do not exist for the caller.

    `wan` is called when a cancellation has to ask Wan, and `batches` when the videos of a batch are listed. Both are
    seldom, so what they need is imported by then.
    """

    videos: ApiVideos
    batches: Callable[[], Batches]
    objects: Objects
    clock: Clock
    wan: Callable[[], WanTasks]
    prices: Prices = REGISTRY_PRICES

    def retrieve(self, caller: Token, video_id: str) -> Video:
        """Return a video of the caller. Raises VideoNotFound, also if it belongs to another owner, and VideoDeleted."""
        caller.require("read")
        return own_video(self.videos, caller, video_id)

    def find(self, caller: Token, video_id: str) -> Video:
        """Return a video of the caller without checking the scopes of the token. Raises what `retrieve` raises."""
        return own_video(self.videos, caller, video_id)

    def list(self, caller: Token, query: VideoQuery, after: str | None = None) -> Page:
        """Return one page of the caller's videos, those of a batch in the order of its file.

        `after` is the id of the last video of the previous page. Raises InvalidRequest if that video does not exist.
        """
        caller.require("read")
        if query.model is not None and not MODEL_NAME.fullmatch(query.model):
            return Page([])
        if query.batch_id is not None:
            return self._rows(caller, query.batch_id, query, after)
        if after is not None:
            query = replace(query, after=self._mark(caller, after))
        return self.videos.list(caller.owner, query)

    def cancel(self, caller: Token, video_id: str) -> Video:
        """Cancel a video that waits, here or at Wan, so that nothing is billed; return it.

        A video that waits here can always be cancelled. A task that is PENDING at Wan is cancelled there, and the row
        records what Wan then reports. Raises VideoNotFound, and VideoNotCancellable in all other cases. If Wan refuses
        or its answer is lost, `poll` finds out later what happened to the task.
        """
        caller.require("write")
        for _ in range(MAX_TRIES):
            video = own_video(self.videos, caller, video_id)
            if video.status is Status.CANCELLED:
                return video
            if video.task is not None:
                from wan_video.services.cancel_task import cancel_task

                return cancel_task(video, self.videos, self.wan(), self.clock, self.prices)
            if video.status is not Status.QUEUED:
                status = "being started" if video.status is Status.STARTING else video.status
                raise VideoNotCancellable(video_id, status)
            with suppress(VideoChanged):
                return self.videos.save(video, video.cancelled(self.clock.unix_seconds()))
        raise VideoChanged(video_id)

    def delete(self, caller: Token, video_id: str) -> None:
        """Delete a video that has ended, and its objects. Raises VideoNotFound, VideoNotDeletable, VideoChanged."""
        caller.require("write")
        video = own_video(self.videos, caller, video_id)
        if not video.status.final or video.announced_at is None:
            raise VideoNotDeletable(video_id, video.status.public)
        delete_video(video, self.videos, self.objects, self.clock.now())

    def _rows(self, caller: Token, batch_id: str, query: VideoQuery, after: str | None) -> Page:
        if not VIDEO_ID.fullmatch(batch_id):
            return Page([])
        try:
            batch = self.batches().get(batch_id)
        except BatchNotFound:
            return Page([])
        from wan_video.services.batch_rows import rows_page

        return rows_page(self.videos, batch, query, after) if batch.owner == caller.owner else Page([])

    def _mark(self, caller: Token, video_id: str) -> Mark:
        """Return where a page begins. A video that was deleted in the meantime still marks its position."""
        try:
            video = own_video(self.videos, caller, video_id)
        except VideoDeleted as error:
            return Mark(video_id, error.created_at)
        except VideoNotFound:
            raise InvalidRequest(
                [Problem("/after", f"The video {video_id!r} does not exist, so no page begins after it.")]
            ) from None
        return Mark(video.id, video.created_at)


def own_video(videos: Videos, caller: Token, video_id: str) -> Video:
    """Return a video of the caller without checking the scopes of the token.

    Raises VideoNotFound, also if it belongs to another owner, and VideoDeleted if the caller has deleted it.
    """
    if not VIDEO_ID.fullmatch(video_id):
        raise VideoNotFound(video_id)
    try:
        video = videos.get(video_id)
    except VideoDeleted as error:
        # This caller must not learn that another owner's video existed.
        raise error if error.owner == caller.owner else VideoNotFound(video_id) from None
    if video.owner != caller.owner:
        raise VideoNotFound(video_id)
    return video
