"""Deliveries and lanes: schedules, states, and the slots of a receiver."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.harness import event_schema
from tools.harness.samples import NOW
from wan_video.domain.delivery import (
    FAILURES_TO_PAUSE,
    JITTER,
    LIFE_SECONDS,
    MAX_ATTEMPTS,
    PROBE_SECONDS,
    RETRY_SECONDS,
    SLOT_SECONDS,
    SLOTS,
    Delivery,
    DeliveryStatus,
    Lane,
    Outcome,
    Task,
    callback_lane,
    event_for_test,
    parse_delivery_id,
)
from wan_video.domain.video import InvalidTransition

OK = Outcome(status_code=204)
DOWN = Outcome(error="timeout")


def delivery(**more: object) -> Delivery:
    made = Delivery(
        endpoint_id="whe_1",
        owner="alice",
        event_id="evt_" + 32 * "a",
        event_type="video.completed",
        event_created_at=NOW - 5,
        created_at=NOW,
        due_at=NOW,
        body="{}",
        lane="whe_1",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def entered(lane: Lane, holder: str = "one", now: int = NOW, real: float = NOW) -> Lane:
    found = lane.enter(holder, now, real)
    assert found is not None
    return found


def test_all_attempts_together_take_about_a_day() -> None:
    assert 22 * 3600 < sum(RETRY_SECONDS) < 24 * 3600
    assert list(RETRY_SECONDS) == sorted(RETRY_SECONDS)


@given(spread=st.floats(0, 1), attempts=st.integers(0, MAX_ATTEMPTS - 2))
def test_a_failure_is_repeated_after_the_gap_of_its_attempt_within_the_jitter(spread: float, attempts: int) -> None:
    failed = delivery(attempts=attempts).retried(NOW, DOWN, spread)

    gap = RETRY_SECONDS[attempts]
    assert (1 - JITTER) * gap - 1 <= failed.due_at - NOW <= (1 + JITTER) * gap + 1
    assert (failed.attempts, failed.status, failed.last_outcome) == (attempts + 1, DeliveryStatus.PENDING, DOWN)


def test_the_last_attempt_ends_a_delivery() -> None:
    failed = delivery(attempts=MAX_ATTEMPTS - 1).retried(NOW, DOWN, 0.5)

    assert (failed.status, failed.error, failed.ended_at) == (DeliveryStatus.FAILED, "attempts_exhausted", NOW)


def test_a_probe_is_not_an_attempt_and_is_repeated_until_the_delivery_is_a_day_old() -> None:
    probed = delivery(attempts=3).probed(NOW + LIFE_SECONDS - 1, DOWN)
    assert (probed.attempts, probed.due_at) == (3, NOW + LIFE_SECONDS - 1 + PROBE_SECONDS)

    given_up = delivery(attempts=3).probed(NOW + LIFE_SECONDS, DOWN)
    assert (given_up.status, given_up.error) == (DeliveryStatus.FAILED, "receiver_paused")


@pytest.mark.parametrize("ended", [delivery().succeeded(NOW, OK), delivery().failed(NOW, "gone")])
def test_a_delivery_that_has_ended_changes_only_by_a_replay(ended: Delivery) -> None:
    steps: list[Callable[[], Delivery]] = [
        lambda: ended.succeeded(NOW, OK),
        lambda: ended.retried(NOW, DOWN, 0),
        lambda: ended.probed(NOW, DOWN),
        lambda: ended.refused(NOW, DOWN),
        lambda: ended.failed(NOW, "gone"),
        lambda: ended.due_in(NOW, 1),
    ]
    for step in steps:
        with pytest.raises(InvalidTransition):
            step()
    again = ended.replayed(NOW + 9)
    assert (again.status, again.attempts, again.due_at, again.error) == (DeliveryStatus.PENDING, 0, NOW + 9, None)
    assert again.id == ended.id


def test_a_replay_of_a_pending_delivery_only_makes_it_due() -> None:
    pending = delivery().retried(NOW, DOWN, 0.5)

    assert pending.replayed(NOW + 1) == replace(pending, due_at=NOW + 1)


@pytest.mark.parametrize(
    ("outcome", "success"),
    [
        (Outcome(status_code=200), True),
        (Outcome(status_code=299), True),
        (Outcome(status_code=199), False),
        (Outcome(status_code=300), False),
        (Outcome(error="timeout"), False),
        (Outcome(), False),
    ],
)
def test_only_a_2xx_is_a_success(outcome: Outcome, success: bool) -> None:
    assert outcome.success is success
    assert Outcome(status_code=410).gone
    assert not outcome.gone


def test_the_repr_of_a_delivery_contains_neither_its_url_nor_its_event() -> None:
    assert "SECRET" not in repr(delivery(url="https://example.com/?token=SECRET", body="SECRET"))


def test_the_id_of_a_delivery_leads_to_its_record() -> None:
    assert parse_delivery_id(delivery().id) == (NOW - 5, delivery().event_id)
    for wrong in ("", "whd_1", f"x{delivery().id}", f"{delivery().id}x", delivery().event_id):
        assert parse_delivery_id(wrong) is None


def test_a_message_says_which_attempt_it_asks_for_and_an_event_asks_for_no_attempt() -> None:
    for task in (Task("whe_1", "whd_1"), Task("whe_1", "whd_1", redriven=True)):
        assert Task.of(json.loads(json.dumps(task.message()))) == task
    assert Task.of({"id": "evt_1", "object": "event"}) is None


def test_a_lane_has_a_few_slots_and_one_after_a_failure() -> None:
    lane = Lane("whe_1")
    for number in range(SLOTS):
        lane = entered(lane, str(number))
    assert lane.enter("one more", NOW, NOW) is None
    assert lane.room(NOW) == 0

    failed = lane.leave("0", NOW, success=False)
    assert failed.room(NOW) == 0
    assert failed.leave("1", NOW, success=False).room(NOW) == 1
    assert lane.leave("0", NOW, success=True).room(NOW) == 1


def test_a_delivery_has_one_slot_and_enters_again_when_it_was_returned_or_is_over() -> None:
    lane = entered(Lane("whe_1"))
    assert lane.enter("one", NOW, NOW + 5) is None
    assert lane.seconds_held("one", NOW + 5) == SLOT_SECONDS - 5
    assert lane.seconds_held("one", NOW + 5.5) == SLOT_SECONDS - 5
    assert lane.seconds_held("two", NOW) == 0

    again = entered(lane, real=NOW + SLOT_SECONDS)
    assert again.slots == {"one": NOW + 2 * SLOT_SECONDS}
    assert entered(lane.leave("one", NOW, success=True)).slots == {"one": NOW + SLOT_SECONDS}


def test_a_slot_becomes_free_after_the_longest_run_of_an_invocation() -> None:
    lane = entered(entered(Lane("whe_1"), "one"), "two")

    assert lane.enter("three", NOW, NOW + SLOT_SECONDS - 1) is None
    assert entered(lane, "three", NOW, NOW + SLOT_SECONDS).slots.keys() == {"three"}


def test_a_lane_is_paused_after_failures_in_a_row_and_probed_once_a_minute() -> None:
    lane = Lane("whe_1")
    for number in range(FAILURES_TO_PAUSE):
        assert lane.paused_at is None
        lane = entered(lane).leave("one", NOW + number, success=False)
    paused_at = NOW + FAILURES_TO_PAUSE - 1
    assert (lane.paused_at, lane.probe_at) == (paused_at, paused_at + PROBE_SECONDS)

    assert lane.enter("one", lane.probe_at - 1, NOW) is None
    probing = entered(lane, "one", lane.probe_at)
    assert probing.probe_at == lane.probe_at + PROBE_SECONDS
    assert probing.enter("two", probing.probe_at, NOW) is None
    still = probing.leave("one", lane.probe_at, success=False)
    assert (still.paused_at, still.probe_at) == (paused_at, probing.probe_at)
    free = probing.leave("one", lane.probe_at, success=True)
    assert (free.paused_at, free.failures, free.room(NOW)) == (None, 0, SLOTS)


def test_a_success_ends_a_row_of_failures() -> None:
    lane = replace(Lane("whe_1"), failures=FAILURES_TO_PAUSE - 1)

    lane = entered(lane).leave("one", NOW, success=True)

    assert entered(lane).leave("one", NOW, success=False).paused_at is None


def test_callbacks_to_one_origin_share_a_lane_and_others_do_not() -> None:
    lanes = {callback_lane("whe_1", origin) for origin in ("https://a.com", "https://a.com", "https://b.com")}

    assert len(lanes) == 2
    assert callback_lane("whe_2", "https://a.com") not in lanes


def test_a_test_event_keeps_to_the_schema_of_events() -> None:
    event_schema.check(event_for_test("evt_" + 32 * "0", "whe_1", NOW))
