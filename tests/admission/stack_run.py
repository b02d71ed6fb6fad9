"""Videos of two owners and two models through a running local stack, whose simulator enforces Wan's limits.

One owner uploads a batch. When it is queued, the other sends single prompts, which should overtake it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tools.harness.patience import PATIENCE
from wan_video.domain.models import MODELS, Region, pool_name
from wan_video.domain.quota import Limit, limit_in_force
from wan_video_local.client import Client, RequestRefusedError, Video
from wan_video_local.run import patience
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import Stack, create_token

MODELS_USED: Final = ("wan2.6-t2v", "wan2.2-t2v-plus")
SINGLES_OWNER: Final = "singles"
INGEST_SECONDS: Final = PATIENCE


@dataclass(frozen=True)
class StackFigures:
    """The result of a run; seconds are those of the stack's clock."""

    videos: int
    completed: int
    billed: int
    submitted_twice: int
    overtaken: int
    skipped: int
    singles: int
    utilisation: float
    throttled: int
    queries: int
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return the figures by name, with totals as shares."""
        return {
            "videos": self.videos,
            "completed": self.completed,
            "billed": self.billed,
            "submitted_twice": self.submitted_twice,
            "singles": self.singles,
            "singles_that_overtook": self.overtaken,
            "singles_skipped": self.skipped,
            "utilisation": round(self.utilisation, 3),
            "throttled_per_video": round(self.throttled / self.videos, 3),
            "queries_per_second": round(self.queries / self.seconds, 2),
            "seconds": round(self.seconds),
        }

    def violations(self) -> list[str]:
        """Return the promises that were not kept."""
        shown = self.document()
        promises = {
            "completed": self.completed == self.videos,
            "billed": self.billed == self.videos,
            "submitted_twice": self.submitted_twice == 0,
            "singles_skipped": self.skipped == 0,
            "queries_per_second": self.queries / self.seconds <= 20,
        }
        return [f"{name} is {shown[name]}" for name, holds in promises.items() if not holds]


def run_on(stack: Stack, videos: int) -> StackFigures:
    """Make `videos` videos, a fifth of them single prompts; raises TooSlowError."""
    simulator = SimulatorControls(stack.simulator_url)
    calls = Counter(simulator.calls())
    mark, began = secrets.token_hex(4), time.time()
    singles = videos // 5
    batch = [_request(mark, number) for number in range(videos - singles)]
    owner = Client(stack.api_url, stack.token)
    rows = upload(stack, owner, f"{mark}.json", batch)
    other = Client(stack.api_url, create_token(stack.aws, SINGLES_OWNER))
    single_requests = [_request(mark, number) for number in range(len(batch), videos)]
    prompts = [str(other.create(request)["id"]) for request in single_requests]
    ended = [final(stack, owner, video_id) for video_id in rows]
    ended_singles = [final(stack, other, video_id) for video_id in prompts]
    seconds = (time.time() - began) * stack.speed
    calls_made = Counter(simulator.calls()) - calls
    mine = {digest(str(request["prompt"])) for request in (*batch, *single_requests)}
    accepted = [entry for entry in simulator.entries("accepted") if entry["prompt_sha256"] in mine]
    billed = [entry for entry in simulator.entries("billed") if entry["prompt_sha256"] in mine]
    return StackFigures(
        videos=videos,
        completed=sum(video["status"] == "completed" for video in (*ended, *ended_singles)),
        billed=len(billed),
        submitted_twice=len(accepted) - len({entry["prompt_sha256"] for entry in accepted}),
        overtaken=sum(_overtook(single, ended) for single in ended_singles),
        skipped=sum(_was_skipped(single, ended) for single in ended_singles),
        singles=singles,
        utilisation=_utilisation(accepted, billed),
        throttled=sum(count for name, count in calls_made.items() if name.endswith(" refused")),
        queries=calls_made["queries admitted"],
        seconds=seconds,
    )


def _request(mark: str, number: int) -> dict[str, str]:
    model = MODELS_USED[number % 2]
    return {"prompt": f"admission {mark} {number}", "model": model, "size": str(MODELS[model].default_size)}


def upload(stack: Stack, client: Client, key: str, requests: Sequence[Mapping[str, str]]) -> list[str]:
    """Upload a prompt file, wait until all its rows are queued, and return their ids; raises TimeoutError."""
    stack.aws.s3.put_object(
        Bucket=stack.outputs["PromptsBucketName"], Key=key, Body=json.dumps(list(requests)).encode()
    )
    prompts = {request["prompt"] for request in requests}
    deadline = time.monotonic() + INGEST_SECONDS
    while time.monotonic() < deadline:
        ids = [str(video["id"]) for video in client.newest(100) if video["prompt"] in prompts]
        if len(ids) == len(prompts):
            return ids
        time.sleep(0.5)
    raise TimeoutError(f"{key} was not read within {INGEST_SECONDS:.0f} seconds")


def final(stack: Stack, client: Client, video_id: str) -> Video:
    """Return the video once it is final; retry if the machine is too busy to answer. Raises TooSlowError."""
    deadline = time.monotonic() + patience(stack)
    while True:
        try:
            return client.await_final(video_id, within=deadline - time.monotonic())
        except RequestRefusedError as error:
            if error.status < 500 or time.monotonic() > deadline:
                raise


def _overtook(single: Video, rows: Sequence[Video]) -> bool:
    """Whether a single prompt started before a row of its model that had arrived earlier."""
    return any(
        row["model"] == single["model"]
        and row["created_at"] <= single["created_at"]
        and single["started_at"] < row["started_at"]
        for row in rows
    )


def _was_skipped(single: Video, rows: Sequence[Video]) -> bool:
    """Whether a single prompt started after all rows of its model that were waiting when it arrived.

    If there were no more rows than places, each of them may already have been starting.
    """
    came, began, model = single["created_at"], single["started_at"], single["model"]
    waited = [row for row in rows if row["model"] == model and row["created_at"] <= came < row["started_at"]]
    return len(waited) > _limit(model).places and all(row["started_at"] < began for row in waited)


def _utilisation(accepted: Sequence[Mapping[str, Any]], billed: Sequence[Mapping[str, Any]]) -> float:
    """Return the share of Wan's time that the tasks used, from the first submission of a model to its last end.

    The shortest task is taken as the time that each task needs, because the simulator does not report when Wan starts
    a queued task.
    """
    busy = capacity = 0.0
    for model in MODELS_USED:
        begins = {entry["task_id"]: entry["at"] for entry in accepted if entry["model"] == model}
        ends = {entry["task_id"]: entry["at"] for entry in billed if entry["model"] == model}
        if not ends:
            continue
        shortest = min(ends[task] - begins[task] for task in ends)
        busy += shortest * len(ends)
        capacity += _limit(model).concurrency * (max(ends.values()) - min(begins.values()))
    return busy / capacity if capacity else 0.0


def _limit(model: str) -> Limit:
    """The limit in force while Wan states none."""
    return limit_in_force(pool_name(Region.SINGAPORE, model), None, {})


def digest(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()
