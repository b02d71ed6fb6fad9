"""The API under load: 50 clients that create, get and list videos at the same time, on the local stack.

The engine runs functions as processes on this machine, which the clients, in a process of their own, share with it; so
these figures are those of the whole machine. The same requests are then made in this process without an engine, one
after another, whose processor time is the product's own share.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.api import Call, answered
from bench.dynamodb import DynamoDB
from bench.load.mix import GETS, PAGE
from bench.rows import Row
from bench.scale import completed, functions, items_like, tables
from tools.harness.samples import NOW
from tools.harness.stack import VIDEOS
from wan_video_local.log import RunLog
from wan_video_local.stack import LocalStack, Plan, Stack

CLIENTS: Final = 50
SECONDS: Final = 60
QUICK_SECONDS: Final = 5
CALLS, QUICK_CALLS = 500, 100
LONGEST_RUN: Final = 300
"""Seconds within which the clients have to end, with the first request of each and the last answers."""

QUANTILES: Final = (50, 95, 99)
MIX: Final = {"create": 1, "get": GETS, "list": 1}
NO_LIMIT: Final = "100000"


def rows(quick: bool) -> Iterator[Row]:
    """Yield throughput, quantiles and errors of the stack, and the processor time of each request without an engine."""
    seconds = QUICK_SECONDS if quick else SECONDS
    with TemporaryDirectory() as folder:
        found = under_load(Path(folder), seconds)
    mix = ", ".join(f"{count} {kind}" for kind, count in MIX.items())
    count = sum(len(times) for times in found["seconds"].values())
    pace = count / found["took"]
    yield Row("requests a second", "/s", pace, note=f"{CLIENTS} clients for {seconds} s, each in turn {mix}")
    for kind, times in found["seconds"].items():
        yield from quantiles(f"{kind} on the stack", "ms", times)
    note = listed(found["errors"]) or f"of {count:,} requests"
    yield Row("errors", "", sum(found["errors"].values()), goal=0, better="below", note=note)
    first = found["first_errors"]
    yield Row("errors of the first turns, which start the functions", "", sum(first.values()), note=listed(first))
    own = dict(in_process(QUICK_CALLS if quick else CALLS))
    for kind, times in own.items():
        yield from quantiles(f"{kind} in one process, without DynamoDB", "ms CPU", times)
    each = sum(statistics.mean(own[kind]) * number for kind, number in MIX.items()) / sum(MIX.values())
    share = 100 * pace * each / (os.cpu_count() or 1)
    yield Row(
        "the product's own share of the processors under load",
        "%",
        share,
        note="the rest is the engine's and the clients'",
    )


def listed(errors: Mapping[str, int]) -> str:
    """Return the errors with their numbers."""
    return ", ".join(f"{error}: {number}" for error, number in errors.items())


def quantiles(what: str, unit: str, times: Sequence[float]) -> Iterator[Row]:
    """Yield three quantiles of some times in seconds, in milliseconds."""
    for percent in QUANTILES:
        yield Row(f"{what}, p{percent}", unit, 1000 * at_quantile(times, percent))


def at_quantile(times: Sequence[float], percent: int) -> float:
    """Return the time that `percent` of the requests did not exceed."""
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1] if len(times) > 1 else times[0]


def under_load(folder: Path, seconds: int) -> Mapping[str, Any]:
    """Start a stack without limits that starts no videos, and return what the clients report."""
    parameters = {"ApiRateLimit": NO_LIMIT, "ApiBurstLimit": NO_LIMIT, "DailySeconds": "0", "Starts": "disabled"}
    plan = Plan(speed=1, films="reuse", enforce=False, parameters=parameters)
    with RunLog(folder / "load.log") as log, LocalStack(plan, log.file) as running:
        return clients(running.start(), seconds)


def clients(stack: Stack, seconds: int) -> Mapping[str, Any]:
    """Run the clients in a process of their own; raises CalledProcessError and TimeoutExpired."""
    command = [sys.executable, "-m", "bench.load.clients", stack.api_url, str(CLIENTS), str(seconds)]
    done = subprocess.run(
        command, input=stack.token, stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST_RUN
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_process(calls: int) -> Iterator[tuple[str, list[float]]]:
    """Yield the processor times of each kind of request in this process, in seconds, without those of DynamoDB."""
    dynamodb = tables()
    dynamodb.tables[VIDEOS].load(items_like((completed(), f"video_{at}", NOW - at, at) for at in range(PAGE)))
    kinds: dict[str, Call] = {
        "create": lambda: answered("api_post", 202),
        "get": lambda: answered("api_get", 200, "/v1/videos/video_1"),
        "list": lambda: answered("api_get", 200, "/v1/videos"),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    with functions(dynamodb, NOW):
        for number in range(calls):
            for kind, call in kinds.items():
                took = own_seconds(call, dynamodb)
                if number:  # the first request of each kind loads code
                    times[kind].append(took)
    yield from times.items()


def own_seconds(call: Call, dynamodb: DynamoDB) -> float:
    """Return the processor time of one call in seconds, without DynamoDB's."""
    spent, began = dynamodb.counts.seconds, time.process_time()
    call()
    return time.process_time() - began - (dynamodb.counts.seconds - spent)
