"""dispatch killed at every write and every call: later calls repair everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.mortal import Fate, Moment
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeExecutions, Killed
from tools.harness.samples import NOW, TODAY, queued, request, running, starting
from wan_video.domain.budget import STACK
from wan_video.domain.models import POOLS
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status
from wan_video.errors import VideoNotFound
from wan_video.services.dispatch import Dispatch

POOL = "singapore#wan2.6-t2v"
PLACES = 6
STORE_CALLS = {"read", "get_many", "get", "head", "start", "lease", "release", "note_begun"} | {
    "save",
    "remove_item",
    "remove_line",
    "pass_over",
    "used_by",
}
STACK_SECONDS = 60
ENDED = Failure("x", "y", "poll", True)


class World:
    """A pool that combines all situations of a dispatcher."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.executions = FakeExecutions()
        self.store.add(starting("video_cut_off", owner="zoe"))
        self.store.add(running("video_running", owner="zoe"))
        for number in range(4):
            self.store.accept(queued(f"video_alice_{number}", owner="alice", at=NOW + number))
        self.store.accept(queued("video_gone", owner="bob", at=NOW))
        self.store.accept(queued("video_bob", owner="bob", at=NOW + 1))
        self.store.lose("video_gone")
        # One video does not fit into today's budget, and one never fits.
        self.store.add(running("video_carol", owner="carol"))
        self.store.accept(queued("video_poor", owner="carol", daily_seconds=10, request=request(seconds=10)))
        self.store.accept(queued("video_never", owner="dora", daily_seconds=5, request=request(seconds=10)))

    def dispatch(self, fate: Fate | None = None) -> int:
        fate = fate or Fate()
        store = fate.of(self.store, STORE_CALLS)
        executions = fate.of(self.executions, {"start"})
        return Dispatch(store, store, executions, self.clock, daily_seconds=STACK_SECONDS)(POOLS)

    def finish_all(self) -> None:
        """Run dispatchers until nothing more starts; each video ends some time after its start."""
        for _ in range(20):
            started = self.dispatch()
            for video_id in self.store.pool(POOL).running:
                row = self.store.get(video_id)
                assert f"{video_id}-{row.execution}" in self.executions.inputs or video_id in RUNNING
                row = row if row.status is Status.IN_PROGRESS else self.store.save(row, row.submitting(NOW))
                self.store.save(row, row.ended(NOW, ENDED))
            if not started and not self.store.pool(POOL).waiting:
                return
            self.clock.advance(DAY_SECONDS)
        raise AssertionError("a video waits forever")

    def rows(self) -> Iterator[str]:
        return (name for name in NAMES if name != "video_gone")


NAMES = [
    *(f"video_alice_{number}" for number in range(4)),
    *("video_gone", "video_bob", "video_poor", "video_never", "video_cut_off", "video_running", "video_carol"),
]
RUNNING = {"video_running", "video_carol"}


def calls_of_one_dispatch() -> list[str]:
    fate = Fate()
    World().dispatch(fate)
    return fate.calls


CALLS = calls_of_one_dispatch()


def test_the_list_of_calls_covers_every_call_of_a_dispatcher() -> None:
    assert set(CALLS) == STORE_CALLS - {"used_by"} | {"start"}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", range(len(CALLS)), ids=[f"{at}-{name}" for at, name in enumerate(CALLS)])
def test_a_crash_of_a_dispatcher_loses_nothing_starts_nothing_twice_and_leaks_no_place(at: int, moment: Moment) -> None:
    world = World()
    with pytest.raises(Killed):
        world.dispatch(Fate(at, moment))
    held = [row for name in world.rows() for row in [world.store.get(name)] if row.place is not None]
    assert {row.id for row in held} == world.store.pool(POOL).running
    assert len(held) <= PLACES
    assert world.store.used(STACK, TODAY) == sum(row.reservation.seconds for row in held if row.reservation)
    world.finish_all()
    assert all(world.store.get(name).status.final for name in world.rows())
    with pytest.raises(VideoNotFound):
        world.store.get("video_gone")
    assert world.store.pool(POOL).running == frozenset()
    assert world.store.pool(POOL).lines == ()
    started = {name.rpartition("-")[0] for name in world.executions.inputs}
    assert started == set(world.rows()) - RUNNING - {"video_never"}
    assert len(world.executions.inputs) == len(started)
