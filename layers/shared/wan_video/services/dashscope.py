"""The DashScope-compatible face of the API: Wan's own calls, answered from our rows."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.links import opens
from wan_video.domain.listing import Mark, VideoQuery
from wan_video.domain.names import VIDEO_ID, video_id
from wan_video.domain.sender import LONG_WINDOW_SECONDS, NOBODY, Sender
from wan_video.errors import BudgetExceeded, InvalidRequest, VideoGone, VideoNotCancellable, VideoNotFound
from wan_video.services.api import Accepted, Api, digest, require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wan_video.domain.models import Region
    from wan_video.domain.request import VideoFields
    from wan_video.domain.token import Token
    from wan_video.domain.video import Video
    from wan_video.ports.wan import Uploads

MAX_TRIES: Final = 5
"""Times a create looks for another video where the one that it stands for was deleted meanwhile."""

PAGE: Final = 100
MAX_LISTED: Final = 1000
"""Videos that one call lists at most, however they are paged."""


@dataclass(frozen=True)
class DashScope:
    """Existing Wan code changes its base URL and nothing else.

    `uploads` is made when it is first needed, which is seldom. The SDKs send a create again by themselves when its
    answer does not arrive. A create with a key is one video for as long as its row or its tombstone lives. Without a
    key, identical bodies of one owner are one request within the sender's window, until the SDK shows that the answer
    arrived: it asks about the task, or cancels it. The window is one of real time, in which SDKs live.
    """

    api: Api
    uploads: Callable[[], Uploads]

    def create(
        self,
        caller: Token,
        fields: VideoFields,
        body: Mapping[str, Any],
        sender: Sender = NOBODY,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Accept a request, or find the video that an earlier sending of it made.

        Raises what `Api.create` raises, and VideoGone where the video of an Idempotency-Key was deleted.
        """
        if idempotency_key is not None:
            # A key of the native API has printable characters only, so that the keys of the two faces never meet.
            return self.api.accept(caller, fields, body, f"dashscope\0key\0{idempotency_key}")
        require(caller, "write")
        asked, gone = digest(body), ""
        for _ in range(MAX_TRIES):
            now, new_key = int(self.api.clock.real()), f"dashscope\0{secrets.token_hex(16)}"
            key = self.api.repeats.first(
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
                accepted = self.api.accept(caller, fields, body, key)
            except VideoGone:
                gone = key
                continue
            except (InvalidRequest, BudgetExceeded):
                # What was accepted once is found although it would be refused today; this was never accepted.
                if key == new_key:
                    self.api.repeats.close(caller.owner, asked, video_id(caller.owner, key), sender.session)
                raise
            return replace(accepted, replayed=key != new_key)
        raise VideoGone(video_id(caller.owner, gone), "deleted")

    def retrieve(self, caller: Token, task_id: str, sender: Sender = NOBODY) -> Video | None:
        """The caller's video of that id, or None, also where it is no longer kept."""
        try:
            video = self.api.retrieve(caller, task_id)
        except VideoNotFound:
            return None
        self._answer_arrived(video, sender)
        return video if self.api.keeps(video) else None

    def list(self, caller: Token, query: VideoQuery, first: int, last: int) -> Sequence[Video]:
        """The caller's videos created from `first` to `last` (Unix seconds), newest first, at most MAX_LISTED."""
        found: list[Video] = []
        # The next second is where the list begins, for of those created in one second any may come first.
        query = replace(query, limit=PAGE, after=Mark("video", last + 1))
        more, after = True, None
        while more and len(found) < MAX_LISTED:
            page = self.api.list(caller, query, after)
            found += [video for video in page.videos if first <= video.created_at <= last]
            if page.videos and page.videos[-1].created_at < first:
                break
            more, after = page.has_more, page.last_id
        return found[:MAX_LISTED]

    def cancel(self, caller: Token, task_id: str, sender: Sender = NOBODY) -> None:
        """Cancel a task that waits, here or at Wan; raises VideoNotCancellable, also where there is no such task."""
        try:
            self._answer_arrived(self.api.cancel(caller, task_id), sender)
        except VideoNotFound:
            raise VideoNotCancellable(task_id, "unknown") from None
        except VideoNotCancellable:
            # A caller who knows the task has its answer, also where the task cannot be cancelled any more.
            with suppress(VideoNotFound):
                self._answer_arrived(self.api.videos.get(task_id), sender)
            raise

    def upload_policy(self, caller: Token, region: Region, model: str) -> Mapping[str, Any]:
        """Wan's own permission to upload a file for a task; the file goes from caller to Wan. Raises WanError."""
        require(caller, "write")
        return self.uploads().policy(region, model)

    def open_link(self, task_id: str, name: str, *, head: bool = False) -> str:
        """Return a short-lived S3 link, for GET or for HEAD, to anyone who has the lasting one.

        Raises VideoGone where that opens nothing, or nothing any more.
        """
        try:
            if not VIDEO_ID.fullmatch(task_id):
                raise VideoNotFound(task_id)
            video = self.api.videos.get(task_id)
        except VideoNotFound:
            raise VideoGone(task_id, "unknown or deleted") from None
        if video.object is None or not opens(video.link_key, video.id, name, self.api.clock.now()):
            raise VideoGone(task_id, "not open to this link (any more)")
        if not self.api.keeps(video):
            raise VideoGone(task_id, "no longer kept")
        return self.api.link(video, head=head)

    def _answer_arrived(self, video: Video, sender: Sender) -> None:
        """Close the window of a create whose answer has arrived: the same body is a new request from now on."""
        age = self.api.clock.real_seconds(self.api.clock.now() - video.created_at)
        if sender.session and age <= LONG_WINDOW_SECONDS:
            self.api.repeats.close(video.owner, video.body_hash, video.id, sender.session)
