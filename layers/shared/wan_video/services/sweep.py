"""sweep: find what fell between, and mend it. Each repair is idempotent; finding nothing is the usual result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from wan_video.domain.video import TASK_LIFE_SECONDS, Status, Video
from wan_video.errors import VideoChanged, VideoNotFound
from wan_video.ports import Clock, Executions, Pools, Videos
from wan_video.services.announce import Announce
from wan_video.services.report_failure import ReportFailure

QUIET_SECONDS: Final = 600
"""How long a row may stay unwritten before it is looked at."""

FIRST_GAP_SECONDS: Final = 300
LONGEST_GAP_SECONDS: Final = 2 * 3600
LATE_SECONDS: Final = 12 * 3600
"""A video that is made but not stored by then is reported: half of its link's life is gone."""

LONGEST_LIFE_SECONDS: Final = 3 * TASK_LIFE_SECONDS + 3600
"""A day to submit, a day at Wan, a day to store: whoever still works on a video after that never comes to an end."""

MAX_RESTARTS_WITHOUT_TASK: Final = 3
"""Restarts of a video that certainly has no task; one that has, or may have, is carried on while Wan knows the task."""


@dataclass(frozen=True)
class Sweep:
    """Repairs lost starts, dead executions, leaked places and unpublished notices."""

    videos: Videos
    pools: Pools
    executions: Executions
    announce: Announce
    report_failure: ReportFailure
    clock: Clock

    def __call__(self, pools: Collection[str]) -> Counter[str]:
        """Look at every row that has been quiet, and at the named pools; counts the repairs by name.

        Raises an ExceptionGroup, once all the others are done, where some could not be mended.
        """
        repairs: Counter[str] = Counter()
        for pool in self.pools.read(pools):
            rows = self.videos.get_many(pool.running)
            for video_id in pool.running:
                row = rows.get(video_id)
                if row is None or row.place != pool.name:
                    self.pools.give_back(pool.name, video_id)
                    repairs["place_given_back"] += 1
        failures: list[Exception] = []
        for video_id in self.videos.open(int(self.clock.now()) - QUIET_SECONDS):
            try:
                repairs += self.video(video_id)
            except Exception as error:  # noqa: BLE001  (one that cannot be mended must not keep the others waiting)
                failures.append(error)
        if failures:
            raise ExceptionGroup(f"{len(failures)} videos could not be mended", failures)
        return repairs

    def video(self, video_id: str) -> Counter[str]:
        """Mend one video; counts by name the repair, if there was one, and a delivery that is late."""
        try:
            video = self.videos.get(video_id)
            late = video.usage is not None and not video.status.final and self._age(video) > LATE_SECONDS
            found = [self._mend(video) if video.open else None, "delivery_delayed" if late else None]
        except (VideoNotFound, VideoChanged):
            # Gone, or somebody is at work on it: nothing to mend.
            return Counter()
        return Counter(repair for repair in found if repair)

    def _age(self, video: Video) -> int:
        return video.task_age(int(self.clock.now()))

    def _mend(self, video: Video) -> str | None:
        if video.status.final:
            self.announce(video)
            return "notice_published"
        now = int(self.clock.now())
        if now - (video.started_at or now) > LONGEST_LIFE_SECONDS:
            self.report_failure(video.id)
            return "failure_reported"
        status = self.executions.status(video.id, video.execution)
        if status == "RUNNING":
            return None
        if status is None and video.status is Status.STARTING:
            self.executions.start(video)
            return "start_completed"
        successor = video.execution + 1
        if self.executions.status(video.id, successor) == "RUNNING":
            self.videos.save(video, video.restarted(now, successor))
            return "successor_noted"
        return self._restart(video, now, successor)

    def _restart(self, video: Video, now: int, execution: int) -> str | None:
        gap = min(FIRST_GAP_SECONDS * 2 ** min(video.restarts, 10), LONGEST_GAP_SECONDS) if video.restarts else 0
        if now - video.updated_at < gap:
            return None
        may_exist = video.task is not None or video.in_doubt
        if video.task_age(now) > TASK_LIFE_SECONDS or (not may_exist and video.restarts >= MAX_RESTARTS_WITHOUT_TASK):
            self.report_failure(video.id)
            return "failure_reported"
        self.executions.start(self.videos.save(video, video.restarted(now, execution)))
        return "execution_restarted"
