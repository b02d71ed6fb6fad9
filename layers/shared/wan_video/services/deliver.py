"""deliver: store the finished video in S3, finish its row, and publish completion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wan_video.domain.document import document
from wan_video.domain.failures import delivery_delayed, not_delivered
from wan_video.domain.hosts import ResultHosts
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.video import TASK_LIFE_SECONDS, StoredObject, TaskStatus, Video, metadata_key, video_key
from wan_video.errors import DeliveryInterrupted, VideoNotFound, WanError
from wan_video.ports import Clock, Objects, Transfer, Videos, Wan
from wan_video.services.announce import Announce


class Outcome(StrEnum):
    """What the state machine goes by; `failed` means that it can never be delivered any more."""

    COMPLETED = "completed"
    FAILED = "failed"
    OVER = "over"


@dataclass(frozen=True)
class Deliver:
    """Delivers videos. The link is a credential: it is asked for afresh, used, and forgotten."""

    videos: Videos
    wan: Wan
    transfer: Transfer
    objects: Objects
    announce: Announce
    hosts: ResultHosts
    clock: Clock
    retention: Retention = FOR_EVER

    def __call__(self, video_id: str, task_id: str) -> Outcome:
        """Deliver a video unless that was done; calling it again is safe at any time.

        Raises DeliveryInterrupted or a WanError where it did not work this time, VideoChanged where another worker
        took over, and what S3 or SNS raise.
        """
        try:
            video = self.videos.get(video_id)
        except VideoNotFound:
            return Outcome.OVER
        if video.status.final:
            self.announce(video)
            return Outcome.OVER
        # An object under this key was written whole and checked, by a worker that died before it could say so.
        stored = self.objects.find(video_key(video_id))
        if stored is None:
            now = int(self.clock.now())
            try:
                stored = self._copy(video, task_id)
            except (DeliveryInterrupted, WanError) as error:
                if video.task_age(now) > TASK_LIFE_SECONDS:
                    self.videos.save(video, video.undeliverable(now, not_delivered(error.code)))
                    return Outcome.FAILED
                delayed = video.delayed(now, delivery_delayed(now))
                if delayed is not video:
                    self.videos.save(video, delayed)
                raise
        self.announce(self._complete(video, stored))
        return Outcome.COMPLETED

    def _copy(self, video: Video, task_id: str) -> StoredObject:
        answer = self.wan.query(video.request.region, task_id)
        if answer.status.upper() != TaskStatus.SUCCEEDED or not answer.video_url:
            raise DeliveryInterrupted("link_missing", f"Wan gave no link; the task is {answer.status}.")
        if not self.hosts.allow(answer.video_url):
            raise DeliveryInterrupted("host_refused", "The link's host is not among the stack's ResultHosts.")
        return self.transfer.copy(answer.video_url, video_key(video.id))

    def _complete(self, video: Video, stored: StoredObject) -> Video:
        now = int(self.clock.now())
        completed = video.completed(now, stored)
        sidecar = {**document(completed, now, self.retention), "bytes": stored.bytes, "etag": stored.etag}
        sidecar["checksums"] = {"crc64nvme": stored.crc64nvme, "crc64xz": stored.crc64xz}
        self.objects.put_json(metadata_key(video.id), sidecar)
        return self.videos.save(video, completed)
