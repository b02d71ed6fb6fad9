"""api: take in requests for videos, and show what became of them."""

from __future__ import annotations

import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.budget import STACK, DayUsage, utc_day
from wan_video.domain.document import document
from wan_video.domain.links import LINK_LIFE_SECONDS, file_name
from wan_video.domain.listing import Mark, Page, VideoQuery
from wan_video.domain.names import MODEL_NAME, TASK_ID, VIDEO_ID, metadata_key, video_id, video_key
from wan_video.domain.request import UNKNOWN_PROMPT, VideoFields
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.video import Status, StoredObject, Video
from wan_video.errors import (
    BatchNotFound,
    BudgetExceeded,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    Problem,
    VideoChanged,
    VideoDeleted,
    VideoExists,
    VideoGone,
    VideoNotCancellable,
    VideoNotDeletable,
    VideoNotFound,
    VideoNotReady,
    VideoNotRetryable,
)
from wan_video.services.adopt_task import adopt_task
from wan_video.services.batch_rows import rows_page
from wan_video.services.cancel_task import cancel_task
from wan_video.services.erase import erase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from wan_video.domain.price import Estimate
    from wan_video.domain.token import Token
    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Objects
    from wan_video.ports.pools import Pools
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

WAN_ANSWER_SECONDS: Final = 8.0
"""The longest that `api` waits for one answer of Wan's; a cancellation takes two, and API Gateway gives up after 29."""

MAX_TRIES: Final = 5
"""Times a change is tried on a row that others keep writing."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The video that a request stands for; `replayed` where an earlier request made it."""

    video: Video
    replayed: bool


@dataclass(frozen=True)
class Api:
    """The REST front door; `wan` is called when Wan is first asked something, which is seldom."""

    intake: Intake
    videos: ApiVideos
    batches: Batches
    pools: Pools
    objects: Objects
    repeats: Repeats
    clock: Clock
    wan: Callable[[], WanTasks]
    link_seconds: int
    retention: Retention = FOR_EVER

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
        require(caller, "write")
        return self.accept(caller, fields, body, idempotency_key or self._key(caller, body, sdk_retries)).video

    def accept(self, caller: Token, fields: VideoFields, body: Mapping[str, Any], key: str) -> Accepted:
        """Store and queue the video of a key, or find it; raises what `create` raises, and VideoGone.

        A request that was accepted once is found again also where the same would be refused today.
        """
        require(caller, "write")
        new_id, body_hash = video_id(caller.owner, key), digest(body)
        try:
            video = self.intake.video(caller, fields, new_id=new_id, body_hash=body_hash)
            self.videos.accept(video)
        except VideoExists:
            return Accepted(self._same(new_id, body_hash), replayed=True)
        except (InvalidRequest, BudgetExceeded):
            with suppress(VideoNotFound, VideoGone, IdempotencyKeyReused):
                return Accepted(self._same(new_id, body_hash), replayed=True)
            raise
        return Accepted(video, replayed=False)

    def quote(self, caller: Token, fields: VideoFields) -> Estimate:
        """What a request would cost; nothing is stored. Raises what `create` raises for a request that cannot be."""
        require(caller, "write")
        return self.intake.video(caller, fields, new_id="", body_hash="").estimate

    def import_task(self, caller: Token, task_id: str, fields: VideoFields) -> Video:
        """Adopt a task that exists at Wan: it is polled and delivered, and never submitted.

        Wan is asked first. Importing it again gives the same video. Raises InvalidRequest, also where Wan does not know
        the task, BudgetExceeded, Forbidden, TooManyUnknownTasks where Wan cannot be asked now, TaskClaimed where the
        task belongs to another video, and VideoGone where its video was deleted.
        """
        require(caller, "write")
        if not TASK_ID.fullmatch(task_id):
            raise InvalidRequest([Problem("/task_id", "A task_id has letters, digits, - and _ alone, at most 128.")])
        video = self.intake.imported(caller, fields, task_id=task_id)
        with suppress(VideoNotFound):
            return self._there(video.id)
        try:
            return adopt_task(video, self.videos, self.wan)
        except VideoExists:
            return self._there(video.id)

    def retrieve(self, caller: Token, video_id: str) -> Video:
        """Read a video of the caller's; raises VideoNotFound, also for another owner's."""
        require(caller, "read")
        return self._own(caller, video_id)

    def list(self, caller: Token, query: VideoQuery, after: str | None = None) -> Page:
        """One page of the caller's videos, those of a batch in the order of its file; InvalidRequest for `after`."""
        require(caller, "read")
        if query.model is not None and not MODEL_NAME.fullmatch(query.model):
            return Page([])
        if query.batch_id is not None:
            return self._rows(caller, query.batch_id, query, after)
        if after is not None:
            query = replace(query, after=self._mark(caller, after))
        return self.videos.list(caller.owner, query)

    def position(self, video: Video) -> int | None:
        """How many of the owner's videos go before a queued one, counted to POSITION_LIMIT; None once started."""
        return self.pools.position(video) if video.status is Status.QUEUED else None

    def cancel(self, caller: Token, video_id: str) -> Video:
        """Cancel a video that waits, here or at Wan: nothing is billed.

        What waits here is cancelled for certain. A task that is PENDING at Wan is cancelled there, and the row says
        what Wan then reports. Raises VideoNotFound, and VideoNotCancellable for everything else, also where Wan refuses
        or its answer is lost: `poll` finds out then.
        """
        require(caller, "write")
        for _ in range(MAX_TRIES):
            video = self._own(caller, video_id)
            if video.status is Status.CANCELLED:
                return video
            if video.task is not None:
                return cancel_task(video, self.videos, self.wan(), self.clock)
            if video.status is not Status.QUEUED:
                status = "being started" if video.status is Status.STARTING else video.status
                raise VideoNotCancellable(video_id, status)
            with suppress(VideoChanged):
                return self.videos.save(video, video.cancelled(int(self.clock.now())))
        raise VideoChanged(video_id)

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
        """What a retry would cost; nothing is stored. Raises what `retry` raises for one that is not possible."""
        return self.quote(caller, self._fields_again(caller, video_id, max_price))

    def _fields_again(self, caller: Token, video_id: str, max_price: Decimal | None) -> VideoFields:
        require(caller, "write")
        video = self._own(caller, video_id)
        if not video.status.final:
            raise VideoNotRetryable(video_id, video.status.public)
        if video.request.prompt == UNKNOWN_PROMPT:
            raise InvalidRequest([Problem("", "Wan never told what this task was asked for; ask for a new video.")])
        return replace(video.request.fields(), max_price=max_price)

    def delete(self, caller: Token, video_id: str) -> None:
        """Delete a video that has ended, and its objects. Raises VideoNotFound, VideoNotDeletable, VideoChanged."""
        require(caller, "write")
        video = self._own(caller, video_id)
        if not video.status.final or video.announced_at is None:
            raise VideoNotDeletable(video_id, video.status.public)
        erase(video, self.videos, self.objects, self.clock.now())

    def usage(self, caller: Token, month: str | None = None) -> tuple[str, Sequence[DayUsage]]:
        """Today (UTC, YYYY-MM-DD), and what the caller's owner used on each day of a month (YYYY-MM), or of today's."""
        require(caller, "read")
        today = utc_day(self.clock.now())
        month = month or today[:7]
        # Text is compared with text: no day comes after the 31st.
        if month > today[:7]:
            return today, ()
        return today, self.pools.usage(caller.owner, f"{month}-01", min(f"{month}-31", today))

    def content(self, caller: Token, video_id: str, variant: str = "video", *, head: bool = False) -> str:
        """Return a short-lived link to the video or its `metadata`, for GET or for HEAD.

        Raises VideoNotFound, VideoNotReady, VideoGone.
        """
        video, _ = self.stored(caller, video_id)
        if variant == "metadata":
            name = f"{video_id}.json"
            return self.objects.link(metadata_key(video_id), filename=name, seconds=self.link_seconds, head=head)
        return self.link(video, head=head)

    def stored(self, caller: Token, video_id: str) -> tuple[Video, StoredObject]:
        """A completed video of the caller's and its file; raises VideoNotFound, VideoNotReady, VideoGone."""
        try:
            video = self.retrieve(caller, video_id)
        except VideoDeleted:
            raise VideoGone(video_id, "deleted") from None
        if video.object is None:
            error = VideoGone if video.status.final else VideoNotReady
            raise error(video_id, video.status.public)
        if not self.keeps(video):
            raise VideoGone(video_id, "no longer kept")
        return video, video.object

    def keeps(self, video: Video) -> bool:
        """Whether a video's time is not over yet; `sweep` deletes it some minutes after that."""
        return not self.retention.is_over(video.ended_at, self.clock.now())

    def documents(self, videos: Sequence[Video]) -> Sequence[dict[str, Any]]:
        """Videos as users see them now."""
        now, poor = self.clock.now(), self._over_budget(videos)
        return [document(video, now, self.retention, over_budget=video.id in poor) for video in videos]

    def link(self, video: Video, *, save: bool = False, head: bool = False) -> str:
        """Return a short-lived link to a stored video, to show it or to save it, for GET or for HEAD."""
        name = f"{video.id}.mp4"
        return self.objects.link(video_key(video.id), filename=name, seconds=self.link_seconds, save=save, head=head)

    def lasting_path(self, video: Video) -> str | None:
        """A path of this API that opens a stored video to whoever has it, for LINK_LIFE_SECONDS."""
        if video.status is not Status.COMPLETED or not video.link_key:
            return None
        until = int(self.clock.now()) + LINK_LIFE_SECONDS
        return f"/files/{video.id}/{file_name(video.link_key, video.id, until)}"

    def _over_budget(self, videos: Sequence[Video]) -> frozenset[str]:
        """The ids of those that wait and that today's budgets have no room for."""
        limits = {video.id: {video.owner: video.daily_seconds, STACK: self.intake.daily_seconds} for video in videos}
        waiting = [video for video in videos if video.status is Status.QUEUED and any(limits[video.id].values())]
        if not waiting:
            return frozenset()
        used = self.pools.used_by({STACK, *(video.owner for video in waiting)}, utc_day(self.clock.now()))
        return frozenset(
            video.id
            for video in waiting
            for owner, limit in limits[video.id].items()
            if limit is not None and used[owner] + video.request.seconds > limit
        )

    def _key(self, caller: Token, body: Mapping[str, Any], sdk_retries: int | None) -> str:
        """A key for a request that has none: a new one, but that of the other sendings where an SDK repeats itself."""
        key = f"request\0{secrets.token_hex(16)}"
        if sdk_retries is None:
            return key
        now = int(self.clock.real())
        if sdk_retries:
            since = now - SDK_RETRY_SECONDS
            return self.repeats.first(caller.owner, digest(body), key, now=now, since=since, session=_REPETITION)
        # Two first sendings are two requests; one that comes after a repetition is the request that was repeated.
        return self.repeats.first(caller.owner, digest(body), key, now=now, since=now - LATE_SECONDS, except_of="")

    def _own(self, caller: Token, video_id: str) -> Video:
        if not VIDEO_ID.fullmatch(video_id):
            raise VideoNotFound(video_id)
        try:
            video = self.videos.get(video_id)
        except VideoDeleted as error:
            # Not even that it was there is another owner's business.
            raise error if error.owner == caller.owner else VideoNotFound(video_id) from None
        if video.owner != caller.owner:
            raise VideoNotFound(video_id)
        return video

    def _rows(self, caller: Token, batch_id: str, query: VideoQuery, after: str | None) -> Page:
        if not VIDEO_ID.fullmatch(batch_id):
            return Page([])
        try:
            batch = self.batches.get(batch_id)
        except BatchNotFound:
            return Page([])
        return rows_page(self.videos, batch, query, after) if batch.owner == caller.owner else Page([])

    def _mark(self, caller: Token, video_id: str) -> Mark:
        """Where a page begins; whoever deletes what a page holds goes on after what is gone."""
        try:
            video = self._own(caller, video_id)
        except VideoDeleted as error:
            return Mark(video_id, error.created_at)
        except VideoNotFound:
            raise InvalidRequest([Problem("/after", f"There is no video {video_id!r} to go on after.")]) from None
        return Mark(video.id, video.created_at)

    def _same(self, video_id: str, body_hash: str) -> Video:
        """The video of a key, if it was the same request; raises IdempotencyKeyReused, VideoGone, VideoNotFound."""
        there = self._there(video_id)
        if there.body_hash != body_hash:
            raise IdempotencyKeyReused
        return there

    def _there(self, video_id: str) -> Video:
        """The video that has an id already; raises VideoGone where it was deleted."""
        try:
            return self.videos.get(video_id)
        except VideoDeleted:
            raise VideoGone(video_id, "deleted") from None


def digest(body: Mapping[str, Any]) -> str:
    """What identical bodies have in common: SHA-256 (hex) of their canonical JSON."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def require(caller: Token, scope: str) -> None:
    """Raise Forbidden where a token lacks a scope; `admin` has them all."""
    if scope not in caller.scopes and "admin" not in caller.scopes:
        raise Forbidden(scope)
