"""Steps and checks that many tests of the running stack share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e.conftest import Local
from tools.harness.patience import PATIENCE, until
from wan_video_local.client import Video
from wan_video_local.evidence import Execution, execution, executions

T = TypeVar("T")

MODEL = "wan2.5-t2v-preview"
FINAL_SECONDS = PATIENCE
NOTICE_SECONDS = PATIENCE


def request(prompt: str) -> dict[str, Any]:
    """Return a request for a small video, which is quickly made."""
    return {"prompt": prompt, "model": MODEL, "size": "832x480", "seconds": 5}


def make(local: Local, prompt: str) -> Video:
    """Ask for a video, wait until it is final, and return it."""
    return local.client.await_final(local.client.create(request(prompt))["id"], within=FINAL_SECONDS)


def accepted(local: Local, prompt: str) -> list[dict[str, Any]]:
    """Return the tasks that the simulator accepted for one prompt, by its own ledger."""
    digest = hashlib.sha256(prompt.encode()).hexdigest()
    return [entry for entry in local.simulator.entries("accepted") if entry["prompt_sha256"] == digest]


def objects(local: Local, video_id: str) -> list[str]:
    """Return the names of everything that is stored for one video, except the thumbnail, which is made at some time."""
    listed = local.stack.aws.s3.list_objects_v2(
        Bucket=local.stack.outputs["VideosBucketName"], Prefix=f"videos/{video_id}/"
    )
    names = [entry["Key"].rpartition("/")[2] for entry in listed.get("Contents", [])]
    return [name for name in names if name != "thumbnail.jpg"]


def failures(local: Local, video_id: str) -> list[str]:
    """Return the names of the errors in a video's executions, in order."""
    events = [event for execution in executions_of(local, video_id) for event in execution.events]
    return [event["taskFailedEventDetails"]["error"] for event in events if event["type"] == "TaskFailed"]


def await_success(local: Local, video_id: str) -> None:
    """Wait until a video's first execution has ended, just after the video; it must have succeeded."""
    await_that(lambda: execution_status(local, video_id) != "RUNNING" or None, "the end of the execution")
    assert execution_status(local, video_id) == "SUCCEEDED"


def execution_status(local: Local, video_id: str) -> str:
    """Return the status of a video's first execution."""
    return str(execution(local.stack.aws, local.stack.outputs["StateMachineArn"], f"{video_id}-1")["status"])


def executions_of(local: Local, video_id: str) -> list[Execution]:
    """Return every execution of a video, first to last, with its input and its whole history."""
    found = executions(local.stack.aws, local.stack.outputs["StateMachineArn"], f"{video_id}-")
    return sorted(found, key=lambda execution: int(execution.name.rpartition("-")[2]))


def await_chain(local: Local, video_id: str) -> list[Execution]:
    """Wait until the last execution of a video has ended, and return all of them, first to last."""

    def ended() -> list[Execution] | None:
        chain = executions_of(local, video_id)
        return chain if chain[-1].status != "RUNNING" else None

    return await_that(ended, "the end of the last execution")


def assert_stored_once(local: Local, video: Video, prompt: str, folder: Path, *, overlapping: bool = False) -> None:
    """Check for one object, equal to the simulator's byte for byte, one billed task, and one notice.

    If two deliveries overlap, both may announce the video at the same moment, with the same id (docs/events.md).
    """
    assert video["status"] == "completed"
    task_id = video["upstream"]["task_id"]
    path = folder / "video.mp4"
    local.client.download(video["id"], path)
    assert path.read_bytes() == local.simulator.film(task_id)
    assert sorted(objects(local, video["id"])) == ["metadata.json", "video.mp4"]
    assert [entry["task_id"] for entry in accepted(local, prompt)] == [task_id]
    assert len(local.simulator.entries_about(task_id, "billed")) == 1
    assert local.notices.await_about(video["id"], within=NOTICE_SECONDS)["type"] == "video.completed"
    events = local.notices.about(video["id"])
    assert len({event["id"] for event in events}) == 1
    assert len(events) == 1 or overlapping


def await_that(holds: Callable[[], T | None], what: str, *, within: float = FINAL_SECONDS) -> T:
    """Call `holds` until it returns a value, and return that; if there is none in time, the error names `what`."""
    return until(holds, what, every=0.2, within=within)
