"""A video passes through all functions, from its request to its notice."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest
import requests

from tests.integration.handlers.project import POOL, TOKEN, Project, put_token
from tools.harness.lambdas import event, invoke
from tools.harness.patience import PATIENCE
from tools.harness.stack import BUCKET
from wan_simulator.faults import Fault
from wan_video.domain.names import video_key
from wan_video.errors import DeliveryInterrupted


def test_a_prompt_becomes_a_stored_announced_video_and_one_bill(project: Project) -> None:
    video_id = project.post("a fox")
    project.dispatch()
    assert project.stack.executions() == {f"{video_id}-1": {"video_id": video_id, "n": 1}}
    submitted = project.submit(video_id)
    task_id = submitted["task_id"]
    assert submitted == {"outcome": "submitted", "task_id": task_id}
    waiting = project.poll(video_id, task_id)
    assert waiting["outcome"] == "running"
    assert waiting["task_status"] in ("PENDING", "RUNNING")
    project.simulator.finish(task_id)
    assert project.poll(video_id, task_id) == {"outcome": "succeeded", "task_status": "SUCCEEDED"}
    (pool,) = project.stack.pools.read([POOL])
    assert pool.running == frozenset()
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}

    (notice,) = project.notices()
    assert (notice["type"], notice["data"]["id"]) == ("video.completed", video_id)
    body = project.stack.s3.get_object(Bucket=BUCKET, Key=notice["data"]["s3"]["key"])["Body"].read()
    (billed,) = [entry for entry in project.simulator.ledger("billed") if entry["task_id"] == task_id]
    assert hashlib.sha256(body).hexdigest() == billed["sha256"]
    assert project.billed == 1
    link = project.get(video_id, "/content")["multiValueHeaders"]["Location"][0]
    assert requests.get(link, timeout=PATIENCE).content == body
    shown = json.loads(project.get(video_id)["body"])
    assert (shown["status"], shown["progress"], shown["usage"]["seconds"]) == ("completed", 100, 2)
    sidecar = json.loads(
        project.stack.s3.get_object(Bucket=BUCKET, Key=f"videos/{video_id}/metadata.json")["Body"].read()
    )
    assert (sidecar["id"], sidecar["status"], sidecar["bytes"]) == (video_id, "completed", len(body))


def spent(project: Project) -> tuple[int, int]:
    """Return the reserved and the spent seconds of the owner, as the API shows them."""
    today = json.loads(invoke("api", event("api_get") | {"path": "/v1/usage"})["body"])["today"]
    return today["reserved_seconds"], today["spent_seconds"]


def test_usage_is_what_the_simulator_billed_from_the_start_of_a_video_to_its_end(project: Project) -> None:
    before = len(project.simulator.ledger("billed"))
    fox, task_id = project.finished("a fox")
    assert spent(project) == (2, 0)
    project.poll(fox, task_id)
    assert spent(project) == (0, 2)
    for _ in range(3):
        project.deliver(fox, task_id)
        project.poll(fox, task_id)
        assert spent(project) == (0, 2)
    failing, failed_task = project.finished("a hen [simulate:task:InternalError]")
    project.poll(failing, failed_task)
    project.report_failure(failing)
    billed = project.simulator.ledger("billed")[before:]
    assert spent(project) == (0, sum(entry["seconds"] for entry in billed)) == (0, 2)


def test_a_foreign_object_under_the_key_of_a_video_is_never_announced(project: Project) -> None:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.stack.s3.put_object(Bucket=BUCKET, Key=video_key(video_id), Body=b"7 bytes")
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}
    (notice,) = project.notices()
    (billed,) = [entry for entry in project.simulator.ledger("billed") if entry["task_id"] == task_id]
    body = project.stack.s3.get_object(Bucket=BUCKET, Key=video_key(video_id))["Body"].read()
    assert (notice["data"]["s3"]["bytes"], hashlib.sha256(body).hexdigest()) == (billed["bytes"], billed["sha256"])


def test_one_id_connects_the_request_with_the_notice(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.deliver(video_id, task_id)
    (envelope,) = project.stack.notices()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    about = [line for line in lines if line.get("video_id") == video_id]
    words = [line["message"] for line in about]
    assert words == ["api", "started", "task created", "submit", "poll", "ended", "deliver"]
    assert about[0]["request_id"] == event("api_post")["requestContext"]["requestId"]
    assert about[-1]["outcome"] == "completed"
    assert list(project.stack.executions()) == [f"{video_id}-1"]
    notice = json.loads(envelope["Message"])["data"]
    assert (notice["id"], notice["s3"]["key"]) == (video_id, video_key(video_id))


def test_each_metric_is_measured_once_for_each_video(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    video_id, task_id = project.finished("a fox")
    for _ in range(2):
        project.poll(video_id, task_id)
        project.deliver(video_id, task_id)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    blobs = [line["_aws"]["CloudWatchMetrics"][0]["Metrics"] for line in lines if "_aws" in line]
    counted = Counter(metric["Name"] for metrics in blobs for metric in metrics)
    once = {"VideosStarted", "QueueSeconds", "GenerationSeconds", "Videos", "VideoSeconds", "PriceCNY", "TotalSeconds"}
    assert {name: counted[name] for name in (*once, "Bytes")} == dict.fromkeys((*once, "Bytes"), 1)


def test_every_step_may_be_repeated(project: Project) -> None:
    video_id, task_id = project.finished("a fox")
    project.dispatch()
    again = {"outcome": "submitted", "task_id": task_id}
    assert [project.submit(video_id) for _ in range(2)] == [again, again]
    assert [project.poll(video_id, task_id)["outcome"] for _ in range(2)] == ["succeeded", "succeeded"]
    assert [project.deliver(video_id, task_id)["outcome"] for _ in range(3)] == ["completed", "over", "over"]
    assert project.submit(video_id) == {"outcome": "over"}
    assert project.poll(video_id, task_id) == {"outcome": "over", "task_status": None}
    assert project.report_failure(video_id) == {"outcome": "completed"}
    assert (project.billed, len(project.notices()), len(project.stack.executions())) == (1, 1, 1)


def test_no_log_line_row_history_or_notice_contains_a_secret(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    put_token(project.stack)
    invoke("authorize", event("authorizer_token"))
    video_id, task_id = project.finished("CANARY-PROMPT \u2028 {")
    project.simulator.faults.add(Fault("result", "truncate"))
    project.simulator.faults.add(Fault("result", "flip"))
    project.poll(video_id, task_id)
    with pytest.raises(DeliveryInterrupted) as caught:
        project.deliver(video_id, task_id)
    project.deliver(video_id, task_id)
    invoke("sweep", event("schedule"))
    logs = capsys.readouterr().out
    lines = [json.loads(line) for line in logs.splitlines()]
    messages = {line["message"] for line in lines if "message" in line}
    assert messages >= {"api", "started", "submit", "poll", "deliver", "ended"}
    assert [line["source_resumed"] for line in lines if line.get("message") == "transfer trouble"] == [1]
    for secret in (TOKEN, project.simulator.key(), "Signature", "OSSAccessKeyId"):
        assert secret not in logs + str(caught.value) + project.everything_stored()
    assert "CANARY" not in logs + str(caught.value) + str(project.stack.executions()) + str(project.notices())
    assert "CANARY-PROMPT" in project.everything_stored()
