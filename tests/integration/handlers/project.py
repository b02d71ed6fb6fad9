"""The functions as Lambda calls them, over moto and the simulator."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tools.harness.lambdas import end_process, event, invoke
from tools.harness.stack import LEDGER, VIDEOS, Stack
from wan_simulator.simulator import Simulator
from wan_video.adapters.dynamodb.ledger import token_key
from wan_video.domain.video import Video

TOKEN = "wv_CANARY-TOKEN"


POOL = "singapore#wan2.6-t2v"


@dataclass
class Project:
    """A deployed stack whose Wan is the simulator, and the steps of the state machine."""

    stack: Stack
    simulator: Simulator
    monkeypatch: pytest.MonkeyPatch
    billed_before: int = field(init=False)

    def __post_init__(self) -> None:
        self.billed_before = len(self.simulator.ledger("billed"))

    def post(self, prompt: str, **more: Any) -> str:
        """Request a video, and return its id."""
        given = event("api_post")
        given["body"] = json.dumps({"prompt": prompt, "seconds": 2, **more})
        answer = invoke("api", given)
        assert answer["statusCode"] == 202, answer["body"]
        video_id: str = json.loads(answer["body"])["id"]
        return video_id

    def get(self, video_id: str, suffix: str = "") -> dict[str, Any]:
        answer: dict[str, Any] = invoke("api", event("api_get") | {"path": f"/v1/videos/{video_id}{suffix}"})
        return answer

    def dispatch(self) -> None:
        invoke("dispatch", event("stream_insert"))

    def submit(self, video_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("submit", {"video_id": video_id, "n": 1})
        return answer

    def poll(self, video_id: str, task_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("poll", {"video_id": video_id, "task_id": task_id, "n": 1})
        return answer

    def deliver(self, video_id: str, task_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("deliver", {"video_id": video_id, "task_id": task_id})
        return answer

    def report_failure(self, video_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke("report_failure", {"video_id": video_id})
        return answer

    def started(self, prompt: str) -> str:
        """Request a video, start its execution, and return its id."""
        video_id = self.post(prompt)
        self.dispatch()
        return video_id

    def finished(self, prompt: str) -> tuple[str, str]:
        """Return a video whose task has ended at Wan, and the task."""
        video_id = self.started(prompt)
        task_id = str(self.submit(video_id)["task_id"])
        self.simulator.finish(task_id)
        return video_id, task_id

    def at(self, seconds: float) -> None:
        """Move the clocks of Wan and of the functions ahead."""
        self.simulator.advance(seconds)
        self.monkeypatch.setenv("CLOCK", f"0@{self.simulator.wan.clock.now()}")
        end_process()

    def row(self, video_id: str) -> Video:
        return self.stack.videos.get(video_id)

    @property
    def billed(self) -> int:
        return len(self.simulator.ledger("billed")) - self.billed_before

    def notices(self) -> list[dict[str, Any]]:
        return [json.loads(envelope["Message"]) for envelope in self.stack.notices()]

    def everything_stored(self) -> str:
        """Return all items, executions and notices as text."""
        items = [self.stack.dynamodb.Table(table).scan()["Items"] for table in (VIDEOS, LEDGER)]
        return json.dumps([items, self.stack.executions(), self.stack.notices()], default=str)


def put_token(stack: Stack, **attributes: Any) -> None:
    item: dict[str, Any] = {
        **token_key(hashlib.sha256(TOKEN.encode()).hexdigest()),
        "owner": "alice",
        "scopes": {"read", "write"},
    }
    stack.dynamodb.Table(LEDGER).put_item(Item={**item, **attributes})
