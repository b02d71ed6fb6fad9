"""api: take in requests for videos, and show what became of them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wan_video.domain.models import MAX_SEED
from wan_video.domain.request import Defaults, VideoFields, validate
from wan_video.domain.video import INTERACTIVE, Video, queue_key, video_id
from wan_video.errors import (
    BudgetExceeded,
    Forbidden,
    IdempotencyKeyReused,
    VideoExists,
    VideoGone,
    VideoNotFound,
    VideoNotReady,
)
from wan_video.ports import Clock, Objects, Token, Videos
from wan_video.services.deliver import metadata_key


def new_seed() -> int:
    """A seed for a request that names none, so that the row always knows the one used."""
    return secrets.randbelow(MAX_SEED + 1)


@dataclass(frozen=True)
class Api:
    """The REST front door. `daily_seconds` is the stack's budget (seconds of video a UTC day), None for none."""

    videos: Videos
    objects: Objects
    clock: Clock
    defaults: Defaults
    link_seconds: int
    daily_seconds: int | None = None
    seed: Callable[[], int] = new_seed

    def create(
        self, caller: Token, fields: VideoFields, body: Mapping[str, Any], idempotency_key: str | None = None
    ) -> Video:
        """Accept a request: it is stored and queued, and will be paid for at most once.

        `body` is the request as it came; with an Idempotency-Key the same body gives the same video.
        Raises InvalidRequest, BudgetExceeded, Forbidden, IdempotencyKeyReused; nothing is stored then.
        """
        _require(caller, "write")
        request, estimate = validate(fields, self.defaults, self.seed)
        for limit, whose in ((caller.daily_seconds, "token"), (self.daily_seconds, "stack")):
            if limit is not None and estimate.seconds > limit:
                raise BudgetExceeded(
                    f"{estimate.seconds} seconds never fit the {limit} a day that this {whose} allows."
                )
        now = self.clock.now()
        new_id = video_id(caller.owner, idempotency_key or secrets.token_hex(16))
        video = Video(
            id=new_id,
            owner=caller.owner,
            request=request,
            body_hash=_digest(body),
            estimate=estimate,
            daily_seconds=caller.daily_seconds,
            queue_key=queue_key(INTERACTIVE, now, new_id),
            created_at=int(now),
            updated_at=int(now),
        )
        try:
            self.videos.accept(video)
        except VideoExists:
            there = self.videos.get(video.id)
            if there.body_hash != video.body_hash:
                raise IdempotencyKeyReused from None
            return there
        return video

    def retrieve(self, caller: Token, video_id: str) -> Video:
        """Read a video of the caller's; raises VideoNotFound, also for another owner's."""
        _require(caller, "read")
        video = self.videos.get(video_id)
        if video.owner != caller.owner:
            raise VideoNotFound(video_id)
        return video

    def content(self, caller: Token, video_id: str, variant: str = "video") -> str:
        """A short-lived link to the video (or its `metadata`); raises VideoNotFound, VideoNotReady, VideoGone."""
        video = self.retrieve(caller, video_id)
        if video.object is None:
            error = VideoGone if video.status.final else VideoNotReady
            raise error(video_id, video.status.public)
        if variant == "metadata":
            return self.objects.link(metadata_key(video_id), filename=f"{video_id}.json", seconds=self.link_seconds)
        return self.objects.link(video.object.key, filename=f"{video_id}.mp4", seconds=self.link_seconds)


def _digest(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _require(caller: Token, scope: str) -> None:
    if scope not in caller.scopes and "admin" not in caller.scopes:
        raise Forbidden(scope)
