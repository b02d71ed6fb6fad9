"""api: make videos of requests, of videos that have ended, and of tasks that exist at Wan."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.digests import body_digest
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
    from wan_video.services.intake import Intake

SDK_RETRY_SECONDS: Final = 1260
"""For how long a request that says it is a repetition looks for the first sending, in real time.

The `openai` SDK sends a request three times, one after another, and waits 600 s for each answer.
"""

LATE_SECONDS: Final = 30
"""For how long a first sending may still be at work here after its repetition: API Gateway gives up after 29 s.

A client whose time-out is shorter repeats the request meanwhile, and the repetition may be the first to be stored.
"""

_REPETITION: Final = "repetition"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The video that a request stands for; `replayed` where an earlier request made it."""

    video: Video
    replayed: bool


@dataclass(frozen=True)
class NewVideos:
    """Stores and queues new videos; `wan` is called when a task is imported, which is seldom."""

    intake: Intake
    videos: ApiVideos
    repeats: Repeats
    clock: Clock
    wan: Callable[[], WanTasks]

    def create(
        self,
        caller: Token,
        fields: VideoFields,
        body: Mapping[str, Any],
        idempotency_key: str | None = None,
        sdk_retries: int | None = None,
    ) -> Video:
        """Accept a request: it is stored and queued, and will be paid for at most once.

        `body` is the request as it came; with an Idempotency-Key the same body gives the same video. `sdk_retries` is
        how often an SDK says that it has sent this request before: without a key, a repetition finds the first one.
        Raises InvalidRequest, BudgetExceeded, Forbidden, IdempotencyKeyReused; nothing is stored then.
        """
        caller.require("write")
        return self.accept(caller, fields, body, idempotency_key or self._key(caller, body, sdk_retries)).video

    def accept(self, caller: Token, fields: VideoFields, body: Mapping[str, Any], key: str) -> Accepted:
        """Store and queue the video of a key, or find it; raises what `create` raises, and VideoGone.

        A request that was accepted once is found again also where the same would be refused today.
        """
        caller.require("write")
        new_id, body_hash = video_id(caller.owner, key), body_digest(body)
        try:
            video = self.intake.video(caller, fields, new_id=new_id, body_hash=body_hash)
            self.videos.accept(video)
        except VideoExists:
            return Accepted(self._same_request(new_id, body_hash), replayed=True)
        except (InvalidRequest, BudgetExceeded):
            with suppress(VideoNotFound, VideoGone, IdempotencyKeyReused):
                return Accepted(self._same_request(new_id, body_hash), replayed=True)
            raise
        return Accepted(video, replayed=False)

    def quote(self, caller: Token, fields: VideoFields) -> Estimate:
        """Price a request without storing it; raises what `create` raises for a request that cannot be accepted."""
        caller.require("write")
        return self.intake.video(caller, fields, new_id="", body_hash="").estimate

    def retry(
        self,
        caller: Token,
        video_id: str,
        body: Mapping[str, Any],
        max_price: Decimal | None = None,
        idempotency_key: str | None = None,
        sdk_retries: int | None = None,
    ) -> Video:
        """Make a video of the same request again: a new billable task, at today's price.

        `body`, the key and `sdk_retries` are as in `create`; `max_price` is in the price list's currency. Raises
        VideoNotFound, VideoNotRetryable, InvalidRequest for a task whose prompt Wan never reported, and what `create`
        raises.
        """
        fields = self._fields_again(caller, video_id, max_price)
        return self.create(caller, fields, {"retry_of": video_id, **body}, idempotency_key, sdk_retries)

    def quote_retry(self, caller: Token, video_id: str, max_price: Decimal | None = None) -> Estimate:
        """Price a retry without storing it; raises what `retry` raises for one that is not possible."""
        return self.quote(caller, self._fields_again(caller, video_id, max_price))

    def import_task(self, caller: Token, task_id: str, fields: VideoFields) -> Video:
        """Adopt a task that exists at Wan: it is polled and delivered, and never submitted.

        Wan is asked first. Importing it again gives the same video. Raises InvalidRequest, also where Wan does not know
        the task, BudgetExceeded, Forbidden, TooManyUnknownTasks where Wan cannot be asked now, TaskClaimed where the
        task belongs to another video, and VideoGone where its video was deleted.
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

    def _fields_again(self, caller: Token, video_id: str, max_price: Decimal | None) -> VideoFields:
        """Return the fields of a video that has ended, for another one."""
        caller.require("write")
        video = own_video(self.videos, caller, video_id)
        if not video.status.final:
            raise VideoNotRetryable(video_id, video.status.public)
        if video.request.prompt == UNKNOWN_PROMPT:
            raise InvalidRequest([Problem("", "Wan never reported the prompt of this task; request a new video.")])
        return replace(video.request.fields(), max_price=max_price)

    def _key(self, caller: Token, body: Mapping[str, Any], sdk_retries: int | None) -> str:
        """A key for a request that has none: a new one, but that of the other sendings where an SDK repeats itself."""
        key = f"request\0{secrets.token_hex(16)}"
        if sdk_retries is None:
            return key
        now, digest = int(self.clock.real()), body_digest(body)
        if sdk_retries:
            since = now - SDK_RETRY_SECONDS
            return self.repeats.first(caller.owner, digest, key, now=now, since=since, session=_REPETITION)
        # Two first sendings are two requests; one that comes after a repetition is the request that was repeated.
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
        """Return the video that has this id already; raises VideoGone where it was deleted, and VideoNotFound."""
        try:
            return self.videos.get(video_id)
        except VideoDeleted:
            raise VideoGone(video_id, "deleted") from None
