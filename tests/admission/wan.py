"""The port `Wan` over the simulator's own logic, without HTTP: its limits, lanes and ledger are real."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final

from wan_simulator.errors import RefusalError
from wan_simulator.render import Shot
from wan_simulator.service import Call
from wan_simulator.simulator import Simulator
from wan_video.adapters.wan.bodies import request_body
from wan_video.domain.image import NO_ADDRESSES, ImageAddresses
from wan_video.domain.models import Region
from wan_video.domain.request import VideoRequest
from wan_video.domain.task import TaskAnswer, TaskList
from wan_video.errors import WanThrottled

FILM_SECONDS: Final = 30.0


def render_nothing(_shot: Shot, path: Path, _abandoned: Event) -> None:
    """Write an empty video, because no test reads it."""
    path.write_bytes(b"\x00\x00\x00\x14ftypisom")


@dataclass
class SimulatedWan:
    """The port `Wan` over a simulator in this process; it counts the calls."""

    simulator: Simulator
    queries: int = 0
    throttled: int = 0
    per_second: Counter[int] = field(default_factory=Counter)

    def base_url(self, region: Region, model: str | None = None) -> str:
        return f"simulator://{region}"

    def prepare(self, request: VideoRequest, addresses: ImageAddresses = NO_ADDRESSES) -> Callable[[], TaskAnswer]:
        return partial(self._create, request)

    def query(self, region: Region, task_id: str, base_url: str | None = None) -> TaskAnswer:
        self.queries += 1
        self.per_second[int(self.simulator.wan.clock.now())] += 1
        return self._answered(lambda: self.simulator.wan.query(self._call(region, asynchronous=False), task_id))

    def cancel(self, region: Region, task_id: str, base_url: str | None = None) -> None:
        raise AssertionError("nothing is cancelled here")

    def tasks(self, region: Region, model: str, since: int, until: int, base_url: str | None = None) -> TaskList:
        raise AssertionError("no answer is lost here, so nothing is looked for")

    def refresh_key(self, region: Region) -> bool:
        return False

    def _create(self, request: VideoRequest) -> TaskAnswer:
        wan, body = self.simulator.wan, json.dumps(request_body(request)).encode()
        answer = self._answered(lambda: wan.create(self._call(request.region, asynchronous=True), body))
        task = wan.task(answer.task_id)
        if task is not None:
            wan.studio.wait(task, FILM_SECONDS)
        return answer

    def _call(self, region: Region, *, asynchronous: bool) -> Call:
        key = f"Bearer {self.simulator.key(region)}"
        return Call(region, key, asynchronous, False, (), self.simulator.wan.request_id())

    def _answered(self, ask: Callable[[], Mapping[str, Any]]) -> TaskAnswer:
        try:
            answer = ask()
        except RefusalError as refusal:
            if refusal.status != 429:
                raise
            self.throttled += 1
            raise WanThrottled(refusal.code, str(refusal), status=429) from None
        output = answer["output"]
        return TaskAnswer(
            task_id=output["task_id"],
            status=output["task_status"],
            video_url=output.get("video_url"),
            seconds=answer.get("usage", {}).get("duration"),
        )
