"""The videos of the bench and the script beside them: when each was requested, accepted, made, stored and announced."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.workers import end
from wan_video_local.client import FINAL, Client
from wan_video_local.notices import Notices
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import Stack, simulator_keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COLD: Final = "cold"
WARM: Final = "warm"
POOLS: Final = (
    ("wan2.6-t2v", "singapore"),
    ("wan2.5-t2v-preview", "singapore"),
    ("wan2.7-t2v", "singapore"),
    ("wan2.6-t2v", "beijing"),
    ("wan2.5-t2v-preview", "beijing"),
    ("wan2.6-t2v", "virginia"),
)
"""Pools of five tasks each, which the videos take in turn: no video waits for the place of another."""

SCRIPT_MODEL: Final = "wan2.7-t2v"
SCRIPT_REGION: Final = "beijing"
PLACES_OF_THE_SCRIPT: Final = 50
SIZE: Final = "1280x720"
BEFORE_SUBMISSION: Final = ("authorize", "api", "dispatch", "submit")
LOOK_SECONDS: Final = 0.2
"""Seconds between two looks at a row that may be completed."""

PATIENCE: Final = 120.0


@dataclass(frozen=True)
class Pace:
    """How many videos are made, the seconds between two of a kind, and when the first warm one is requested."""

    cold: int
    warm: int
    gap_cold: float
    gap_warm: float
    warm_at: float

    def times(self) -> Iterator[tuple[str, float]]:
        """Yield the kind of each video and when it is requested, in seconds from the beginning."""
        yield from ((COLD, at * self.gap_cold) for at in range(self.cold))
        yield from ((WARM, self.warm_at + at * self.gap_warm) for at in range(self.warm))


@dataclass
class Seen:
    """One video; all times are in epoch seconds. The script has no answer, and no notice."""

    kind: str
    prompt: str
    requested: float = 0.0
    answered: float = 0.0
    completed: float = 0.0
    noticed: float = 0.0
    accepted: float = 0.0
    made: float = 0.0
    video_id: str = ""

    @property
    def before(self) -> float:
        """Seconds from the request until Wan accepted the task."""
        return self.accepted - self.requested

    @property
    def after(self) -> float:
        """Seconds from Wan's end until the video was stored and completed."""
        return self.completed - self.made

    @property
    def until_notice(self) -> float:
        """Seconds from Wan's end until the notice arrived."""
        return self.noticed - self.made


@dataclass
class Day:
    """One run: `lengths` are the seconds that Wan takes for each video, in the order in which they are requested."""

    stack: Stack
    engine: Path
    pace: Pace
    lengths: Sequence[float]

    def run(self) -> tuple[list[Seen], list[Seen]]:
        """Make all videos; return them and those of the script. Raises RuntimeError if one does not complete."""
        wan = SimulatorControls(self.stack.simulator_url)
        wan.set_quota(SCRIPT_REGION, SCRIPT_MODEL, async_user_concurrency_limit=PLACES_OF_THE_SCRIPT)
        notices = Notices(self.stack.aws, self.stack.outputs["TopicArn"], "bench-overhead")
        seen = [
            Seen(kind, f"a fox waits, number {number} [simulate:seconds:{length:.3f}]")
            for number, ((kind, _), length) in enumerate(zip(self.pace.times(), self.lengths, strict=True))
        ]
        with script(self.stack) as peer, ThreadPoolExecutor(len(seen) + 1) as threads:
            peer.warm_up()
            self._dynamodb.describe_table(TableName=self.stack.outputs["VideosTableName"])  # Creates the client.
            began = time.time() + 1
            listening = threads.submit(self._listen, notices, seen)
            making = [
                threads.submit(self._make, one, number, began + at, length, peer)
                for number, (one, (_, at), length) in enumerate(zip(seen, self.pace.times(), self.lengths, strict=True))
            ]
            for made in (*making, listening):
                made.result()
            theirs = peer.results()
        times = {
            event: {entry["prompt_sha256"]: float(entry["at"]) for entry in wan.entries(event)}
            for event in ("accepted", "billed")
        }
        for one in (*seen, *theirs):
            digest = hashlib.sha256(one.prompt.encode()).hexdigest()
            one.accepted, one.made = times["accepted"][digest], times["billed"][digest]
        return seen, theirs

    def _make(self, one: Seen, number: int, at: float, length: float, peer: Script) -> None:
        """Request a video at its time and wait until its row is completed."""
        model, region = POOLS[number % len(POOLS)]
        client = Client(self.stack.api_url, self.stack.token)
        time.sleep(max(0.0, at - time.time()))
        if one.kind == COLD:
            end(self.engine, *BEFORE_SUBMISSION)
        else:
            peer.make(f"{one.prompt} by the script")
        one.requested = time.time()
        body = {"prompt": one.prompt, "model": model, "region": region, "size": SIZE, "seconds": 5}
        one.video_id = str(client.create(body)["id"])
        one.answered = time.time()
        time.sleep(length)
        one.completed = self._completed(one.video_id)

    @cached_property
    def _dynamodb(self) -> DynamoDBClient:
        return self.stack.aws.dynamodb.meta.client

    def _completed(self, video_id: str) -> float:
        """Wait until a row is completed and return when it was."""
        table = self.stack.outputs["VideosTableName"]
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            row = self._dynamodb.get_item(TableName=table, Key={"id": video_id}, ConsistentRead=True)["Item"]
            status = str(row["status"])
            if status == "completed":
                return time.time()
            if status in FINAL:
                raise RuntimeError(f"video {video_id} ended as {status}")
            time.sleep(LOOK_SECONDS)
        raise TimeoutError(f"video {video_id} was not completed within {PATIENCE:.0f} seconds")

    def _listen(self, notices: Notices, seen: Sequence[Seen]) -> None:
        """Note when the notice of each video arrives, and end the worker that delivered a cold one."""
        left = len(seen)
        known = set[str]()
        deadline = time.monotonic() + self.pace.warm_at + len(seen) * self.pace.gap_cold + PATIENCE
        while left and time.monotonic() < deadline:
            notices.wait()
            for event in notices.all():
                video_id = event["data"]["id"]
                if video_id not in known:
                    known.add(video_id)
                    left -= self._note(video_id, seen)
        if left:
            raise TimeoutError(f"{left} notices did not arrive")

    def _note(self, video_id: str, seen: Sequence[Seen]) -> int:
        now = time.time()
        for one in seen:
            if one.video_id == video_id:
                one.noticed = now
                still_cold = [other for other in seen if other.kind == COLD and not other.noticed]
                if one.kind == COLD and still_cold:
                    end(self.engine, "deliver")
                return 1
        return 0


@dataclass
class Script:
    """The process of the plain script: it takes a prompt a line, and makes the video of each in a thread."""

    process: subprocess.Popen[str]
    _prompts: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def warm_up(self) -> None:
        """Make one video of each model, so that the simulator has made its clips, and forget them."""
        for model in sorted({model for model, _ in POOLS} | {SCRIPT_MODEL}):
            self._send(model, f"a fox warms up {model} [simulate:seconds:1]")
            self._line()

    def make(self, prompt: str) -> None:
        """Start one video."""
        with self._lock:
            self._prompts.append(prompt)
            self._send(SCRIPT_MODEL, prompt)

    def results(self) -> list[Seen]:
        """Wait for all videos and return them in the order in which they were started."""
        found = {}
        for _ in self._prompts:
            line = self._line()
            found[line["prompt"]] = line
        return [
            Seen(WARM, prompt, requested=found[prompt]["requested"], completed=found[prompt]["completed"])
            for prompt in self._prompts
        ]

    def _send(self, model: str, prompt: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"model": model, "prompt": prompt}) + "\n")
        self.process.stdin.flush()

    def _line(self) -> Mapping[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the script has ended")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def script(stack: Stack) -> Iterator[Script]:
    """Run the script while the block runs."""
    base_url = f"{stack.simulator_url}/{SCRIPT_REGION}/api/v1"
    command = [sys.executable, "-m", "bench.overhead.script", base_url, stack.outputs["VideosBucketName"]]
    environment = {**stack.aws.environment(), "DASHSCOPE_API_KEY": simulator_keys()[SCRIPT_REGION]}
    process = subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Script(process)
    finally:
        process.kill()
        process.wait()
