"""Both stores behind one class, and the steps that several suites take with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol

from tools.harness.samples import NOW, TODAY, queued
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.models import Region
from wan_video.domain.pool import Pool
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.ports.claims import Claims
from wan_video.ports.pools import Pools
from wan_video.ports.quotas import Quotas
from wan_video.ports.videos import ApiVideos, BatchVideos, DispatchVideos, SweepVideos

POOL: Final = "singapore#wan2.6-t2v"
FAILURE: Final = Failure("x", "y", "poll", True)
UNLIMITED: Final[dict[str, int | None]] = {"alice": None, STACK: None}


class Videos(ApiVideos, BatchVideos, DispatchVideos, SweepVideos, Protocol):
    """All ports of the rows together."""


@dataclass(frozen=True)
class Store:
    """The ports over the same rows."""

    videos: Videos
    pools: Pools
    claims: Claims
    quotas: Quotas

    def pool(self, name: str = POOL) -> Pool:
        (pool,) = self.pools.read([name])
        return pool

    def accept(self, video: Video) -> Video:
        self.videos.accept(video)
        return video

    def start(self, video: Video, places: int = 6, budgets: dict[str, int | None] | None = None) -> Video:
        started = video.start(NOW, Reservation(TODAY, video.request.seconds))
        return self.videos.start(video, started, places=places, budgets=budgets or {video.owner: None, STACK: None})

    def used(self, day: str = TODAY) -> tuple[int, int]:
        used = self.pools.used_by(["alice", STACK], day)
        return used["alice"], used[STACK]

    def submitting(self, video_id: str = "video_1") -> Video:
        """Save a video whose intent to submit is recorded, and return it."""
        started = self.start(self.accept(queued(video_id)))
        return self.videos.save(started, started.submitting(NOW))

    def submitted(self, video_id: str = "video_1") -> Video:
        """Save a video whose task is known, and return it."""
        saved = self.submitting(video_id)
        return self.videos.save(saved, saved.submitted(NOW, Task(id=f"task-{video_id}", accepted_at=NOW)))


def adopted(video_id: str, region: Region = Region.SINGAPORE) -> Video:
    """Return a video that starts with its task."""
    video = queued(video_id)
    asked = replace(video.request, region=region)
    return replace(video, request=asked, status=Status.STARTING, execution=1, task=Task("task_1", NOW), started_at=NOW)
