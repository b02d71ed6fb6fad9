"""dispatch: the daily budgets of the stack and of owners."""

from __future__ import annotations

import pytest

from tests.unit.services.dispatching import FAILURE, World
from tools.harness.samples import NOW, TODAY, request
from wan_video.domain.budget import STACK
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.video import Status
from wan_video.services.dispatch import Dispatch


def test_the_stacks_daily_budget_is_not_exceeded_and_renewed_each_day() -> None:
    world = World(daily_seconds=12)
    videos = world.wait(*["alice"] * 4)
    assert world() == 2
    assert world.store.used(STACK, TODAY) == 10
    assert world() == 0
    world.clock.advance(DAY_SECONDS)
    assert world() == 2
    assert [world.status(video) for video in videos] == [Status.STARTING] * 4


def test_an_owner_over_budget_is_skipped_without_delaying_others() -> None:
    world = World()
    world.wait(*["alice"] * 3, daily_seconds=5)
    world.wait(*["bob"] * 3)
    assert world() == 4
    assert sorted(world.started) == ["alice", "bob", "bob", "bob"]
    assert world.store.used("alice", TODAY) == 5


def test_a_video_that_never_fits_a_lowered_budget_fails_without_delaying_others() -> None:
    world = World(daily_seconds=5)
    (long,) = world.wait("alice", request=request(seconds=10))
    (short,) = world.wait("alice")
    assert world() == 1
    assert world.status(long) is Status.FAILED
    assert world.status(short) is Status.STARTING
    error = world.store.get(long.id).error
    assert error is not None
    assert error.code == "budget_exceeded"


def test_a_released_reservation_can_be_used_again() -> None:
    world = World(daily_seconds=5)
    first, second = world.wait("alice", "alice")
    assert world() == 1
    row = world.store.get(first.id)
    world.store.save(row, row.refused(NOW, FAILURE))
    assert world.store.used(STACK, TODAY) == 0
    assert world() == 1
    assert world.status(second) is Status.STARTING


@pytest.mark.parametrize(("budget", "percent"), [(None, None), (10, 50.0)])
def test_the_used_share_of_the_budget_is_logged_in_percent(budget: int | None, percent: float | None) -> None:
    world = World()
    world.wait("alice")
    world()
    dispatch = Dispatch(world.store, world.store, world.executions, world.clock, daily_seconds=budget)
    assert dispatch.budget_used() == percent
