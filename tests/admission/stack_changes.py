"""Wan's limits that change while videos run through a running local stack: 5, then 2, then 20 at once.

Nothing is hurried: `sweep` reads the limit when a submission is answered with 429, or when an hour of the stack's clock
has passed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from tests.admission.changes import MODEL, POOL, Phase, utilisation
from tests.admission.figures import LEAST_UTILISATION, MOST_THROTTLED
from tests.admission.stack_run import digest, final, upload
from wan_video.domain.models import MODELS
from wan_video.domain.quota import limit_in_force
from wan_video_local.client import Client, Video
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import Stack

REGION: Final = "singapore"
ROWS_OF_A_FILE: Final = 80
LOOK_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 4 * 3600.0

WAN_ZONE: Final = timezone(timedelta(hours=8))

PHASES: Final = (Phase(5, 5), Phase(2, 1, after=1 / 8), Phase(20, 20, after=3 / 16))
"""The limit of 20 is noticed at the next hourly reading, until which some 40 videos are made two at a time."""


@dataclass(frozen=True)
class StackChangeFigures:
    """The results of a run; `utilisation` and `noticed_after` as in `ChangeFigures`."""

    videos: int
    completed: int
    billed: int
    submitted_twice: int
    utilisation: float
    throttled: int
    limits_read: tuple[int, ...]
    noticed_after: tuple[int, ...]
    seconds: float

    def document(self) -> dict[str, Any]:
        """Return the figures by name, with totals as shares."""
        return {
            "videos": self.videos,
            "completed": self.completed,
            "billed": self.billed,
            "submitted_twice": self.submitted_twice,
            "utilisation": round(self.utilisation, 4),
            "throttled_per_video": round(self.throttled / self.videos, 4),
            "limits_read": list(self.limits_read),
            "noticed_after_seconds": list(self.noticed_after),
            "seconds": round(self.seconds),
        }

    def violations(self) -> list[str]:
        """Return the promises that were not kept; a busy machine may miss the bounds of `missed`."""
        shown = self.document()
        promises = {
            "completed": self.completed == self.videos,
            "billed": self.billed == self.videos,
            "submitted_twice": self.submitted_twice == 0,
            "limits_read": self.limits_read == (2, 20),
        }
        return [f"{name} is {shown[name]}" for name, holds in promises.items() if not holds]

    def missed(self) -> list[str]:
        """Return the bounds that this machine has missed: it may be too busy to carry twenty videos at once."""
        shown = self.document()
        bounds = {
            "utilisation": self.utilisation >= LEAST_UTILISATION,
            "throttled_per_video": self.throttled / self.videos <= MOST_THROTTLED,
        }
        return [f"{name} is {shown[name]}" for name, holds in bounds.items() if not holds]


@dataclass
class Watch:
    """Changes the limits as the videos end, and notes when the stack has read which."""

    simulator: SimulatorControls
    client: Client
    videos: int
    mine: set[str]
    changed_at: list[float] = field(default_factory=list)
    read: list[tuple[float, int]] = field(default_factory=list)

    def billed(self) -> list[dict[str, Any]]:
        """The ends of this run's tasks."""
        return [entry for entry in self.simulator.entries("billed") if entry["prompt_sha256"] in self.mine]

    def look(self) -> bool:
        """Begin the next phase if it is time, read the limit in force, and return whether all videos were billed."""
        ended, begun = len(self.billed()), len(self.changed_at)
        if begun < len(PHASES) and ended >= PHASES[begun].after * self.videos:
            phase = PHASES[begun]
            self.simulator.set_quota(
                REGION, MODEL, async_user_concurrency_limit=phase.running, async_user_queue_limit=phase.waiting
            )
            self.changed_at.append(self.simulator.now())
        limit = self.client.model(MODEL)["limits"][REGION]
        known = self.read[-1][1] if self.read else limit_in_force(POOL, None, {}).concurrency
        if limit["concurrency"] != known:
            self.read.append((float(limit["read_at"]), int(limit["concurrency"])))
        return ended >= self.videos


def run_changes_on(stack: Stack, videos: int) -> StackChangeFigures:
    """Make `videos` videos while the limits change; raises TooSlowError and TimeoutError."""
    simulator, client = SimulatorControls(stack.simulator_url), Client(stack.api_url, stack.token)
    before, began = simulator.calls().get(f"{MODEL} refused", 0), time.time()
    mark = secrets.token_hex(4)
    orders = [_order(mark, number) for number in range(videos)]
    watch = Watch(simulator, client, videos, {digest(order["prompt"]) for order in orders})
    watch.look()
    ids = [
        video_id
        for at in range(0, videos, ROWS_OF_A_FILE)
        for video_id in upload(stack, client, f"{mark}-{at}.json", orders[at : at + ROWS_OF_A_FILE])
    ]
    deadline = time.monotonic() + LONGEST_SECONDS / stack.speed
    while not watch.look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the videos did not end within {LONGEST_SECONDS:.0f} seconds of the stack's clock")
        time.sleep(LOOK_SECONDS)
    ended = [final(stack, client, video_id) for video_id in ids]
    accepted = [entry for entry in simulator.entries("accepted") if entry["prompt_sha256"] in watch.mine]
    return StackChangeFigures(
        videos=videos,
        completed=sum(video["status"] == "completed" for video in ended),
        billed=len(watch.billed()),
        submitted_twice=len(accepted) - len({entry["prompt_sha256"] for entry in accepted}),
        utilisation=_utilisation(ended, watch.read),
        throttled=simulator.calls().get(f"{MODEL} refused", 0) - before,
        limits_read=tuple(limit for _, limit in watch.read),
        noticed_after=tuple(
            round(at - changed) for (at, _), changed in zip(watch.read, watch.changed_at[1:], strict=False)
        ),
        seconds=(time.time() - began) * stack.speed,
    )


def _order(mark: str, number: int) -> dict[str, str]:
    return {"prompt": f"changes {mark} {number}", "model": MODEL, "size": str(MODELS[MODEL].default_size)}


def _utilisation(videos: Sequence[Video], read: Sequence[tuple[float, int]]) -> float:
    """Return the share of the limit last read that was used from the first task until the last video started."""
    runs = [(_moment(video["upstream"], "scheduled_time"), _moment(video["upstream"], "end_time")) for video in videos]
    first = (min(begun for begun, _ in runs), limit_in_force(POOL, None, {}).concurrency)
    return utilisation(runs, [first, *read], max(float(video["started_at"]) for video in videos))


def _moment(upstream: Mapping[str, str], name: str) -> float:
    return datetime.strptime(upstream[name], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=WAN_ZONE).timestamp()
