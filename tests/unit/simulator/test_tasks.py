"""The progress of a task in its lane, which depends only on the clock."""

from __future__ import annotations

import pytest

from wan_simulator.orders import parse_order
from wan_simulator.tasks import Failure, Lane, Latency, Made, Phase, Task
from wan_video.domain.models import Region

ORDER = parse_order({"model": "wan2.6-t2v", "input": {"prompt": "a fox"}}, Region.SINGAPORE)
LATENCY = Latency(pending=10, running=50)


def task(submitted_at: float = 0.0, failure: Failure | None = None, workspace: str = "") -> Task:
    return Task("id", Region.SINGAPORE, ORDER, 1, submitted_at, failure, workspace=workspace)


def at_once(_: Task) -> Made:
    return Made(0.0)


def lane_of(*tasks: Task, places: int = 5) -> Lane:
    lane = Lane(places, LATENCY)
    for each in tasks:
        lane.add(each)
    return lane


def test_a_task_is_pending_then_running_then_succeeded() -> None:
    one = task()
    lane = lane_of(one)
    phases = []
    for now in (0.0, 9.9, 10.0, 59.9, 60.0):
        lane.settle(now, at_once)
        phases.append(one.phase)

    assert phases == [Phase.PENDING, Phase.PENDING, Phase.RUNNING, Phase.RUNNING, Phase.SUCCEEDED]


def test_a_task_that_is_queried_late_ended_at_its_own_time() -> None:
    one = task()
    lane_of(one).settle(1_000_000.0, at_once)

    assert (one.scheduled_at, one.ended_at) == (10.0, 60.0)


def test_a_task_with_a_time_of_its_own_does_not_take_that_of_its_lane() -> None:
    usual, quick = task(), task()
    quick.latency = Latency.of(12.0)
    lane_of(usual, quick).settle(100.0, at_once)

    assert (quick.scheduled_at, quick.ended_at) == (2.0, 12.0)
    assert (usual.scheduled_at, usual.ended_at) == (10.0, 60.0)


def test_a_task_ends_once() -> None:
    lane = lane_of(task())

    assert len(lane.settle(100.0, at_once)) == 1
    assert lane.settle(200.0, at_once) == []


def test_no_task_succeeds_before_its_film_exists() -> None:
    one = task()
    lane = lane_of(one)
    lane.settle(500.0, lambda _: None)

    assert one.phase is Phase.RUNNING

    lane.settle(501.0, lambda _: Made(at=500.5))

    assert (one.phase, one.ended_at) == (Phase.SUCCEEDED, 500.5)


def test_a_film_that_cannot_be_made_fails_the_task() -> None:
    one = task()
    lane_of(one).settle(100.0, lambda _: Made(0.0, Failure.of("InternalError.Algo")))

    assert (one.phase, one.failure) == (Phase.FAILED, Failure("InternalError.Algo", "inference internal error."))


def test_a_task_that_must_fail_needs_no_film() -> None:
    one = task(failure=Failure.of("DataInspectionFailed"))
    lane_of(one).settle(60.0, lambda _: None)

    assert one.phase is Phase.FAILED


def test_tasks_beyond_the_places_wait_for_their_turn() -> None:
    tasks = [task(submitted_at=float(number)) for number in range(3)]
    lane_of(*tasks, places=1).settle(10_000.0, at_once)

    assert [each.scheduled_at for each in tasks] == [10.0, 60.0, 110.0]
    assert [each.ended_at for each in tasks] == [60.0, 110.0, 160.0]


def test_no_more_tasks_run_at_once_than_there_are_places() -> None:
    tasks = [task() for _ in range(7)]
    lane_of(*tasks, places=2).settle(10.0, at_once)

    assert [each.phase for each in tasks].count(Phase.RUNNING) == 2


def test_the_order_of_ends_does_not_depend_on_the_time_of_queries() -> None:
    def ends(moments: list[float]) -> list[float | None]:
        tasks = [task(submitted_at=3.0 * number) for number in range(6)]
        lane = lane_of(*tasks, places=2)
        for now in moments:
            lane.settle(now, at_once)
        return [each.ended_at for each in tasks]

    assert ends([1000.0]) == ends([float(now) for now in range(0, 1001, 7)])


def test_a_task_is_kept_for_a_day() -> None:
    assert task().is_kept(86_400.0)
    assert not task().is_kept(86_400.1)


def test_a_cancelled_task_never_runs_and_gives_its_turn_to_the_next() -> None:
    first, cancelled, last = (task(submitted_at=float(number)) for number in range(3))
    lane = lane_of(first, cancelled, last, places=1)
    lane.settle(10.0, at_once)
    lane.cancel(cancelled, 15.0)
    lane.settle(10_000.0, at_once)

    assert (cancelled.phase, cancelled.ended_at) == (Phase.CANCELED, 15.0)
    assert (last.phase, last.scheduled_at) == (Phase.SUCCEEDED, 60.0)


def test_a_running_task_cannot_be_cancelled() -> None:
    one = task()
    lane = lane_of(one)
    lane.settle(10.0, at_once)

    with pytest.raises(ValueError, match="not in deque"):
        lane.cancel(one, 11.0)


def test_with_fewer_places_running_tasks_continue_and_no_other_starts() -> None:
    tasks = [task(submitted_at=float(number)) for number in range(3)]
    lane = lane_of(*tasks, places=2)
    lane.settle(20.0, at_once)
    lane.resize(1, {}, 20.0)
    lane.settle(10_000.0, at_once)

    assert [each.scheduled_at for each in tasks] == [10.0, 11.0, 61.0]


def test_more_places_start_waiting_tasks_at_that_moment() -> None:
    tasks = [task(submitted_at=float(number)) for number in range(3)]
    lane = lane_of(*tasks, places=1)
    lane.settle(20.0, at_once)
    lane.resize(3, {}, 20.0)
    lane.settle(10_000.0, at_once)

    assert [each.scheduled_at for each in tasks] == [10.0, 20.0, 20.0]


def test_tasks_of_a_full_workspace_do_not_block_the_others() -> None:
    narrow = [task(workspace="narrow") for _ in range(2)]
    other = task(workspace="other")
    lane = lane_of(*narrow, other)
    lane.resize(5, {"narrow": 1}, 0.0)
    lane.settle(10_000.0, at_once)

    assert [each.scheduled_at for each in narrow] == [10.0, 60.0]
    assert other.scheduled_at == 10.0


def test_a_queue_can_be_full_in_total_or_for_one_workspace() -> None:
    lane = lane_of(task(workspace="a"), task(workspace="a"), places=1)
    lane.resize(1, {"a": 1}, 0.0)

    assert lane.has_room("b", 2, None)
    assert not lane.has_room("b", 1, None)
    assert not lane.has_room("a", 2, 1)
    assert lane.has_room("a", None, None)
