"""Run one repair by itself."""

from __future__ import annotations

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeExecutions, FakeTopic
from wan_video.services.announce import Announce
from wan_video.services.repairs import Mended, Repair
from wan_video.services.repairs.unfinished import UnfinishedVideos
from wan_video.services.report_failure import ReportFailure
from wan_video.services.sweep import Sweep


def first(_: int) -> int:
    """Start at the beginning of the list."""
    return 0


def mended_by(repair: Repair) -> list[Mended]:
    """Return what `sweep` repairs if it has only this repair; raises what `sweep` raises."""
    store, topic, clock = MemoryStore(), FakeTopic(), FakeClock()
    announce = Announce(store, topic, clock)
    nothing = UnfinishedVideos(store, FakeExecutions(), announce, ReportFailure(store, announce, clock), clock)
    mended: list[Mended] = []
    Sweep([repair], nothing, on_mended=mended.append)()
    return mended
