"""What wakes dispatch and sweep, and what they mend."""

from __future__ import annotations

import pytest

from tests.integration.handlers.project import Project
from tools.harness.lambdas import event, invoke
from tools.harness.samples import made, running, starting, stored
from tools.harness.stack import BUCKET
from wan_video.domain.names import metadata_key, video_key
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status
from wan_video.errors import VideoDeleted


def test_a_dead_execution_is_carried_on_when_its_event_comes(project: Project) -> None:
    video_id = "video_0123456789abcdef0123456789abcdef"
    project.stack.videos.accept(running(video_id))
    assert invoke("sweep", event("execution_status_change")) == {"execution_restarted": 1}
    assert project.stack.executions() == {
        f"{video_id}-2": {"video_id": video_id, "n": 2, "task_id": f"task-of-{video_id}"}
    }
    assert invoke("sweep", event("execution_status_change")) == {}


def test_the_scheduled_sweep_completes_lost_starts_and_publishes_lost_notices(project: Project) -> None:
    project.at(3600)
    late = int(project.simulator.wan.clock.now()) - 3600
    for video in (starting("video_1"), made("video_2").ended(late, Failure("x", "y", "deliver", True))):
        project.stack.videos.accept(video)
    assert invoke("sweep", event("schedule")) == {"start_completed": 1, "notice_published": 1}
    assert list(project.stack.executions()) == ["video_1-1"]
    assert [notice["type"] for notice in project.notices()] == ["video.failed"]
    assert invoke("sweep", event("schedule")) == {}


def test_the_scheduled_sweep_deletes_what_was_kept_long_enough(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "7")
    now = int(project.simulator.wan.clock.now())
    for video_id, age in (("video_1", 7), ("video_2", 6)):
        at = now - age * 24 * 3600
        project.stack.videos.accept(made(video_id).completed(at, stored(video_id)).announced(at))
        for key in (video_key(video_id), metadata_key(video_id)):
            project.stack.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    assert invoke("sweep", event("schedule")) == {"video_deleted": 1}
    listed = project.stack.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert {entry["Key"] for entry in listed} == {video_key("video_2"), metadata_key("video_2")}
    with pytest.raises(VideoDeleted):
        project.stack.videos.get("video_1")
    assert invoke("sweep", event("schedule")) == {}


@pytest.mark.parametrize("name", ["stream_insert", "stream_modify", "schedule"])
def test_every_trigger_of_dispatch_fills_the_places(project: Project, name: str) -> None:
    video_id = project.post("a fox")
    invoke("dispatch", event(name))
    assert project.row(video_id).status is Status.STARTING


def test_the_off_switch_keeps_videos_waiting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARTS", "disabled")
    video_id = project.started("a fox")
    assert project.row(video_id).status is Status.QUEUED
    assert project.stack.executions() == {}
