"""thumbnail: make a small picture of a completed video, after its notice, so that it never delays the video.

The row records the result, so that lists say whether there is a thumbnail, and so does `metadata.json`. A temporary
error is raised, and Lambda repeats the event; a file that cannot be decoded is recorded as such.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wan_video.domain.document import stored_document
from wan_video.domain.names import metadata_key, thumbnail_key
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.thumbnail import Thumbnail
from wan_video.errors import ThumbnailImpossible, VideoChanged, VideoNotAnnounced, VideoNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.domain.video import StoredObject
    from wan_video.ports.clock import Clock
    from wan_video.ports.thumbnails import Pictures, ThumbnailObjects
    from wan_video.ports.videos import Videos

MAX_TRIES: Final = 3
"""The most attempts to write a row that another worker is writing too."""


class Outcome(StrEnum):
    """The result of an event; `over` means that there was nothing to do."""

    READY = "ready"
    IMPOSSIBLE = "impossible"
    OVER = "over"


@dataclass(frozen=True)
class MakeThumbnail:
    """The service that makes thumbnails; `on_impossible` is called with the reason if none can be made of a video."""

    videos: Videos
    objects: ThumbnailObjects
    pictures: Pictures
    clock: Clock
    retention: Retention = FOR_EVER
    on_impossible: Callable[[str, str], None] = lambda _video_id, _reason: None

    def __call__(self, video_id: str) -> Outcome:
        """Make the thumbnail of a video, unless it was made. Calling it again is safe at any time.

        Raises VideoNotAnnounced if the row does not say yet that the notice was published, VideoChanged, TimeoutError,
        and what S3 raises; the event should then be repeated.
        """
        try:
            video = self.videos.get(video_id)
        except VideoNotFound:
            # An earlier attempt may have died between its writes, after the video's objects were deleted.
            return self._forget(video_id)
        over = self.retention.is_over(video.ended_at, self.clock.now())
        if video.object is None or video.thumbnail is not None or over:
            return Outcome.OVER
        try:
            self._store(video_id, video.object)
        except ThumbnailImpossible as error:
            self.on_impossible(video_id, error.reason)
            return self._record(video_id, video.object, Thumbnail.IMPOSSIBLE)
        return self._record(video_id, video.object, Thumbnail.READY)

    def _store(self, video_id: str, stored: StoredObject) -> None:
        """Make and store the picture, unless an earlier attempt has stored it."""
        key = thumbnail_key(video_id)
        if self.objects.find(key) is None:
            self.objects.put_jpeg(key, self.pictures.first_picture(self.objects.open(stored)))

    def _record(self, video_id: str, stored: StoredObject, thumbnail: Thumbnail) -> Outcome:
        for _ in range(MAX_TRIES):
            try:
                video = self.videos.get(video_id)
            except VideoNotFound:
                # It was deleted in the meantime, and its objects before that.
                return self._forget(video_id)
            if video.announced_at is None:
                raise VideoNotAnnounced(video_id)
            now = self.clock.unix_seconds()
            recorded = video.with_thumbnail(now, thumbnail)
            if thumbnail is Thumbnail.READY:
                # Before the row, so that the objects of a video that is deleted now are found and deleted.
                self.objects.put_json(metadata_key(video_id), stored_document(recorded, stored, now, self.retention))
            with suppress(VideoChanged):
                self.videos.save(video, recorded)
                return Outcome(thumbnail)
        raise VideoChanged(video_id)

    def _forget(self, video_id: str) -> Outcome:
        """Delete what attempts have written for a video that does not exist anymore."""
        self.objects.delete([thumbnail_key(video_id), metadata_key(video_id)])
        return Outcome.OVER
