"""A worker that is killed in the middle of a file: the event is delivered again, and each row is written once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Local, deployed
from tests.e2e.gate import Gate
from tools.harness.patience import PATIENCE, until
from wan_video.adapters.dynamodb.batches import DynamoBatches
from wan_video.domain.prompt_file import PromptFile, batch_id, row_id
from wan_video_local.stack import WORK, Plan

ROWS = 2000
KILLS = 3
TRANSACTIONS = 5
"""Transactions that a worker writes before it is killed in the middle of the next one; the file needs many more."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def idle() -> Iterator[Local]:
    """Yield a stack for this test only, which starts no videos."""
    plan = Plan(speed=1, films="still", parameters={"Starts": "disabled"})
    with deployed(plan, WORK / "killed.log") as idle:
        yield idle


class Toll:
    """A filter that lets a limited number of transactions pass."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = 0
        self.refused = threading.Event()

    def allow(self, transactions: int) -> None:
        """Let this number of transactions pass from now on."""
        with self._lock:
            self._left = transactions
            self.refused.clear()

    def passes(self, piece: bytes) -> bool:
        """Return whether a piece that a client sends may pass."""
        if b"TransactWriteItems" not in piece:
            return True
        with self._lock:
            self._left -= 1
            if self._left < 0:
                self.refused.set()
            return self._left >= 0


@pytest.fixture
def toll(idle: Local) -> Iterator[Toll]:
    """Yield a filter between `ingest` and DynamoDB."""
    toll = Toll()
    with Gate(idle.stack.engine_url, toll.passes) as gate:
        idle.set_variable(["ingest"], "AWS_ENDPOINT_URL_DYNAMODB", gate.url)
        yield toll


def test_every_row_of_a_file_is_there_once_however_often_its_worker_is_killed(idle: Local, toll: Toll) -> None:
    aws, outputs = idle.stack.aws, idle.stack.outputs
    body = "".join(f'{{"prompt": "a fox", "custom_id": "row-{number}"}}\n' for number in range(1, ROWS + 1)).encode()
    bucket, key = outputs["PromptsBucketName"], "killed.jsonl"
    name = batch_id(bucket, key, PromptFile(bucket, key, "", len(body), lambda: [body]).digest)
    batches = DynamoBatches(aws.dynamodb.meta.client, outputs["LedgerTableName"])

    def whole() -> bool:
        return batches.get(name).written == ROWS

    toll.allow(TRANSACTIONS)
    etag = aws.s3.put_object(Bucket=bucket, Key=key, Body=body)["ETag"].strip('"')
    event = {"detail": {"bucket": {"name": bucket}, "object": {"key": key, "etag": etag, "size": len(body)}}}
    rows = 0
    for _ in range(KILLS):
        assert toll.refused.wait(PATIENCE), "the worker has not come so far"
        idle.kill_worker("ingest")
        assert rows < (rows := batches.get(name).written) < ROWS
        toll.allow(TRANSACTIONS)
        aws.functions.invoke(
            FunctionName="wan-video-ingest", InvocationType="Event", Payload=json.dumps(event).encode()
        )
    toll.allow(ROWS)
    until(whole, "the last row")
    batch = batches.get(name)

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
