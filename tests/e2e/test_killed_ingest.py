"""A worker that is killed in the middle of a file, on the deployed stack: the event comes again, each row is once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Local, deployed
from wan_video.adapters.batches import DynamoBatches
from wan_video.domain.batch import Batch
from wan_video.domain.prompt_file import PromptFile, batch_id, row_id
from wan_video.errors import BatchNotFound
from wan_video_local.stack import WORK, Plan

ROWS = 2000
KILLS = 3

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def idle() -> Iterator[Local]:
    """A stack of this test's own, that starts no video."""
    plan = Plan(speed=1, render=False, parameters={"Starts": "disabled"})
    with deployed(plan, WORK / "killed.log") as idle:
        yield idle


def test_every_row_of_a_file_is_there_once_however_often_its_worker_is_killed(idle: Local) -> None:
    aws, outputs = idle.stack.aws, idle.stack.outputs
    body = "".join(f'{{"prompt": "a fox", "custom_id": "row-{number}"}}\n' for number in range(1, ROWS + 1)).encode()
    bucket, key = outputs["PromptsBucketName"], "killed.jsonl"
    name = batch_id(bucket, key, PromptFile(bucket, key, "", len(body), lambda: [body]).digest)
    batches = DynamoBatches(aws.dynamodb.meta.client, outputs["LedgerTableName"])

    def written(rows: int) -> Batch:
        deadline = time.monotonic() + 300
        while True:
            try:
                batch = batches.get(name)
            except BatchNotFound:
                batch = None
            if batch is not None and batch.written >= rows:
                return batch
            assert time.monotonic() < deadline, f"{rows} rows are not written: {batch}"
            time.sleep(0.02)

    etag = aws.s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
    event = {"detail": {"bucket": {"name": bucket}, "object": {"key": key, "etag": etag, "size": len(body)}}}
    rows = 1
    for _ in range(KILLS):
        written(rows)
        idle.kill_worker("ingest")
        rows = written(1).written + 1
        assert rows < ROWS, "the file was finished before its worker could be killed"
        aws.functions.invoke(
            FunctionName="wan-video-ingest", InvocationType="Event", Payload=json.dumps(event).encode()
        )
    batch = written(ROWS)

    assert (batch.total, batch.accepted, batch.left, batch.last_row) == (ROWS, ROWS, ROWS, ROWS)
    ids = Counter(
        str(item["id"])
        for page in aws.dynamodb.meta.client.get_paginator("scan").paginate(TableName=outputs["VideosTableName"])
        for item in page["Items"]
        if str(item.get("batch_id")) == name
    )
    queued = Counter(
        str(item["video_id"])
        for page in aws.dynamodb.meta.client.get_paginator("scan").paginate(TableName=outputs["LedgerTableName"])
        for item in page["Items"]
        if str(item["pk"]).startswith("queue#")
    )
    assert ids == queued == Counter(row_id(name, number) for number in range(1, ROWS + 1))
