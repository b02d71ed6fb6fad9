"""deliver: store the finished video in S3, finish its row, and publish completion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wan_video.domain.document import stored_document
from wan_video.domain.failures import delivery_delayed, not_delivered
from wan_video.domain.names import metadata_key, object_keys, video_key
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.task import TASK_LIFE_SECONDS, TaskStatus
from wan_video.errors import DeliveryInterrupted, VideoChanged, VideoNotFound, WanError

if TYPE_CHECKING:
    from wan_video.domain.hosts import ResultHosts
    from wan_video.domain.objects import FoundObject
    from wan_video.domain.video import StoredObject, Video
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Objects, Transfer
    from wan_video.ports.videos import Videos
    from wan_video.ports.wan import Wan
    from wan_video.services.announce import Announce

LONGEST_SECONDS: Final = 900.0
"""The maximum time, in seconds, that AWS allows a function to run."""

CLOSING_SECONDS: Final = 120.0
"""Seconds reserved for everything after the last byte: the object, the row and the notice."""


class Outcome(StrEnum):
    """The result for the state machine; `failed` means that the video can never be delivered."""

    COMPLETED = "completed"
    FAILED = "failed"
    OVER = "over"


@dataclass(frozen=True)
class Deliver:
    """The service that delivers videos. A link is a credential: it is requested each time, and never stored."""

    videos: Videos
    wan: Wan
    transfer: Transfer
    objects: Objects
    announce: Announce
    hosts: ResultHosts
    clock: Clock
    retention: Retention = FOR_EVER

    def __call__(self, video_id: str, task_id: str, seconds: float = LONGEST_SECONDS) -> Outcome:
        """Deliver a video within `seconds`, unless it was delivered. Calling it again is safe at any time.

        Raises DeliveryInterrupted or a WanError if it failed this time, VideoChanged if another worker took over, and
        what S3 or SNS raise.
        """
        try:
            video = self.videos.get(video_id)
        except VideoNotFound:
            self._take_away(video_id)
            return Outcome.OVER
        if video.status.final:
            self.announce(video)
            return Outcome.OVER
        found = self.objects.find(video_key(video_id))
        # The object exists if a worker died before it could save the row. Any other object is replaced.
        stored = found.object if found is not None and self._is_result(found, task_id) else None
        if stored is None:
            now = self.clock.unix_seconds()
            try:
                copy_seconds = min(seconds, LONGEST_SECONDS) - CLOSING_SECONDS
                stored = self.transfer.copy(
                    lambda: self._link(video, task_id),
                    video_key(video_id),
                    task_id,
                    copy_seconds,
                    found.object if found is not None else None,
                )
            except (DeliveryInterrupted, WanError) as error:
                if video.task_age(now) <= TASK_LIFE_SECONDS:
                    self.videos.save(video, video.delivery_failed(now, delivery_delayed(now)))
                    raise
                if found is None or not self._is_older_result(found):
                    self.videos.save(video, video.undeliverable(now, not_delivered(error.code)))
                    return Outcome.FAILED
                stored = found.object
        try:
            completed = self._complete(video, stored)
        except VideoChanged:
            if self._is_wanted(video_id):
                raise
            self._take_away(video_id)
            return Outcome.OVER
        self.announce(completed)
        return Outcome.COMPLETED

    def _is_result(self, found: FoundObject, task_id: str) -> bool:
        """Return whether an object names this task and has the CRC that its metadata states."""
        return found.task_id == task_id and self.objects.is_sound(found.object)

    def _is_older_result(self, found: FoundObject) -> bool:
        """Return whether an object that does not name a task has the CRC that its metadata states.

        Earlier releases stored results in this way. While there is a link, such an object is replaced. Later it is the
        only copy of a video that was paid for.
        """
        return found.task_id is None and self.objects.is_sound(found.object)

    def _is_wanted(self, video_id: str) -> bool:
        """Return whether the object may still belong to a video, which was neither deleted nor has failed."""
        try:
            video = self.videos.get(video_id)
        except VideoNotFound:
            return False
        return video.object is not None or not video.status.final

    def _take_away(self, video_id: str) -> None:
        """Delete what a slow copy stored for a video that has ended."""
        self.objects.delete(object_keys(video_id))

    def _link(self, video: Video, task_id: str) -> str:
        answer = self.wan.query(video.request.region, task_id, video.base_url)
        if answer.status.upper() != TaskStatus.SUCCEEDED or not answer.video_url:
            raise DeliveryInterrupted("link_missing", f"Wan gave no link; the task is {answer.status}.")
        if not self.hosts.allow(answer.video_url):
            raise DeliveryInterrupted("host_refused", "The link leads to no host of Wan's, or ResultHosts excludes it.")
        return answer.video_url

    def _complete(self, video: Video, stored: StoredObject) -> Video:
        now = self.clock.unix_seconds()
        completed = video.completed(now, stored)
        self.objects.put_json(metadata_key(video.id), stored_document(completed, stored, now, self.retention))
        return self.videos.save(video, completed)
