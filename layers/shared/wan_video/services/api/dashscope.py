"""api: answer the calls of Wan's own API, which DashScope's SDKs make, from the stack's rows."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.digests import body_digest
from wan_video.domain.listing import Mark, VideoQuery
from wan_video.domain.names import video_id
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.sender import LONG_WINDOW_SECONDS, NOBODY, Sender
from wan_video.errors import BudgetExceeded, InvalidRequest, VideoGone, VideoNotCancellable, VideoNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
"""Times a create looks for another video where the one that it stands for was deleted meanwhile."""

PAGE: Final = 100
MAX_LISTED: Final = 1000
"""Videos that one call lists at most, however they are paged."""


@dataclass(frozen=True)
class DashScope:
    """Wan's own calls: existing Wan code changes its base URL and nothing else.

    `uploads` is called when a permission to upload is asked for, which is seldom; `region` is where that is. The SDKs
    send a create again by themselves when its answer does not arrive. A create with a key is one video for as long as
    its row or its tombstone lives. Without a key, identical bodies of one owner are one request within the sender's
    window, until the SDK shows that the answer arrived: it asks about the task, or cancels it. The window is one of
    real time, in which SDKs live.
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
    ) -> Accepted:
        """Accept a request, or find the video that an earlier sending of it made.

        Raises what `NewVideos.create` raises, and VideoGone where the video of an Idempotency-Key was deleted.
        """
        if idempotency_key is not None:
            # A key of the native API has printable characters only, so that its keys and these never meet.
            return self.new_videos.accept(caller, fields, body, f"dashscope\0key\0{idempotency_key}")
        caller.require("write")
        asked, gone = body_digest(body), ""
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
                accepted = self.new_videos.accept(caller, fields, body, key)
            except VideoGone:
                gone = key
                continue
            except (InvalidRequest, BudgetExceeded):
                # What was accepted once is found although it would be refused today; this was never accepted.
                if key == new_key:
                    self.repeats.close(caller.owner, asked, video_id(caller.owner, key), sender.session)
                raise
            return replace(accepted, replayed=key != new_key)
        raise VideoGone(video_id(caller.owner, gone), "deleted")

    def retrieve(self, caller: Token, task_id: str, sender: Sender = NOBODY) -> Video | None:
        """The caller's video of that id, or None, also where it is no longer kept."""
        try:
            video = self.own_videos.retrieve(caller, task_id)
        except VideoNotFound:
            return None
        self._answer_arrived(video, sender)
        return None if self.retention.is_over(video.ended_at, self.clock.now()) else video

    def list(self, caller: Token, query: VideoQuery, first: int, last: int) -> Sequence[Video]:
        """The caller's videos created from `first` to `last` (Unix seconds), newest first, at most MAX_LISTED."""
        found: list[Video] = []
        # The next second is where the list begins, for of those created in one second any may come first.
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
        """Cancel a task that waits, here or at Wan; raises VideoNotCancellable, also where there is no such task."""
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
        """Unix seconds of the stack's clock."""
        return self.clock.unix_seconds()

    def _answer_arrived(self, video: Video, sender: Sender) -> None:
        """Close the window of a create whose answer has arrived: the same body is a new request from now on."""
        age = self.clock.real_seconds(self.clock.now() - video.created_at)
        if sender.session and age <= LONG_WINDOW_SECONDS:
            self.repeats.close(video.owner, video.body_hash, video.id, sender.session)
