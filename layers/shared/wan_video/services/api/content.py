"""api: create links to the files of completed videos, which work for some minutes or for a week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.domain.links import LINK_LIFE_SECONDS, file_name, opens
from wan_video.domain.names import VIDEO_ID, metadata_key, thumbnail_key, video_key
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.thumbnail import Thumbnail, ThumbnailState, thumbnail_state
from wan_video.domain.video import Status, StoredObject, Video
from wan_video.errors import (
    ThumbnailNotFound,
    ThumbnailNotReady,
    VideoDeleted,
    VideoGone,
    VideoNotFound,
    VideoNotReady,
)
from wan_video.services.api.limits import POLL_AFTER_SECONDS, THUMBNAIL_AFTER_SECONDS
from wan_video.services.api.own_videos import own_video

if TYPE_CHECKING:
    from wan_video.domain.token import Token
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Objects
    from wan_video.ports.videos import Videos


@dataclass(frozen=True, slots=True)
class VideoFile:
    """The file of a completed video, and links to play and save it until `expires_at` (Unix seconds)."""

    video: Video
    object: StoredObject
    url: str
    download_url: str
    thumbnail_url: str | None
    expires_at: int


@dataclass(frozen=True)
class Content:
    """The links to stored files; those to S3 work for `link_seconds`. `thumbnails` says whether the stack makes any."""

    videos: Videos
    objects: Objects
    clock: Clock
    link_seconds: int
    retention: Retention = FOR_EVER
    thumbnails: bool = False

    def link(self, caller: Token, video_id: str, variant: str = "video", *, head: bool = False) -> str:
        """Return a short-lived link to the video, its `metadata` or its `thumbnail`, for GET or for HEAD.

        Raises VideoNotFound, VideoNotReady, VideoGone, ThumbnailNotReady, ThumbnailNotFound.
        """
        video, _ = self._stored(caller, video_id)
        if variant == "metadata":
            name = f"{video_id}.json"
            return self.objects.link(metadata_key(video_id), filename=name, seconds=self.link_seconds, head=head)
        if variant == "thumbnail":
            self._expect_thumbnail(video)
            return self._thumbnail_link(video, head=head)
        return self._video_link(video, head=head)

    def file(self, caller: Token, video_id: str) -> VideoFile:
        """Return the file of a completed video. Raises VideoNotFound, VideoNotReady, VideoGone."""
        video, stored = self._stored(caller, video_id)
        return VideoFile(
            video,
            stored,
            url=self._video_link(video),
            download_url=self._video_link(video, save=True),
            thumbnail_url=self._thumbnail_link(video) if video.thumbnail is Thumbnail.READY else None,
            expires_at=self.clock.unix_seconds() + self.link_seconds,
        )

    def lasting_path(self, video: Video) -> str | None:
        """Return a path of this API that gives anyone access to a stored video for LINK_LIFE_SECONDS."""
        if video.status is not Status.COMPLETED or not video.link_key:
            return None
        until = self.clock.unix_seconds() + LINK_LIFE_SECONDS
        return f"/files/{video.id}/{file_name(video.link_key, video.id, until)}"

    def open_lasting_path(self, video_id: str, name: str, *, head: bool = False) -> str:
        """Return a short-lived link, for GET or for HEAD, for the long-lived path of a video.

        Raises VideoGone if the path does not give access to a video, or no longer does.
        """
        try:
            if not VIDEO_ID.fullmatch(video_id):
                raise VideoNotFound(video_id)
            video = self.videos.get(video_id)
        except VideoNotFound:
            raise VideoGone(video_id, "unknown or deleted") from None
        if video.object is None or not opens(video.link_key, video.id, name, self.clock.now()):
            raise VideoGone(video_id, "not available through this link")
        if self.retention.is_over(video.ended_at, self.clock.now()):
            raise VideoGone(video_id, "no longer kept")
        return self._video_link(video, head=head)

    def origin(self) -> str:
        """Return scheme and host of every link."""
        return self.objects.origin()

    def _stored(self, caller: Token, video_id: str) -> tuple[Video, StoredObject]:
        """Return a completed video of the caller's and its object."""
        caller.require("read")
        try:
            video = own_video(self.videos, caller, video_id)
        except VideoDeleted:
            raise VideoGone(video_id, "deleted") from None
        if video.object is None:
            if video.status.final:
                raise VideoGone(video_id, video.status.public)
            raise VideoNotReady(video_id, video.status.public, self.clock.real_seconds(POLL_AFTER_SECONDS))
        # `sweep` deletes it some minutes after its retention period.
        if self.retention.is_over(video.ended_at, self.clock.now()):
            raise VideoGone(video_id, "no longer kept")
        return video, video.object

    def _expect_thumbnail(self, video: Video) -> None:
        state = thumbnail_state(video, self.clock.now(), enabled=self.thumbnails)
        if state is ThumbnailState.PENDING:
            raise ThumbnailNotReady(video.id, THUMBNAIL_AFTER_SECONDS)
        if state is None:
            tried = self.thumbnails or video.thumbnail is not None
            reason = "none could be made." if tried else "the stack makes none (`Thumbnails` is disabled)."
            raise ThumbnailNotFound(video.id, reason)

    def _thumbnail_link(self, video: Video, *, head: bool = False) -> str:
        name = f"{video.id}.jpg"
        return self.objects.link(thumbnail_key(video.id), filename=name, seconds=self.link_seconds, head=head)

    def _video_link(self, video: Video, *, save: bool = False, head: bool = False) -> str:
        name = f"{video.id}.mp4"
        return self.objects.link(video_key(video.id), filename=name, seconds=self.link_seconds, save=save, head=head)
