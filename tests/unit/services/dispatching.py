"""The queues of one stack, the dispatcher over them, and stores that count calls, for the tests of dispatch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeExecutions
from tools.harness.samples import NOW, queued
from wan_video.domain.models import POOLS
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.services.dispatch import Dispatch

POOL = "singapore#wan2.6-t2v"
PLACES = 6
FAILURE = Failure("x", "y", "poll", True)


@dataclass
class World:
    """The queues of one stack, and the dispatcher over them."""

    daily_seconds: int | None = None
    enabled: bool = True
    store: MemoryStore = field(default_factory=MemoryStore)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    clock: FakeClock = field(default_factory=FakeClock)
    arrivals: int = 0
    limits: dict[str, int] = field(default_factory=dict)

    def wait(self, *owners: str, **wanted: Any) -> list[Video]:
        """Queue one video for each named owner, one after the other."""
        videos = []
        for owner in owners:
            self.arrivals += 1
            video = queued(f"video_{owner}_{self.arrivals}", owner=owner, at=NOW + self.arrivals, **wanted)
            self.store.accept(video)
            videos.append(video)
        return videos

    def __call__(self) -> int:
        dispatch = Dispatch(
            self.store,
            self.store,
            self.executions,
            self.clock,
            enabled=self.enabled,
            daily_seconds=self.daily_seconds,
            limits=self.limits,
        )
        return dispatch(POOLS)

    def end(self, video_id: str) -> None:
        row = self.store.get(video_id)
        self.store.save(row, row.ended(NOW, FAILURE))

    def status(self, video: Video) -> Status:
        return self.store.get(video.id).status

    @property
    def started(self) -> list[str]:
        """The owners of the started videos, in the order of the starts."""
        return [name.split("_")[1] for name in self.executions.inputs]


class CountingStore(MemoryStore):
    """The contents of another store, with counted calls."""

    def __init__(self, store: MemoryStore) -> None:
        self.__dict__.update(vars(store))
        self.calls: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in PORTS:
            self.calls[name] += 1
        return found


class AskedStore(CountingStore):
    """A store in which others ask the holder of a lease to look again, as soon as it has the lease."""

    def lease(self, name: str, holder: str, now: int, until: int) -> bool:
        assert super().lease(name, holder, now, until)
        assert not super().lease(name, f"not {holder}", now, until)
        return True


PORTS = {
    *("accept", "get", "get_many", "head", "lease", "note_begun", "pass_over", "read", "release", "remove_item"),
    *("remove_line", "save", "start", "stated", "used_by"),
}
