"""The triggers of dispatch and sweep, and what they repair."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.handlers.project import Project
from tools.harness.lambdas import event, invoke
from tools.harness.samples import made, running, starting, stored
from tools.harness.stack import BUCKET
from wan_video.domain.names import object_keys
from wan_video.domain.quota import Quota
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status
from wan_video.errors import VideoDeleted


def test_a_dead_execution_is_continued_when_its_event_arrives(project: Project) -> None:
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


def test_the_scheduled_sweep_deletes_videos_after_their_term(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "7")
    now = int(project.simulator.wan.clock.now())
    for video_id, age in (("video_1", 7), ("video_2", 6)):
        at = now - age * 24 * 3600
        project.stack.videos.accept(made(video_id).completed(at, stored(video_id)).announced(at))
        for key in object_keys(video_id):
            project.stack.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    assert invoke("sweep", event("schedule")) == {"video_deleted": 1}
    listed = project.stack.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert {entry["Key"] for entry in listed} == set(object_keys("video_2"))
    with pytest.raises(VideoDeleted):
        project.stack.videos.get("video_1")
    assert invoke("sweep", event("schedule")) == {}


def throttled(*pools: str) -> dict[str, Any]:
    """The stream's records of rows whose submission Wan has just answered with 429."""
    stream = event("stream_modify")
    (record,) = stream["Records"]
    records = [json.loads(json.dumps(record)) for _ in pools]
    for one, pool in zip(records, pools, strict=True):
        one["dynamodb"]["NewImage"] |= {"pool": {"S": pool}, "throttled_at": {"N": "1795361400"}}
    return {"Records": records}


def test_a_429_causes_a_reading_of_the_models_quota_at_most_once_a_minute(project: Project) -> None:
    pool = "singapore#wan2.6-t2v"
    project.simulator.set_quota("wan2.6-t2v", async_user_concurrency_limit=2)
    assert invoke("sweep", throttled(pool, pool)) == {"quota_changed": 1}
    assert project.stack.quotas.stated([pool])[pool].quota == Quota(2)
    project.simulator.set_quota("wan2.6-t2v", async_user_concurrency_limit=20)
    assert invoke("sweep", throttled(pool)) == {}
    project.at(60)
    assert invoke("sweep", throttled(pool)) == {"quota_changed": 1}
    assert project.stack.quotas.stated([pool])[pool].quota == Quota(20)


def test_the_scheduled_sweep_reads_every_quota_and_every_retirement(project: Project) -> None:
    project.simulator.set_quota("wan2.2-t2v-plus", async_user_concurrency_limit=1)
    project.simulator.retire("wan2.6-t2v", 1_800_000_000)
    assert invoke("sweep", event("schedule")) == {"quota_changed": 1}
    stated = project.stack.quotas.stated(["singapore#wan2.2-t2v-plus", "singapore#wan2.6-t2v"])
    assert stated["singapore#wan2.2-t2v-plus"].quota == Quota(1)
    assert stated["singapore#wan2.6-t2v"].retires_at == 1_800_000_000
    assert invoke("sweep", event("schedule")) == {}


@pytest.mark.parametrize("routes", [["quotas"], ["models/limits"]])
def test_a_quota_is_read_by_either_of_wans_paths(project: Project, routes: list[Any]) -> None:
    project.simulator.wan.switches.quota_routes = routes
    project.simulator.set_quota("wan2.6-t2v", async_user_concurrency_limit=2)
    assert invoke("sweep", throttled("singapore#wan2.6-t2v")) == {"quota_changed": 1}


def test_without_a_quota_api_only_the_readings_fail(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.simulator.wan.switches.quota_routes = []
    assert invoke("sweep", throttled("singapore#wan2.6-t2v")) == {}
    assert '"QuotaUnread":[1.0]' in capsys.readouterr().out
    assert project.stack.quotas.stated(["singapore#wan2.6-t2v"])["singapore#wan2.6-t2v"].quota is None


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
