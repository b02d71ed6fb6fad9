"""api: create videos from requests, from videos that have ended, and from tasks that exist at Wan."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.digests import body_digest
from wan_video.domain.image import NO_REFERENCES, ImageReferences
from wan_video.domain.names import TASK_ID, video_id
from wan_video.domain.request import UNKNOWN_PROMPT, VideoFields
from wan_video.errors import (
    BudgetExceeded,
    IdempotencyKeyReused,
    InvalidRequest,
    Problem,
    VideoDeleted,
    VideoExists,
    VideoGone,
    VideoNotFound,
    VideoNotRetryable,
)
from wan_video.services.adopt_task import adopt_task
from wan_video.services.api.images import unread
from wan_video.services.api.own_videos import own_video

if TYPE_CHECKING:
    from decimal import Decimal

    from wan_video.domain.price import Estimate
    from wan_video.domain.token import Token
    from wan_video.domain.video import Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.repeats import Repeats
    from wan_video.ports.videos import ApiVideos
    from wan_video.ports.wan import WanTasks
    from wan_video.services.api.images import Images
    from wan_video.services.intake import Intake

SDK_RETRY_SECONDS: Final = 1260
"""Real seconds for which a request that is marked as a repetition looks for the request that it repeats.

The `openai` SDK sends a request three times, one after another, and waits 600 s for each answer.
"""

LATE_SECONDS: Final = 30
"""Seconds for which a request may still be processed after its repetition; API Gateway's timeout is 29 s.

A client with a shorter timeout repeats the request in the meantime, and the repetition may be stored first.
"""

_REPETITION: Final = "repetition"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The video of a request; `replayed` says that an earlier request created it."""

    video: Video
    replayed: bool


@dataclass(frozen=True)
class NewVideos:
    """The service that stores and queues new videos; `wan` is called only when a task is imported."""

    intake: Intake
    videos: ApiVideos
    repeats: Repeats
    clock: Clock
    wan: Callable[[], WanTasks]
    images: Images

    def create(
        self,
        caller: Token,
        fields: VideoFields,
        body: Mapping[str, Any],
        idempotency_key: str | None = None,
        sdk_retries: int | None = None,
        images: ImageReferences = NO_REFERENCES,
    ) -> Video:
        """Accept a request: store and queue its video, which is billed at most once; return the video.

        `body` is the request as received; with an Idempotency-Key, the same body returns the same video. `sdk_retries`
        is how often an SDK says that it has sent this request before: without a key, a repetition finds the first one.
        `images` are those of the request. An image that is sent as bytes is the same if the bytes are; a URL is the
        same if its text is, whatever it serves. Raises InvalidRequest, BudgetExceeded, Forbidden and
        IdempotencyKeyReused; in these cases nothing is stored.
        """
        caller.require("write")
        body = with_digests(body, images)
        key = idempotency_key or self._key(caller, body, sdk_retries)
        return self.accept(caller, fields, body, key, images).video

    def accept(
        self,
        caller: Token,
        fields: VideoFields,
        body: Mapping[str, Any],
        key: str,
        images: ImageReferences = NO_REFERENCES,
    ) -> Accepted:
        """Store and queue the video of a key, or find it. Raises what `create` raises, and VideoGone.

        A request that was accepted once is found again even if the same request would be refused today. One with
        images is looked for first, because its URLs may serve other images by now, or nothing.
        """
        caller.require("write")
        new_id, body_hash = video_id(caller.owner, key), body_digest(with_digests(body, images))
        if images or fields.images:
            with suppress(VideoNotFound):
                return Accepted(self._same_request(new_id, body_hash), replayed=True)
        try:
            video = self._video(caller, fields, images, new_id=new_id, body_hash=body_hash, store=True)
            self.videos.accept(video)
        except VideoExists:
            return Accepted(self._same_request(new_id, body_hash), replayed=True)
        except (InvalidRequest, BudgetExceeded):
            with suppress(VideoNotFound, VideoGone, IdempotencyKeyReused):
                return Accepted(self._same_request(new_id, body_hash), replayed=True)
            raise
        return Accepted(video, replayed=False)

    def quote(self, caller: Token, fields: VideoFields, images: ImageReferences = NO_REFERENCES) -> Estimate:
        """Return the estimate of a request without storing it or its images. Raises what `create` raises."""
        caller.require("write")
        return self._video(caller, fields, images, new_id="", body_hash="", store=False).estimate

    def retry(
        self,
        caller: Token,
        video_id: str,
        body: Mapping[str, Any],
        max_price: Decimal | None = None,
        idempotency_key: str | None = None,
        sdk_retries: int | None = None,
    ) -> Video:
        """Create another video from the same request, with a new billable task at today's price; return it.

        `body`, the key and `sdk_retries` are as in `create`; `max_price` is in the price list's currency. Raises
        VideoNotFound, VideoNotRetryable, InvalidRequest for a task whose prompt Wan never reported, and what `create`
        raises.
        """
        fields = self._fields_again(caller, video_id, max_price)
        return self.create(caller, fields, {"retry_of": video_id, **body}, idempotency_key, sdk_retries)

    def quote_retry(self, caller: Token, video_id: str, max_price: Decimal | None = None) -> Estimate:
        """Return the estimate of a retry without storing it. Raises what `retry` raises."""
        return self.quote(caller, self._fields_again(caller, video_id, max_price))

    def import_task(self, caller: Token, task_id: str, fields: VideoFields) -> Video:
        """Create a video from a task that exists at Wan; the task is polled and delivered, and never submitted.

        Wan is asked first. Importing a task again returns the same video. Raises InvalidRequest, also if Wan does not
        know the task; BudgetExceeded; Forbidden; TooManyUnknownTasks, only if Wan cannot be asked now; TaskClaimed if
        the task belongs to another video; and VideoGone if its video was deleted.
        """
        caller.require("write")
        if not TASK_ID.fullmatch(task_id):
            raise InvalidRequest(
                [Problem("/task_id", "A task_id must have 1 to 128 characters: letters, digits, - and _.")]
            )
        video = self.intake.imported(caller, fields, task_id=task_id)
        with suppress(VideoNotFound):
            return self._existing(video.id)
        try:
            return adopt_task(video, self.videos, self.wan)
        except VideoExists:
            return self._existing(video.id)

    def _video(
        self, caller: Token, fields: VideoFields, images: ImageReferences, *, new_id: str, body_hash: str, store: bool
    ) -> Video:
        """Return a new row, whose images are read and, with `store`, stored; nothing is stored for a bad request."""
        if not (images or fields.images):
            return self.intake.video(caller, fields, new_id=new_id, body_hash=body_hash)
        # Everything that needs no image is checked first: a bad request fetches nothing.
        self.intake.check(caller, unread(images, fields))
        read = self.images.read(caller, fields, images)
        video = self.intake.video(caller, read.fields, new_id=new_id, body_hash=body_hash)
        if store:
            self.images.store(read)
        return video

    def _fields_again(self, caller: Token, video_id: str, max_price: Decimal | None) -> VideoFields:
        """Return the fields of a video that has ended, for a new request."""
        caller.require("write")
        video = own_video(self.videos, caller, video_id)
        if not video.status.final:
            raise VideoNotRetryable(video_id, video.status.public)
        if video.request.prompt == UNKNOWN_PROMPT:
            raise InvalidRequest([Problem("", "Wan never reported the prompt of this task; request a new video.")])
        return replace(video.request.fields(), max_price=max_price)

    def _key(self, caller: Token, body: Mapping[str, Any], sdk_retries: int | None) -> str:
        """Return a key for a request without one: a new key, or that of the same request if an SDK repeats it."""
        key = f"request\0{secrets.token_hex(16)}"
        if sdk_retries is None:
            return key
        now, digest = int(self.clock.real()), body_digest(body)
        if sdk_retries:
            since = now - SDK_RETRY_SECONDS
            return self.repeats.first(caller.owner, digest, key, now=now, since=since, session=_REPETITION)
        # Two unmarked requests are different ones. One that arrives after a repetition is the one that was repeated.
        return self.repeats.first(caller.owner, digest, key, now=now, since=now - LATE_SECONDS, except_of="")

    def _same_request(self, video_id: str, body_hash: str) -> Video:
        """Return the video of a key if it was the same request.

        Raises IdempotencyKeyReused, VideoGone and VideoNotFound.
        """
        video = self._existing(video_id)
        if video.body_hash != body_hash:
            raise IdempotencyKeyReused
        return video

    def _existing(self, video_id: str) -> Video:
        """Return the existing video with this id. Raises VideoGone if it was deleted, and VideoNotFound."""
        try:
            return self.videos.get(video_id)
        except VideoDeleted:
            raise VideoGone(video_id, "deleted") from None


def with_digests(body: Mapping[str, Any], images: ImageReferences) -> Mapping[str, Any]:
    """Return a body with the digests of its images in place of their bytes; one without images stays as it is."""
    return {**body, **{name: reference.digest for name, reference in images.by_field.items()}} if images else body
