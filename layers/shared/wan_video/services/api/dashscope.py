"""api: answer the calls of Wan's own API, which DashScope's SDKs make, from the stack's rows."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.digests import body_digest
from wan_video.domain.image import NO_REFERENCES
from wan_video.domain.listing import Mark, VideoQuery
from wan_video.domain.names import video_id
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.sender import LONG_WINDOW_SECONDS, NOBODY, Sender
from wan_video.errors import BudgetExceeded, InvalidRequest, VideoGone, VideoNotCancellable, VideoNotFound
from wan_video.services.api.new_videos import with_digests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wan_video.domain.image import ImageReferences
    from wan_video.domain.models import Region
    from wan_video.domain.request import VideoFields
    from wan_video.domain.token import Token
    from wan_video.domain.video import Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.repeats import Repeats
    from wan_video.ports.wan import Uploads
    from wan_video.services.api.new_videos import Accepted, NewVideos
    from wan_video.services.api.own_videos import OwnVideos

MAX_TRIES: Final = 5
"""The maximum number of attempts of a create if the video it repeats was deleted in the meantime."""

PAGE: Final = 100
MAX_LISTED: Final = 1000
"""The maximum number of videos that one call lists, on all pages."""


@dataclass(frozen=True)
class DashScope:
    """The calls of Wan's own API, so that existing code for Wan needs only another base URL.

    `uploads` is called only when a caller requests permission to upload, in `region`. The SDKs repeat a create call
    if its answer does not arrive. With a key, repeated calls create one video for as long as its row or its tombstone
    exists. Without a key, identical bodies of one owner are one request within the sender's window, until the SDK shows
    that the answer arrived by querying or cancelling the task. The window is in real time, as are the pauses of SDKs.
    """

    new_videos: NewVideos
    own_videos: OwnVideos
    repeats: Repeats
    clock: Clock
    uploads: Callable[[], Uploads]
    region: Region
    retention: Retention = FOR_EVER

    def create(
        self,
        caller: Token,
        fields: VideoFields,
        body: Mapping[str, Any],
        sender: Sender = NOBODY,
        idempotency_key: str | None = None,
        images: ImageReferences = NO_REFERENCES,
    ) -> Accepted:
        """Accept a request, or find the video that the same request created earlier.

        `body` has the digests of its `images` in place of their bytes, so that another image is another request.
        Raises what `NewVideos.create` raises, and VideoGone if the video of an Idempotency-Key was deleted.
        """
        if idempotency_key is not None:
            # A key of the native API has printable characters only, so that its keys and these never meet.
            return self.new_videos.accept(caller, fields, body, f"dashscope\0key\0{idempotency_key}", images)
        caller.require("write")
        asked, gone = body_digest(with_digests(body, images)), ""
        for _ in range(MAX_TRIES):
            now, new_key = int(self.clock.real()), f"dashscope\0{secrets.token_hex(16)}"
            key = self.repeats.first(
                caller.owner,
                asked,
                new_key,
                now=now,
                since=now - sender.window,
                session=sender.session,
                instead_of=gone or None,
            )
            try:
                # The first request may not have stored it yet, or may have died: it is one row in any case.
                accepted = self.new_videos.accept(caller, fields, body, key, images)
            except VideoGone:
                gone = key
                continue
            except (InvalidRequest, BudgetExceeded):
                # A request that was accepted once is found even if it would be refused now; this one was not accepted.
                if key == new_key:
                    self.repeats.close(caller.owner, asked, video_id(caller.owner, key), sender.session)
                raise
            return replace(accepted, replayed=key != new_key)
        raise VideoGone(video_id(caller.owner, gone), "deleted")

    def retrieve(self, caller: Token, task_id: str, sender: Sender = NOBODY) -> Video | None:
        """Return the caller's video with that id; None if it does not exist or is no longer kept."""
        try:
            video = self.own_videos.retrieve(caller, task_id)
        except VideoNotFound:
            return None
        self._answer_arrived(video, sender)
        return None if self.retention.is_over(video.ended_at, self.clock.now()) else video

    def list(self, caller: Token, query: VideoQuery, first: int, last: int) -> Sequence[Video]:
        """Return the newest MAX_LISTED of the caller's videos created from `first` to `last` (Unix seconds)."""
        found: list[Video] = []
        # The list begins at the next second, because videos created in the same second have no defined order.
        query = replace(query, limit=PAGE, after=Mark("video", last + 1))
        more, after = True, None
        while more and len(found) < MAX_LISTED:
            page = self.own_videos.list(caller, query, after)
            found += [video for video in page.videos if first <= video.created_at <= last]
            if page.videos and page.videos[-1].created_at < first:
                break
            more, after = page.has_more, page.last_id
        return found[:MAX_LISTED]

    def cancel(self, caller: Token, task_id: str, sender: Sender = NOBODY) -> None:
        """Cancel a task that waits, here or at Wan. Raises VideoNotCancellable, also if the task does not exist."""
        try:
            self._answer_arrived(self.own_videos.cancel(caller, task_id), sender)
        except VideoNotFound:
            raise VideoNotCancellable(task_id, "unknown") from None
        except VideoNotCancellable:
            # A caller who knows the task has its answer, even if the task can no longer be cancelled.
            with suppress(VideoNotFound):
                self._answer_arrived(self.own_videos.find(caller, task_id), sender)
            raise

    def upload_policy(self, caller: Token, model: str) -> Mapping[str, Any]:
        """Return Wan's own permission to upload a file for a task of a model.

        The file goes from the caller to Wan. Raises WanError.
        """
        caller.require("write")
        return self.uploads().policy(self.region, model)

    def now(self) -> int:
        """Return the Unix seconds of the stack's clock."""
        return self.clock.unix_seconds()

    def _answer_arrived(self, video: Video, sender: Sender) -> None:
        """Close the window of a create whose answer has arrived: the same body is a new request from now on."""
        age = self.clock.real_seconds(self.clock.now() - video.created_at)
        if sender.session and age <= LONG_WINDOW_SECONDS:
            self.repeats.close(video.owner, video.body_hash, video.id, sender.session)
