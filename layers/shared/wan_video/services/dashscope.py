"""The DashScope-compatible face of the API: Wan's own calls, answered from our rows."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.links import opens
from wan_video.domain.names import video_id
from wan_video.errors import VideoGone, VideoNotCancellable, VideoNotFound
from wan_video.services.api import Api, digest, require

if TYPE_CHECKING:
    from wan_video.domain.models import Region
    from wan_video.domain.request import VideoFields
    from wan_video.domain.video import Video
    from wan_video.ports.tokens import Token
    from wan_video.ports.videos import VideoQuery
    from wan_video.ports.wan import Uploads

PAGE: Final = 100
MAX_LISTED: Final = 1000
"""Videos that one call lists at most, however they are paged."""


@dataclass(frozen=True)
class DashScope:
    """Existing Wan code changes its base URL and nothing else.

    `uploads` is made when it is first needed, which is seldom. `repeat_seconds` is for how long identical bodies of one
    owner are one request: the official SDK sends a create again by itself when the connection breaks.
    """

    api: Api
    uploads: Callable[[], Uploads]
    repeat_seconds: int

    def create(self, caller: Token, fields: VideoFields, body: Mapping[str, Any]) -> Video:
        """Accept a request, or find what the same one made a moment ago. Raises what `Api.create` raises."""
        self.api.quote(caller, fields)
        now = int(self.api.clock.now())
        new_key = f"dashscope\0{secrets.token_hex(16)}"
        key = self.api.repeats.first(caller.owner, digest(body), new_key, now=now, since=now - self.repeat_seconds)
        if key != new_key:
            try:
                return self.api.videos.get(video_id(caller.owner, key))
            except VideoNotFound:
                # The first one has not stored it yet, or died before it could: whoever stores it, it is one row.
                pass
        return self.api.create(caller, fields, body, key)

    def retrieve(self, caller: Token, task_id: str) -> Video | None:
        """The caller's video of that id, or None, also where it is no longer kept."""
        try:
            video = self.api.retrieve(caller, task_id)
        except VideoNotFound:
            return None
        return video if self.api.keeps(video) else None

    def list(self, caller: Token, query: VideoQuery, first: int, last: int) -> Sequence[Video]:
        """The caller's videos created from `first` to `last` (Unix seconds), newest first, at most MAX_LISTED."""
        found: list[Video] = []
        query = replace(query, limit=PAGE)
        more, after = True, None
        while more and len(found) < MAX_LISTED:
            page = self.api.list(caller, query, after)
            found += [video for video in page.videos if first <= video.created_at <= last]
            if page.videos and page.videos[-1].created_at < first:
                break
            more, after = page.has_more, page.last_id
        return found[:MAX_LISTED]

    def cancel(self, caller: Token, task_id: str) -> None:
        """Cancel a task that still waits here; raises VideoNotCancellable, also where there is none."""
        try:
            self.api.cancel(caller, task_id)
        except VideoNotFound:
            raise VideoNotCancellable(task_id, "unknown") from None

    def upload_policy(self, caller: Token, region: Region, model: str) -> Mapping[str, Any]:
        """Wan's own leave to upload a file for a task; the file goes from the caller to Wan. Raises WanError."""
        require(caller, "write")
        return self.uploads().policy(region, model)

    def open_link(self, task_id: str, name: str) -> str:
        """A short-lived S3 link for whoever has the lasting one; raises VideoGone where it opens nothing (any more)."""
        try:
            video = self.api.videos.get(task_id)
        except VideoNotFound:
            raise VideoGone(task_id, "unknown or deleted") from None
        if video.object is None or not opens(video.link_key, video.id, name, self.api.clock.now()):
            raise VideoGone(task_id, "not open to this link (any more)")
        if not self.api.keeps(video):
            raise VideoGone(task_id, "no longer kept")
        return self.api.link(video)
