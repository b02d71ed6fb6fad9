"""Valid samples to start a test from; keyword arguments replace single fields."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from wan_video.domain.batch import Batch, Source
from wan_video.domain.budget import Reservation, Usage
from wan_video.domain.models import Region, Size, Tier
from wan_video.domain.price import Estimate
from wan_video.domain.prompt_file import row_id
from wan_video.domain.queue import BATCH, INTERACTIVE, queue_key
from wan_video.domain.request import Defaults, VideoFields, VideoRequest
from wan_video.domain.task import Task, TaskAnswer, TaskStatus
from wan_video.domain.token import Token
from wan_video.domain.video import StoredObject, Video

NOW: Final = 1_780_000_000
"""The time at which a test starts: 2026-05-28T20:26:40Z."""

TODAY: Final = "2026-05-28"

PROMPT: Final = "a fox in a trench coat reads a case file CANARY-PROMPT"
LINK: Final = "https://dashscope-result-sgp.oss-ap-southeast-1.aliyuncs.com/1d/65/a.mp4?Signature=CANARY-LINK"

DEFAULTS: Final = Defaults(
    model="wan2.6-t2v", size=Size(1280, 720), seconds=5, region=Region.SINGAPORE, regions=(Region.SINGAPORE,)
)
EVERYWHERE: Final = replace(DEFAULTS, regions=tuple(Region))

ALICE: Final = Token("alice", frozenset({"read", "write"}))
BOB: Final = Token("bob", frozenset({"read", "write"}))


def fields(**wanted: Any) -> VideoFields:
    """Return the fields of a valid request."""
    return VideoFields(**{"prompt": PROMPT, **wanted})


def request(**wanted: Any) -> VideoRequest:
    """Return a valid request."""
    common = {
        "prompt": PROMPT,
        "model": "wan2.6-t2v",
        "size": Size(1280, 720),
        "seconds": 5,
        "region": Region.SINGAPORE,
        "seed": 7,
    }
    return VideoRequest(**{**common, **wanted})


def request30(**wanted: Any) -> VideoRequest:
    """Return a valid request for wan3.0, which names resolution and aspect ratio."""
    common = {"model": "wan3.0-video", "size": None, "resolution": Tier.P720, "aspect_ratio": "16:9", "audio": True}
    return request(**{**common, **wanted})


def queued(video_id: str = "video_1", *, owner: str = "alice", at: float = NOW, **wanted: Any) -> Video:
    """Return a video that waits for a place."""
    common = {
        "request": request(),
        "body_hash": "0" * 64,
        "queue_key": queue_key(INTERACTIVE, at, video_id),
        "estimate": Estimate(5, Decimal("3.669620"), "CNY", "2026-06-01"),
        "created_at": int(at),
        "updated_at": int(at),
    }
    return Video(id=video_id, owner=owner, **{**common, **wanted})


def starting(video_id: str = "video_1", **wanted: Any) -> Video:
    """Return a video that holds a place and a reservation."""
    video = queued(video_id, **wanted)
    return video.start(NOW, Reservation(TODAY, video.request.most_seconds))


def submitting(video_id: str = "video_1", **wanted: Any) -> Video:
    """Return a video whose POST may be on its way."""
    return starting(video_id, **wanted).submitting(NOW)


def running(video_id: str = "video_1", **wanted: Any) -> Video:
    """Return a video that Wan is generating."""
    return submitting(video_id, **wanted).submitted(NOW, Task(id=task_id_of(video_id), accepted_at=NOW))


def made(video_id: str = "video_1", **wanted: Any) -> Video:
    """Return a video that Wan has finished and that is not stored yet."""
    video = running(video_id, **wanted)
    task = replace(known_task(video), status=TaskStatus.SUCCEEDED)
    return video.task_seen(NOW, task, 1).task_succeeded(NOW, Usage(5, Decimal("3.669620"), "CNY"))


def stored(video_id: str = "video_1", **wanted: Any) -> StoredObject:
    """Return an object in the videos bucket."""
    common = {"bucket": "videos", "key": f"videos/{video_id}/video.mp4", "bytes": 4096, "etag": "abc"}
    return StoredObject(**{**common, "crc64nvme": "0" * 16, "crc64xz": "1" * 16, **wanted})


def task_id_of(video_id: str) -> str:
    """Return the task id that the samples give a video."""
    return f"task-of-{video_id}"


def known_task(video: Video) -> Task:
    """Return the task of a video that has one."""
    assert video.task is not None
    return video.task


def succeeded(task_id: str, **wanted: Any) -> TaskAnswer:
    """Return Wan's answer about a task that has succeeded."""
    common = {"status": "SUCCEEDED", "video_url": LINK, "seconds": 5, "end_time": "2026-05-29 04:30:00.000"}
    return TaskAnswer(task_id=task_id, **{**common, **wanted})


def waiting_batch(batch_id: str = "batch_1", *, owner: str = "alice", at: int = NOW, **wanted: Any) -> Batch:
    """Return a batch whose file has not been uploaded yet."""
    return Batch(id=batch_id, owner=owner, name="prompts.jsonl", created_at=at, updated_at=at, **wanted)


def validating_batch(batch_id: str = "batch_1", **wanted: Any) -> Batch:
    """Return a batch whose file is being read."""
    return waiting_batch(batch_id, **wanted).receive(
        NOW, Source("prompts", f"batches/{batch_id}/prompts.jsonl", "etag")
    )


def open_batch(batch_id: str = "batch_1", *, total: int = 3, refused: int = 0, **wanted: Any) -> Batch:
    """Return a batch whose file was read and that has no written rows yet."""
    return validating_batch(batch_id, **wanted).accept(NOW, total=total, refused=refused)


def ended_batch(batch_id: str = "batch_1", **wanted: Any) -> Batch:
    """Return a batch with two requests, both completed."""
    done = replace(open_batch(batch_id, total=2, **wanted), written=2, last_row=2, started=2, completed=2, left=0)
    return done.finalize(NOW).end(NOW)


def rows_of(batch: Batch, *numbers: int) -> list[Video]:
    """Return the rows of some requests of a batch."""
    ids = {number: row_id(batch.id, number) for number in numbers}
    return [
        queued(name, owner=batch.owner, batch_id=batch.id, queue_key=queue_key(BATCH, batch.created_at, name, number))
        for number, name in ids.items()
    ]
