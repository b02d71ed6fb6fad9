"""A result of a gigabyte through the whole stack: its bytes arrive unchanged, in less memory than the function has."""

from __future__ import annotations

import hashlib

import pytest

from tests.e2e.conftest import Local
from tests.e2e.steps import accepted, request
from tools.harness.patience import PATIENCE

GIGABYTE = 1_000_000_000
MOST_SECONDS = 10 * PATIENCE


@pytest.mark.long
def test_a_gigabyte_is_delivered_byte_for_byte_within_the_memory_of_its_function(local: Local) -> None:
    prompt = f"a fox tells the longest story [simulate:bytes:{GIGABYTE}]"
    video_id = local.client.create(request(prompt))["id"]
    assert local.client.await_final(video_id, within=MOST_SECONDS)["status"] == "completed"
    (task,) = accepted(local, prompt)
    (billed,) = [entry for entry in local.simulator.entries("billed") if entry["task_id"] == task["task_id"]]
    bucket, key = local.stack.outputs["VideosBucketName"], f"videos/{video_id}/video.mp4"
    digest, size = hashlib.sha256(), 0
    for piece in local.stack.aws.s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1024 * 1024):
        digest.update(piece)
        size += len(piece)
    assert size >= GIGABYTE
    assert (digest.hexdigest(), size) == (billed["sha256"], billed["bytes"])
    deliver = local.stack.aws.functions.get_function_configuration(FunctionName="wan-video-deliver")
    peak = max(local.peak_memory("deliver"))
    print(f"peak memory of deliver: {peak / 1e6:.0f} MB of {deliver['MemorySize']} MB, for {size} bytes")
    assert peak <= deliver["MemorySize"] * 1024 * 1024
    local.stack.aws.s3.delete_object(Bucket=bucket, Key=key)
