"""Prompt files of 1,000, 10,000 and 50,000 rows, uploaded to the local stack: their pace, and the worker's resources.

The stack deploys the template, and S3's own event announces the file. Processor time and the high-water mark of memory
are the kernel's figures for the process that ran `ingest`.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.rows import Curve, Figure, Row
from wan_video.adapters.dynamodb.batches import DynamoBatches
from wan_video.domain.batch import Batch
from wan_video.domain.prompt_file import PromptFile, batch_id
from wan_video.errors import BatchNotFound
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan, Stack

SIZES = (1000, 10_000, 50_000)
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
    """One file: its rows, rows written per second, and the worker's milliseconds per row and peak memory in MiB."""

    size: int
    pace: float
    milliseconds: float
    memory: float


def rows(quick: bool) -> Iterator[Figure]:
    """Send files of growing lengths through one stack that starts none of their videos."""
    plan = Plan(speed=1, render=False, enforce=False, parameters={"Starts": "disabled"})
    seen: list[Seen] = []
    with RunLog(WORK / "bench.log") as log, LocalStack(plan, log.file) as running:
        stack = running.start()
        take(stack, 1)  # Starts the worker and warms it up.
        worker = Worker.of_ingest(running.servers[0].temp_dir)
        for size in QUICK_SIZES if quick else SIZES:
            before = worker.processor_seconds()
            pace = size / take(stack, size)
            spent = worker.processor_seconds() - before
            seen.append(Seen(size, pace, 1000 * spent / size, worker.peak_memory()))
            yield from figures(seen[-1], seen[0])
    for unit, value in (("rows/s", "pace"), ("ms a row", "milliseconds"), ("MiB", "memory")):
        points = [(float(one.size), getattr(one, value)) for one in seen]
        yield Curve(PLOTS[unit], "prompt file", "rows of the file", unit, points)


def figures(one: Seen, first: Seen) -> Iterator[Row]:
    """Yield the figures of one file, compared with the shortest one."""
    note = f"{one.pace / first.pace:.2f} of the pace of the first" if one is not first else ""
    yield Row(f"{one.size}-row prompt file", "rows/s", one.pace, note=note)
    for what, unit, ours, theirs in (
        ("processor time of", "ms a row", one.milliseconds, first.milliseconds),
        ("memory of", "MiB", one.memory, first.memory),
    ):
        if one is first:
            yield Row(f"{what} {one.size} rows", unit, ours, better="below")
        else:
            yield Row(
                f"{what} {one.size} rows", unit, ours, [ours / theirs], "the shortest file", theirs, MAY_GROW, "below"
            )


def take(stack: Stack, size: int) -> float:
    """Upload a file of `size` rows; return the seconds until the last of them was written."""
    body = "".join(f"{json.dumps(request(number))}\n" for number in range(size)).encode()
    bucket, key = stack.outputs["PromptsBucketName"], f"bench-{size}.jsonl"
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


@dataclass(frozen=True)
class Worker:
    """The process that runs a function, as the kernel describes it."""

    process: Path

    @classmethod
    def of_ingest(cls, engine_temp_dir: Path) -> Worker:
        """Return the process that ran `ingest`; raises ProcessLookupError if there is no such process."""
        marker = f"{engine_temp_dir}/ministack-lambda-wan-video-ingest-".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if marker in (process / "cmdline").read_bytes():
                    return cls(process)
            except OSError:
                continue  # It ended in the meantime.
        raise ProcessLookupError("no worker of ingest is running")

    def peak_memory(self) -> float:
        """Return the process's high-water mark in MiB."""
        status = (self.process / "status").read_text(encoding="ascii")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    def processor_seconds(self) -> float:
        """Return the user and system time of the process in seconds (proc(5), `stat`)."""
        fields = (self.process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
