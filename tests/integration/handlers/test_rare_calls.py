"""Rare work of functions: each case makes a call of AWS that usual work does not make, and needs its right."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.world import Killed
from tests.integration.handlers.project import POOL, Project
from tools.harness.lambdas import Event, end_process, event, invoke
from tools.harness.samples import NOW, ended_batch, open_batch, rows_of, running, validating_batch, waiting_batch
from tools.harness.stack import BUCKET, LEDGER, PROMPTS, Stack
from wan_simulator.faults import Fault
from wan_video.adapters.dynamodb.ledger import claim_key, place_key, pool_key
from wan_video.adapters.s3.reports import PART_BYTES, _S3Report
from wan_video.domain.batch import ERRORS, REPORTS, Batch, BatchStatus, report_key
from wan_video.domain.names import video_key
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status
from wan_video.errors import DeliveryInterrupted

FAILURE = Failure("x", "y", "poll", True)


def records(batch_id: str) -> Event:
    given = event("stream_batch")
    given["Records"] = [json.loads(json.dumps(given["Records"][0]).replace("batch_1", batch_id))]
    return given


def batch_of(stack: Stack, **wanted: Any) -> Batch:
    batch = open_batch(**wanted)
    stack.batches.create(batch)
    return batch


# --- rows of batches -------------------------------------------------------------------------------------------------


def test_a_row_of_a_batch_is_started_and_its_failure_counted(project: Project) -> None:
    batch = batch_of(project.stack, total=2)
    first, second = rows_of(batch, 1, 2)
    project.stack.videos.accept_rows(batch, [first, second], NOW)
    project.dispatch()
    row = project.row(first.id)
    assert row.status is Status.STARTING
    submitted = project.stack.videos.save(row, row.submitting(NOW))
    project.stack.videos.save(submitted, submitted.unresolved(NOW, FAILURE))
    assert project.report_failure(first.id) == {"outcome": "failed"}
    after = project.stack.batches.get(batch.id)
    assert (after.started, after.failed, after.left) == (2, 1, 1)
    assert project.stack.pools.read([POOL])[0].running == {second.id}


def test_starting_a_row_of_a_cancelled_batch_cancels_the_row(project: Project) -> None:
    batch = batch_of(project.stack, total=1)
    (row,) = rows_of(batch, 1)
    project.stack.videos.accept_rows(batch, [row], NOW)
    project.stack.batches.save(batch, batch.cancel(NOW))
    project.dispatch()
    assert project.row(row.id).status is Status.CANCELLED
    assert project.stack.executions() == {}


def test_a_row_of_a_batch_is_delivered_and_counted(project: Project) -> None:
    batch = batch_of(project.stack, total=1)
    (row,) = rows_of(batch, 1)
    project.stack.videos.accept_rows(batch, [row], NOW)
    project.dispatch()
    task_id = str(project.submit(row.id)["task_id"])
    project.simulator.finish(task_id)
    assert project.poll(row.id, task_id)["outcome"] == "succeeded"
    assert project.deliver(row.id, task_id) == {"outcome": "completed"}
    assert project.stack.batches.get(batch.id).completed == 1


# --- files and reports -----------------------------------------------------------------------------------------------


def test_a_deleted_file_makes_no_batch(project: Project) -> None:
    given = event("object_created")
    given["detail"]["object"] |= {"key": "gone.jsonl", "etag": "0" * 32}
    assert invoke("ingest", given)["batch_id"] is None


def test_the_failures_of_a_batch_are_read_from_its_rows(project: Project) -> None:
    failed = running().ended(NOW, FAILURE)
    project.stack.videos.accept(failed)
    line = {"video_id": failed.id, "status": "failed", "row": 1}
    project.stack.s3.put_object(Bucket=BUCKET, Key=report_key("batch_0", ERRORS), Body=json.dumps(line).encode())
    project.stack.batches.create(replace(validating_batch(), source=None, retry_of="batch_0"))
    invoke("ingest", {"batch_id": "batch_1"})
    assert project.stack.batches.get("batch_1").accepted == 1


@pytest.mark.parametrize("word", ["ingest", "finish_batch"])
def test_an_interrupted_report_leaves_no_part(project: Project, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add = _S3Report.add

    def killed_after_a_part(report: _S3Report, line: bytes) -> None:
        add(report, line.ljust(PART_BYTES))
        raise Killed

    monkeypatch.setattr(_S3Report, "add", killed_after_a_part)
    if word == "ingest":
        body = b"[]"
        etag = project.stack.s3.put_object(Bucket=PROMPTS, Key="a.json", Body=body)["ETag"].strip('"')
        given = event("object_created")
        given["detail"]["object"] |= {"key": "a.json", "etag": etag, "size": len(body)}
    else:
        project.stack.batches.create(replace(open_batch(total=1, refused=1), status=BatchStatus.FINALIZING))
        given = records("batch_1")
    with pytest.raises(Killed):
        invoke(word, given)
    assert "Uploads" not in project.stack.s3.list_multipart_uploads(Bucket=BUCKET)


# --- one video -------------------------------------------------------------------------------------------------------


def test_a_poll_claims_the_task_of_a_submission_that_could_not_save_its_outcome(project: Project) -> None:
    video_id = project.started("a fox that was almost forgotten")
    before = project.row(video_id)
    task_id = str(project.submit(video_id)["task_id"])
    lost = replace(before.submitting(NOW), version=project.row(video_id).version)
    project.stack.dynamodb.Table(LEDGER).delete_item(Key=claim_key("singapore", task_id))
    project.stack.videos.save(project.row(video_id), lost)
    project.at(1)
    project.simulator.finish(task_id)
    assert project.poll(video_id, task_id)["outcome"] == "succeeded"
    claim = project.stack.dynamodb.Table(LEDGER).get_item(Key=claim_key("singapore", task_id))["Item"]
    assert claim["video_id"] == video_id
    project.at(1)
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}


def test_the_copy_of_a_deleted_video_is_deleted(project: Project) -> None:
    for name in ("video.mp4", "metadata.json"):
        project.stack.s3.put_object(Bucket=BUCKET, Key=f"videos/video_1/{name}", Body=b"x")
    assert project.deliver("video_1", "task_1") == {"outcome": "over"}
    assert "Contents" not in project.stack.s3.list_objects_v2(Bucket=BUCKET)


def test_an_interrupted_long_copy_leaves_no_part(project: Project) -> None:
    video_id, task_id = project.finished("a long fox [simulate:bytes:9000000]")
    project.poll(video_id, task_id)
    project.simulator.faults.add(Fault("result", "flip"))
    with pytest.raises(DeliveryInterrupted):
        project.deliver(video_id, task_id)
    assert "Uploads" not in project.stack.s3.list_multipart_uploads(Bucket=BUCKET)
    assert project.row(video_id).status is Status.IN_PROGRESS


# --- repairs ---------------------------------------------------------------------------------------------------------


def test_a_sweep_aborts_abandoned_uploads(project: Project) -> None:
    for key in (video_key("video_1"), report_key("batch_1", ERRORS)):
        project.stack.s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    # In real time, because moto starts every upload in 2010.
    project.monkeypatch.setenv("CLOCK", "")
    end_process()
    assert invoke("sweep", event("schedule")) == {"multipart_aborted": 2}
    assert "Uploads" not in project.stack.s3.list_multipart_uploads(Bucket=BUCKET)


def test_a_sweep_frees_the_place_of_a_deleted_video(project: Project) -> None:
    table = project.stack.dynamodb.Table(LEDGER)
    table.put_item(Item={**pool_key(POOL), "taken": 1, "changes": 1})
    table.put_item(Item={**place_key(POOL, "video_gone"), "owner": "alice"})
    assert invoke("sweep", event("schedule")) == {"place_given_back": 1}
    (pool,) = project.stack.pools.read([POOL])
    assert (pool.places, pool.taken) == ((), 0)


def test_a_sweep_corrects_the_count_of_a_pool_that_was_restored_with_half_a_transaction(project: Project) -> None:
    table = project.stack.dynamodb.Table(LEDGER)
    table.put_item(Item={**pool_key(POOL), "taken": 6, "changes": 40})
    assert invoke("sweep", event("schedule")) == {"places_recounted": 1}
    assert project.stack.pools.read([POOL])[0].taken == 0
    assert invoke("sweep", event("schedule")) == {}


def test_a_sweep_ends_an_abandoned_row_and_counts_it_in_its_batch(project: Project) -> None:
    batch = batch_of(project.stack, total=1)
    (row,) = rows_of(batch, 1)
    later = 60 * DAY_SECONDS
    # Recorded as written at the end of that time, so that the batch itself needs no repair.
    project.stack.videos.accept_rows(batch, [row], int(project.simulator.wan.clock.now()) + later)
    project.dispatch()
    project.at(later)
    assert invoke("sweep", event("schedule"))["failure_reported"] == 1
    assert project.stack.batches.get(batch.id).left == 0
    assert project.stack.pools.read([POOL])[0].running == frozenset()


def test_a_sweep_expires_a_batch_whose_file_never_arrived(project: Project) -> None:
    project.stack.batches.create(waiting_batch(at=NOW))
    project.at(3 * 3600)
    now = int(project.simulator.wan.clock.now())
    project.stack.batches.create(waiting_batch("batch_2", at=now))
    assert invoke("sweep", event("schedule")) == {"batch_expired": 1}
    assert project.stack.batches.get("batch_1").status is BatchStatus.EXPIRED


def test_a_sweep_continues_abandoned_batches(project: Project) -> None:
    now = int(project.simulator.wan.clock.now())
    project.stack.batches.create(replace(validating_batch("batch_1"), updated_at=now - 3600))
    project.stack.batches.create(replace(open_batch("batch_2", total=0), updated_at=now - 3600))
    # The functions are called by their names, but do not exist here.
    with pytest.raises(ExceptionGroup) as caught:
        invoke("sweep", event("schedule"))
    called = sorted(str(error).rpartition(":function:")[2] for error in caught.value.exceptions)
    assert [name.removeprefix("wan-video-").split()[0] for name in called] == ["finish-batch", "ingest"]


def test_a_sweep_deletes_the_reports_of_a_batch_after_its_term(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_DAYS", "7")
    done = replace(ended_batch(), ended_at=int(project.simulator.wan.clock.now()) - 8 * DAY_SECONDS)
    project.stack.batches.create(done)
    project.stack.batches.save(done, done.announce(NOW))
    for name in REPORTS:
        project.stack.s3.put_object(Bucket=BUCKET, Key=report_key(done.id, name), Body=b"x")
    assert invoke("sweep", event("schedule")) == {"batch_deleted": 1}
    assert "Contents" not in project.stack.s3.list_objects_v2(Bucket=BUCKET)
    assert invoke("sweep", event("schedule")) == {}


def test_a_sweep_adopts_a_task_that_appears_after_its_video_ended(project: Project) -> None:
    video_id = project.started("a fox that turns up late")
    project.simulator.faults.add(Fault("create", "reset", after=True))
    assert project.submit(video_id) == {"outcome": "uncertain"}
    row = project.row(video_id)
    project.stack.videos.save(row, row.ended(NOW, FAILURE))
    ended = project.row(video_id)
    project.stack.videos.save(ended, ended.announced(NOW))
    project.at(1200)
    assert invoke("sweep", event("schedule")) == {"task_rescued": 1}
    claims = [item for item in project.stack.dynamodb.Table(LEDGER).scan()["Items"] if item["sk"] == "claim"]
    assert len(claims) == 1
    assert claims[0]["video_id"] != video_id
