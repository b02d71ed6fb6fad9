"""api: take in requests for videos, and show what became of them."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wan_video.domain.request import VideoFields
from wan_video.domain.video import TASK_ID, Video, video_id
from wan_video.errors import (
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    Problem,
    VideoExists,
    VideoGone,
    VideoNotFound,
    VideoNotReady,
)
from wan_video.ports import Clock, Objects, Token, Videos
from wan_video.services.deliver import metadata_key
from wan_video.services.intake import Intake


@dataclass(frozen=True)
class Api:
    """The REST front door."""

    intake: Intake
    videos: Videos
    objects: Objects
    clock: Clock
    link_seconds: int

    def create(
        self, caller: Token, fields: VideoFields, body: Mapping[str, Any], idempotency_key: str | None = None
    ) -> Video:
        """Accept a request: it is stored and queued, and will be paid for at most once.

        `body` is the request as it came; with an Idempotency-Key the same body gives the same video.
        Raises InvalidRequest, BudgetExceeded, Forbidden, IdempotencyKeyReused; nothing is stored then.
        """
        _require(caller, "write")
        new_id = video_id(caller.owner, idempotency_key or secrets.token_hex(16))
        video = self.intake.video(caller, fields, new_id=new_id, body_hash=_digest(body))
        try:
            self.videos.accept(video)
        except VideoExists:
            there = self.videos.get(video.id)
            if there.body_hash != video.body_hash:
                raise IdempotencyKeyReused from None
            return there
        return video

    def import_task(self, caller: Token, task_id: str, fields: VideoFields) -> Video:
        """Adopt a task that exists at Wan: it is polled and delivered, and never submitted.

        Importing it again gives the same video. Raises InvalidRequest, Forbidden, and TaskClaimed where the task
        belongs to another video.
        """
        _require(caller, "write")
        if not TASK_ID.fullmatch(task_id):
            raise InvalidRequest([Problem("/task_id", "A task_id has letters, digits, - and _ alone, at most 128.")])
        video = self.intake.imported(caller, fields, task_id=task_id)
        try:
            self.videos.adopt(video)
        except VideoExists:
            return self.videos.get(video.id)
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
