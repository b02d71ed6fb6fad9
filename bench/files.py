"""Prompt files of 1,000, 10,000 and 50,000 rows, uploaded to the local stack: rows a second, and the worker's memory.

The stack is the deployed template; the file is told of by S3's own event; memory is the high-water mark that the kernel
keeps of the process that ran `ingest`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from bench.rows import Row
from wan_video.adapters.batches import DynamoBatches
from wan_video.domain.batch import Batch
from wan_video.domain.prompt_file import PromptFile, batch_id
from wan_video.errors import BatchNotFound
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan, Stack

SIZES = (1000, 10_000, 50_000)
QUICK_SIZES = (1000, 5000)
PATIENCE_SECONDS = 1200.0
MAY_GROW = 1.1


def rows(quick: bool) -> Iterator[Row]:
    """Files of growing lengths through one stack, none of whose videos is started."""
    plan = Plan(speed=1, render=False, parameters={"Starts": "disabled"})
    with RunLog(WORK / "bench.log") as log, LocalStack(plan, log.file) as running:
        stack = running.start()
        take(stack, 1)  # The worker is started, and warm.
        first: tuple[float, float] | None = None
        for size in QUICK_SIZES if quick else SIZES:
            pace = size / take(stack, size)
            memory = peak_memory(running.servers[0].temp_dir)
            ours = first or (pace, memory)
            note = f"{pace / ours[0]:.2f} of the pace of the first" if first else ""
            yield Row(f"{size}-row prompt file", "rows/s", pace, note=note)
            growth = {"ratios": [memory / ours[1]], "theirs": ours[1], "goal": MAY_GROW} if first else {}
            peer = "the shortest file" if first else ""
            yield Row(f"memory of {size} rows", "MiB", memory, peer=peer, better="below", **growth)  # type: ignore[arg-type]
            first = ours


def take(stack: Stack, size: int) -> float:
    """Upload a file of so many rows; gives the seconds until the last of them was written."""
    body = "".join(f"{json.dumps(request(number))}\n" for number in range(size)).encode()
    bucket, key = stack.outputs["PromptsBucketName"], f"bench-{size}.jsonl"
    name = batch_id(bucket, key, PromptFile(bucket, key, "", len(body), lambda: [body]).digest)
    began = time.monotonic()
    stack.aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
    batches = DynamoBatches(stack.aws.dynamodb.meta.client, stack.outputs["LedgerTableName"])
    while True:
        batch = there(batches, name)
        if batch is not None and batch.written == size:
            return time.monotonic() - began
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"{size} rows were not written within {PATIENCE_SECONDS:.0f} seconds: {batch}")
        time.sleep(0.1)


def there(batches: DynamoBatches, name: str) -> Batch | None:
    """A batch, once it is there."""
    try:
        return batches.get(name)
    except BatchNotFound:
        return None


def request(number: int) -> dict[str, object]:
    """A row as people have them."""
    prompt = f"a fox in a trench coat reads case file number {number} under a street lamp, rain, film noir"
    return {"prompt": prompt, "custom_id": f"row-{number}", "metadata": {"case": str(number)}}


def peak_memory(engine_temp_dir: Path) -> float:
    """The high-water mark of the worker of `ingest`, in MiB."""
    marker = f"{engine_temp_dir}/ministack-lambda-wan-video-ingest-".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "cmdline").read_bytes():
                status = (process / "status").read_text(encoding="ascii")
                return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
        except OSError:
            continue  # It ended while it was looked at.
    raise ProcessLookupError("no worker of ingest is running")
