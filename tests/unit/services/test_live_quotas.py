"""sweep: limits that change at Wan are read about hourly, and at once after a 429."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.fakes.quotas import FakeWanQuotas
from tests.fakes.repairs import mended_by
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock
from tools.harness.samples import NOW
from wan_video.domain.quota import Limit, LimitSource, Quota
from wan_video.errors import WanError, WanRefused, WanThrottled, WanUnauthorized, WanUnavailable, WanUnreachable
from wan_video.services.repairs import Mended
from wan_video.services.repairs.quotas import Change, LiveQuotas, Retirement, Unread

POOL = "singapore#wan2.6-t2v"
OTHER = "singapore#wan2.2-t2v-plus"
FAR = "beijing#wan2.6-t2v"
POOLS = (POOL, OTHER, FAR)
REGISTRY = Limit(5, LimitSource.REGISTRY)


def account(running: int) -> Limit:
    return Limit(running, LimitSource.ACCOUNT)


@dataclass
class World:
    """Wan's quotas, what is kept of them, and the readings between the two."""

    wan: FakeWanQuotas = field(default_factory=FakeWanQuotas)
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: FakeClock = field(default_factory=FakeClock)
    changes: list[Change] = field(default_factory=list)
    retirements: list[Retirement] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.live = LiveQuotas(
            self.wan,
            self.store,
            self.clock,
            POOLS,
            on_change=self.changes.append,
            on_retirement=self.retirements.append,
            on_unread=self.unread.append,
        )

    def sweep(self, after: float = 0) -> list[Mended]:
        """Let time pass and look as `sweep` does; forget who was asked before."""
        self.clock.advance(after)
        self.wan.asked.clear()
        return mended_by(self.live)

    def refused(self, *pools: str, after: float = 0) -> dict[str, int]:
        """Let time pass, and have submissions be answered with 429."""
        self.clock.advance(after)
        self.wan.asked.clear()
        return dict(self.live.after_429(pools or [POOL]))

    def quota(self, pool: str = POOL) -> Quota | None:
        return self.store.stated([pool])[pool].quota


def test_every_pool_and_every_region_is_read_once_an_hour() -> None:
    world = World()
    world.sweep()
    assert world.wan.asked == ["singapore", POOL, OTHER, "beijing", FAR]
    for _ in range(11):
        world.sweep(after=300)
        assert world.wan.asked == []
    world.sweep(after=300)
    assert world.wan.asked == ["singapore", POOL, OTHER, "beijing", FAR]


def test_what_wan_states_is_kept_with_the_time_of_the_reading() -> None:
    world = World(FakeWanQuotas({POOL: Quota(20, 50, LimitSource.WORKSPACE)}))
    assert world.sweep() == [Mended("quota_changed", POOL)]
    stated = world.store.stated([POOL])[POOL]
    assert (stated.quota, stated.read_at) == (Quota(20, 50, LimitSource.WORKSPACE), NOW)
    assert world.store.pool(POOL).stated == stated
    assert world.quota(OTHER) is None
    assert world.sweep(after=3600) == []
    assert world.store.stated([POOL])[POOL].read_at == NOW + 3600


def test_a_limit_that_wan_states_no_longer_is_that_of_the_registry_again() -> None:
    world = World(FakeWanQuotas({POOL: Quota(20)}))
    world.sweep()
    world.wan.quotas.clear()
    world.sweep(after=3600)
    assert world.quota() is None
    assert world.changes[-1] == Change(POOL, account(20), REGISTRY)
    assert world.changes[-1].fell


def test_each_change_is_reported_once_and_says_whether_the_limit_fell() -> None:
    world = World()
    seen = []
    for running in (5, 2, 2, 20, 20, 3):
        world.wan.quotas[POOL] = Quota(running)
        world.sweep(after=3600)
        seen.append([(change.before.concurrency, change.after.concurrency, change.fell) for change in world.changes])
        world.changes.clear()
    # The first reading confirms the registry, which is no change.
    assert seen == [[], [(5, 2, True)], [], [(2, 20, False)], [], [(20, 3, True)]]


def test_a_first_reading_below_the_registry_is_a_fall() -> None:
    world = World(FakeWanQuotas({POOL: Quota(1)}))
    world.sweep()
    assert [change.fell for change in world.changes if change.pool == POOL] == [True]


def test_a_crash_before_the_news_is_kept_repeats_the_report() -> None:
    world = World(FakeWanQuotas({POOL: Quota(2)}))

    class KilledBeforeItKeeps(MemoryStore):
        def keep_quota(self, name: str, quota: Quota | None, now: int) -> None:
            raise RuntimeError("killed")

    world = World(world.wan, KilledBeforeItKeeps(), world.clock, world.changes)
    with pytest.raises(ExceptionGroup):
        world.sweep()
    world = World(world.wan, MemoryStore(), world.clock, world.changes)
    world.sweep(after=3600)
    assert [change.fell for change in world.changes if change.pool == POOL] == [True, True]


# --- after a 429 -----------------------------------------------------------------------------------------------------


def test_a_429_has_the_quota_of_its_pool_read_at_once() -> None:
    world = World()
    world.sweep()
    world.wan.quotas[POOL] = Quota(2)
    assert world.refused(after=60) == {"quota_changed": 1}
    assert world.wan.asked == [POOL]
    assert world.quota() == Quota(2)


def test_after_429s_a_quota_is_read_once_a_minute_at_most() -> None:
    world = World()
    asked = []
    for _ in range(13):
        world.refused()
        asked.append(len(world.wan.asked))
        world.clock.advance(10)
    assert asked == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]


def test_of_many_that_come_at_once_one_asks() -> None:
    world = World()
    assert world.store.begin_reading(POOL, NOW, NOW - 60)
    assert world.refused() == {}
    assert world.wan.asked == []


def test_a_reading_after_a_429_counts_as_the_hours_reading() -> None:
    world = World()
    world.sweep()
    world.refused(after=1800)
    world.sweep(after=1800)
    assert world.wan.asked == ["singapore", OTHER, "beijing", FAR]


# --- readings that fail ----------------------------------------------------------------------------------------------

FAILURES = [
    WanUnavailable("AnswerLost", ""),
    WanUnreachable("ConnectionFailed", ""),
    WanThrottled("Throttling", "", status=429),
    WanRefused("NotFound", "", status=404),
    WanUnauthorized("KeyMissing", ""),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.code)
def test_a_reading_that_fails_changes_nothing_and_is_counted(failure: WanError) -> None:
    world = World(FakeWanQuotas({POOL: Quota(20)}))
    world.sweep()
    world.changes.clear()
    world.wan.failures = [failure]
    assert world.refused(after=60) == {}
    assert (world.quota(), world.changes) == (Quota(20), [])
    assert world.unread == [Unread(POOL, failure.code)]


def test_the_rest_of_a_region_waits_for_the_next_run_where_a_reading_fails() -> None:
    world = World()
    world.wan.failures = [WanUnavailable("AnswerLost", "")]
    world.sweep()
    assert world.wan.asked == ["singapore", "beijing", FAR]
    assert world.unread == [Unread("singapore", "AnswerLost")]
    world.wan.failures = [WanUnavailable("AnswerLost", "")]
    world.sweep(after=300)
    assert world.wan.asked == [POOL]
    world.sweep(after=300)
    assert world.wan.asked == [OTHER]
    world.sweep(after=300)
    assert world.wan.asked == []


def test_after_429s_a_region_that_does_not_answer_is_asked_once() -> None:
    world = World()
    world.wan.failures = [WanUnavailable("AnswerLost", "")] * 3
    world.refused(POOL, OTHER, FAR)
    assert world.wan.asked == [POOL, FAR]


# --- retirements -----------------------------------------------------------------------------------------------------


def test_a_retirement_is_kept_with_the_pool_and_reported_once() -> None:
    world = World()
    world.wan.models = {"wan2.6-t2v": NOW + 1000, "wan2.2-t2v-plus": None}
    world.sweep()
    assert world.retirements == [Retirement(POOL, NOW + 1000), Retirement(FAR, NOW + 1000)]
    assert {name: stated.retires_at for name, stated in world.store.stated(POOLS).items()} == {
        POOL: NOW + 1000,
        OTHER: None,
        FAR: NOW + 1000,
    }
    world.sweep(after=3600)
    assert len(world.retirements) == 2


def test_a_retirement_that_is_moved_is_reported_and_one_that_is_called_off_is_forgotten() -> None:
    world = World()
    world.wan.models = {"wan2.6-t2v": NOW + 1000}
    world.sweep()
    world.wan.models = {"wan2.6-t2v": NOW + 2000}
    world.sweep(after=3600)
    assert world.retirements[2:] == [Retirement(POOL, NOW + 2000), Retirement(FAR, NOW + 2000)]
    world.wan.models = {"wan2.6-t2v": None}
    world.sweep(after=3600)
    assert world.store.stated([POOL])[POOL].retires_at is None
    assert len(world.retirements) == 4


def test_a_model_that_is_no_longer_listed_keeps_its_retirement() -> None:
    world = World()
    world.wan.models = {"wan2.6-t2v": NOW + 1000}
    world.sweep()
    world.wan.models = {}
    world.sweep(after=3600)
    assert world.store.stated([POOL])[POOL].retires_at == NOW + 1000
