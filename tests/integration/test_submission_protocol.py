"""The whole protocol of submissions over HTTP: Wan loses answers, workers die, and the simulator records its bills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Final

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, Killed
from tests.integration.sdk.clients import OneKey
from tools.harness.patience import PATIENCE, until
from tools.harness.samples import request, starting
from wan_simulator.clock import Clock
from wan_simulator.faults import Fault
from wan_simulator.ledger import prompt_digest
from wan_simulator.simulator import Simulator
from wan_simulator.testing import TEST_ORIGIN, running_simulator
from wan_video.adapters.wan import client as wan_client
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region
from wan_video.domain.video import Video
from wan_video.errors import WanThrottled, WanUnreachable
from wan_video.services.lost_tasks import LostTasks
from wan_video.services.reconcile import Reconcile
from wan_video.services.submit import Submit

Patience = Callable[[float], None]

GRACE = 600
LAG = 300
IMPATIENCE = 0.5
"""Seconds that a client waits for an answer that never arrives."""

HANG = Fault("create", "hang", seconds=2 * PATIENCE, after=True)
LOST_BEFORE = [
    Fault("create", "reset"),
    Fault("create", "status", status=502),
    Fault("create", "garbage"),
    Fault("create", "refuse", code="InternalError"),
]
LOST_AFTER = [
    Fault("create", "reset", after=True),
    Fault("create", "status", status=500, after=True),
    Fault("create", "garbage", after=True),
    Fault("create", "refuse", code="RequestTimeOut", after=True),
    Fault("create", "truncate"),
    Fault("create", "no_task_id"),
    HANG,
]


class World:
    """Videos to submit, three of each prompt, a simulator that bills, and the clock of both."""

    def __init__(
        self, simulator: Simulator, patience: Patience, count: int, *, resend: bool, grace: int = GRACE
    ) -> None:
        self.simulator, self.patience, self.random = simulator, patience, Random(count)
        self.clock = FakeClock(TEST_ORIGIN)
        self.prompts = [f"a fox counts to {number - number % 3}" for number in range(count)]
        videos = [starting(f"video_{number}", request=request(prompt=p)) for number, p in enumerate(self.prompts)]
        self.store = MemoryStore(*videos)
        self.left = [video.id for video in videos]
        wan = WanClient(
            OneKey(simulator.key()), endpoints=Endpoints({Region.SINGAPORE: simulator.base_url()}), pause=lambda _: None
        )
        search = LostTasks(wan, self.store, self.store, self.clock, 600, pause=lambda _: None)
        self.submit = Submit(self.store, wan, Reconcile(self.store, search, self.clock, grace, resend), self.clock)

    def round(self, seconds: int) -> None:
        """Move the clock, and submit every video without a task again; 22 % of the answers are lost."""
        faults = self.simulator.faults
        self.simulator.advance(seconds)
        self.clock.advance(seconds)
        for video_id in self.left:
            faults.clear()
            chance = self.random.random()
            fault = None
            if chance < 0.22:
                fault = self.random.choice(LOST_BEFORE if chance < 0.11 else LOST_AFTER)
                faults.add(fault)
            accepted = self.books("accepted").total()
            self.patience(IMPATIENCE if fault is HANG else PATIENCE)
            if self.random.random() < 0.05:
                self.store.before_write = _die_with_a_task
            with suppress(Killed, WanThrottled, WanUnreachable):
                self.submit(video_id)
            if fault is HANG and not faults.waiting():
                # The clock of this test is stopped, and on a busy machine the simulator's thread may be too.
                until(partial(self.has_accepted_more_than, accepted), "the task")
            self.store.before_write = lambda _: None
        faults.clear()
        self.left = [video_id for video_id in self.left if self.store.get(video_id).task is None]

    def rows(self) -> list[Video]:
        return [self.store.get(f"video_{number}") for number in range(len(self.prompts))]

    def books(self, event: str) -> Counter[str]:
        """Return the counts of an event in the simulator by prompt."""
        return Counter(entry["prompt_sha256"] for entry in self.simulator.ledger(event))

    def has_accepted_more_than(self, tasks: int) -> bool:
        return self.books("accepted").total() > tasks

    def settle(self) -> None:
        """Let every task end."""
        self.simulator.advance(3600)

    @property
    def asked(self) -> Counter[str]:
        """Return the number of requested videos by prompt."""
        return Counter(map(prompt_digest, self.prompts))


def _die_with_a_task(video: Video) -> None:
    if video.task is not None:
        raise Killed


SOME_OR_MANY: Final = [80, pytest.param(200, marks=pytest.mark.slow)]
"""Numbers of videos: many meet more combinations of a lost answer and a worker that dies, for much more time."""


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Set the seconds that a client waits for an answer, so that many lost answers do not take minutes."""
    return lambda seconds: monkeypatch.setattr(wan_client, "READ_SECONDS", seconds)


@pytest.mark.parametrize("count", SOME_OR_MANY)
def test_in_resend_mode_every_video_is_billed_exactly_once(patience: Patience, count: int) -> None:
    with running_simulator(latency=5, clock=Clock(speed=0, origin=TEST_ORIGIN), list_lag=LAG) as simulator:
        world = World(simulator, patience, count, resend=True)
        for _ in range(90):
            world.round(60)
        world.settle()
        assert world.left == []
        assert world.books("accepted") == world.books("billed") == world.asked
        tasks = [row.task.id for row in world.rows() if row.task is not None]
        assert sorted(tasks) == sorted(entry["task_id"] for entry in simulator.ledger("billed"))
        attempts = sum(row.submission.attempt for row in world.rows() if row.submission is not None)
        assert len(simulator.ledger("received")) <= attempts


@pytest.mark.parametrize("count", SOME_OR_MANY)
def test_in_hold_mode_the_uncertain_videos_are_exactly_those_that_wan_never_accepted(
    patience: Patience, count: int
) -> None:
    with running_simulator(latency=5, clock=Clock(speed=0, origin=TEST_ORIGIN), list_lag=LAG) as simulator:
        world = World(simulator, patience, count, resend=False)
        for _ in range(14):
            world.round(60)
        world.settle()
        in_doubt = Counter(prompt_digest(row.request.prompt) for row in world.rows() if row.in_doubt)
        assert in_doubt == world.asked - world.books("accepted")
        assert in_doubt.total() == len(world.left) > 0
        assert world.books("billed") + in_doubt == world.asked
        assert len(simulator.ledger("received")) == count


def test_this_test_detects_a_grace_that_is_shorter_than_the_lag(patience: Patience) -> None:
    with running_simulator(latency=5, clock=Clock(speed=0, origin=TEST_ORIGIN), list_lag=LAG) as simulator:
        world = World(simulator, patience, 60, resend=True, grace=0)
        for _ in range(10):
            world.round(60)
        world.settle()
        assert (world.books("billed") - world.asked).total() > 0
