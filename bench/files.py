"""Prompt files of 1,000 to 25,000 rows, uploaded to the local stack: their pace, and the worker's resources.

The stack deploys the template, and S3's own event announces the file. Processor time and the high-water mark of memory
are the kernel's figures for the process that ran `ingest`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.rows import FEWEST_PAIRS, Curve, Figure, Row
from bench.workers import Worker, end
from wan_video.adapters.dynamodb.batches import DynamoBatches
from wan_video.domain.batch import Batch
from wan_video.domain.prompt_file import PromptFile, batch_id
from wan_video.errors import BatchNotFound
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan, Stack

SIZES = (1000, 5000, 25_000)
QUICK_SIZES = (1000, 5000)
PATIENCE_SECONDS = 1200.0
MAY_GROW = 1.1
PLOTS = {
    "rows/s": "rows written in a second",
    "ms a row": "the worker's processor time",
    "MiB": "the worker's memory",
}


@dataclass(frozen=True)
class Seen:
    """One file: rows written per second, and the worker's milliseconds per row and peak memory in MiB so far."""

    pace: float
    milliseconds: float
    memory: float


def rows(quick: bool) -> Iterator[Figure]:
    """Send files of growing lengths through one stack that starts none of their videos, to a new worker each time."""
    sizes = QUICK_SIZES if quick else SIZES
    plan = Plan(speed=1, films="reuse", enforce=False, parameters={"Starts": "disabled"})
    seen: dict[int, list[Seen]] = {size: [] for size in sizes}
    with RunLog(WORK / "bench.log") as log, LocalStack(plan, log.file) as running:
        stack, engine = running.start(), running.servers[0].temp_dir
        for number in range(FEWEST_PAIRS):
            end(engine, "ingest")
            take(stack, 1, number)  # Starts the worker and warms it up.
            worker = Worker.of(engine, "ingest")
            for size in sizes:
                before = worker.processor_seconds()
                pace = size / take(stack, size, number)
                spent = worker.processor_seconds() - before
                seen[size].append(Seen(pace, 1000 * spent / size, worker.peak_memory()))
    yield from figures(seen)
    for unit, value in (("rows/s", "pace"), ("ms a row", "milliseconds"), ("MiB", "memory")):
        points = [(float(size), median(getattr(one, value) for one in found)) for size, found in seen.items()]
        yield Curve(PLOTS[unit], "prompt file", "rows of the file", unit, points)


def figures(seen: Mapping[int, Sequence[Seen]]) -> Iterator[Row]:
    """Yield the figures of each size, and compare them with those of the shortest file that the same worker took."""
    (_, shortest), *longer = seen.items()
    for size, found in seen.items():
        yield Row(f"{size}-row prompt file", "rows/s", median(one.pace for one in found))
    for size, found in longer:
        for what, unit, value in (("processor time", "ms a row", "milliseconds"), ("memory", "MiB", "memory")):
            ours, theirs = ([getattr(one, value) for one in side] for side in (found, shortest))
            ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
            about = f"{what} of {size} rows", unit, median(ours), ratios
            yield Row(*about, "the shortest file", median(theirs), MAY_GROW, "below")


def take(stack: Stack, size: int, number: int) -> float:
    """Upload file `number` of `size` rows; return the seconds until the last of them was written."""
    body = "".join(f"{json.dumps(request(row))}\n" for row in range(size)).encode()
    bucket, key = stack.outputs["PromptsBucketName"], f"bench-{size}-{number}.jsonl"
    name = batch_id(bucket, key, PromptFile(bucket, key, "", len(body), lambda: [body]).digest)
    began = time.monotonic()
    stack.aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
    batches = DynamoBatches(stack.aws.dynamodb.meta.client, stack.outputs["LedgerTableName"])
    while True:
        batch = batch_of(batches, name)
        if batch is not None and batch.written == size:
            return time.monotonic() - began
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise TimeoutError(f"{size} rows were not written within {PATIENCE_SECONDS:.0f} seconds: {batch}")
        time.sleep(0.1)


def batch_of(batches: DynamoBatches, name: str) -> Batch | None:
    """Return a batch, or None until it exists."""
    try:
        return batches.get(name)
    except BatchNotFound:
        return None


def request(number: int) -> dict[str, object]:
    """Return a typical row."""
    prompt = f"a fox in a trench coat reads case file number {number} under a street lamp, rain, film noir"
    return {"prompt": prompt, "custom_id": f"row-{number}", "metadata": {"case": str(number)}}
