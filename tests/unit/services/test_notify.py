"""notify: every event reaches every endpoint of its owner at least once, whatever the receivers do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.api import own_webhooks
from tests.fakes.repairs import first, mended_by
from tests.fakes.webhooks import STACK_SECRET, Request, World
from tools.harness.samples import ALICE, NOW
from wan_video.domain.delivery import (
    FAILURES_TO_PAUSE,
    LIFE_SECONDS,
    MAX_ATTEMPTS,
    PROBE_SECONDS,
    RETRY_SECONDS,
    SLOT_SECONDS,
    SLOTS,
    Delivery,
    DeliveryStatus,
    Outcome,
    Task,
    callback_lane,
)
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.webhook import WebhookEndpoint
from wan_video.services.repairs.deliveries import LATE_SECONDS, LostDeliveries

OK = Outcome(status_code=200)
DOWN = Outcome(status_code=503)
URL = "https://example.com/hook"


def event(number: int, kind: str = "video.completed", created_at: int = NOW) -> str:
    """Return an event as the topic publishes it."""
    video = {"id": f"video_{number}", "status": kind.partition(".")[2]}
    named = {"id": f"evt_{number:032x}", "object": "event", "type": kind, "api_version": "2026-11-01"}
    return json.dumps({**named, "created_at": created_at, "data": video})


def endpoint(world: World, url: str | None = URL, owner: str = "alice", **more: object) -> WebhookEndpoint:
    """Store an endpoint."""
    number = sum(len(world.endpoints.of(name)) for name in ("alice", "bob"))
    made = WebhookEndpoint(id=f"whe_{number:032x}", owner=owner, created_at=NOW, url=url, **more)  # type: ignore[arg-type]
    world.endpoints.create(made)
    return made


def answering(outcome: Outcome) -> Callable[[Request], Outcome]:
    """Return a receiver that always answers in the same way."""
    return lambda _: outcome


def only(world: World, of: WebhookEndpoint) -> Delivery:
    """Return the only delivery of an endpoint."""
    (delivery,) = world.deliveries.list(of.id, 100)
    return delivery


@pytest.fixture(name="world")
def a_world() -> World:
    return World()


def test_an_event_is_posted_exactly_as_it_was_published_with_a_signature(world: World) -> None:
    mine = endpoint(world)
    body = event(1)

    assert world.notify.announce(body, "alice") == 1
    world.run(0)

    (request,) = world.receivers.requests
    (secret,) = mine.secrets(STACK_SECRET, NOW)
    assert (request.url, request.body) == (URL, body)
    assert request.headers["webhook-id"] == json.loads(body)["id"]
    assert request.headers["webhook-timestamp"] == str(NOW)
    assert request.headers["webhook-signature"] == f"v1,{secret}.{json.loads(body)['id']}.{NOW}"
    assert only(world, mine).status is DeliveryStatus.DELIVERED
    assert list(world.deliveries.open()) == []


def test_an_endpoint_gets_only_the_events_of_its_owner(world: World) -> None:
    endpoint(world, "https://alice.example.com/")
    endpoint(world, "https://bob.example.com/", owner="bob")

    world.notify.announce(event(1), "alice")
    world.notify.announce(event(2), "bob")
    world.notify.announce(event(3), "carol")
    world.run(60)

    assert [(one.url, one.body) for one in world.receivers.requests] == [
        ("https://alice.example.com/", event(1)),
        ("https://bob.example.com/", event(2)),
    ]


def test_an_endpoint_gets_only_the_types_that_it_selects(world: World) -> None:
    endpoint(world, event_types=frozenset({"video.failed"}))

    made = [
        world.notify.announce(event(at, kind), "alice") for at, kind in enumerate(("video.completed", "video.failed"))
    ]

    assert made == [0, 1]


def test_a_callback_is_signed_by_the_endpoint_without_a_url_and_nothing_else_is_sent_there(world: World) -> None:
    signer = endpoint(world, None)
    world.callbacks.urls["alice", "video_1"] = "https://example.com/done?token=secret"

    world.notify.announce(event(1), "alice")
    world.notify.announce(event(2), "alice")
    world.notify.announce(event(1), "bob")
    world.run(0)

    (request,) = world.receivers.requests
    assert request.url == "https://example.com/done?token=secret"
    assert request.headers["webhook-signature"].startswith(f"v1,{signer.secrets(STACK_SECRET, NOW)[0]}.")
    assert only(world, signer).lane == callback_lane(signer.id, "https://example.com")
    assert "token" not in repr(only(world, signer))


def test_an_event_that_arrives_twice_is_delivered_once(world: World) -> None:
    endpoint(world)
    world.notify.announce(event(1), "alice")
    world.run(0)

    assert world.notify.announce(event(1), "alice") == 0
    world.run(DAY_SECONDS)

    assert len(world.receivers.requests) == 1


def test_the_deliveries_of_an_event_whose_messages_were_not_sent_are_asked_for_again(world: World) -> None:
    endpoint(world)
    world.queue.lose = lambda _: True
    world.notify.announce(event(1), "alice")
    world.queue.lose = lambda _: False

    assert world.notify.announce(event(1), "alice") == 1
    world.run(0)

    assert len(world.receivers.requests) == 1


def test_a_failure_is_retried_with_growing_pauses_until_the_attempts_are_used_up(world: World) -> None:
    # Another event succeeds in between, so that the receiver is not paused.
    mine = endpoint(world)
    world.receivers.answer = answering(DOWN)

    world.notify.announce(event(1), "alice")
    world.run(3 * DAY_SECONDS)

    times = [one.at - NOW for one in world.receivers.requests]
    assert times == [sum(RETRY_SECONDS[:at]) for at in range(MAX_ATTEMPTS)]
    assert 22 * 3600 < times[-1] < 25 * 3600
    delivery = only(world, mine)
    assert (delivery.status, delivery.error, delivery.attempts) == (
        DeliveryStatus.FAILED,
        "attempts_exhausted",
        MAX_ATTEMPTS,
    )
    assert world.queue.buried == [Task(mine.id, delivery.id, redriven=True)]
    assert world.failed == [delivery]
    assert list(world.deliveries.open()) == []


@pytest.mark.parametrize("status", [199, 300, 301, 302, 307, 400, 404, 429, 500, 503])
def test_only_a_2xx_is_a_success(world: World, status: int) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(Outcome(status_code=status))

    world.notify.announce(event(1), "alice")
    world.run(0)

    assert only(world, mine).status is DeliveryStatus.PENDING
    assert only(world, mine).attempts == 1


def test_a_receiver_that_is_gone_disables_its_endpoint_and_ends_all_that_waits(world: World) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(DOWN)
    world.notify.announce(event(1), "alice")
    world.run(0)
    world.receivers.answer = answering(Outcome(status_code=410))
    for number in range(2, 6):
        world.notify.announce(event(number), "alice")
    world.run(0)

    assert world.endpoints.get("alice", mine.id).disabled_at == NOW
    assert world.notify.announce(event(9), "alice") == 0
    world.run(3600)
    assert {one.status for one in world.deliveries.list(mine.id, 100)} == {DeliveryStatus.FAILED}
    assert {one.error for one in world.deliveries.list(mine.id, 100)} == {"gone", "endpoint_disabled"}
    assert len(world.receivers.requests) == 2
    assert world.queue.buried == []


def test_an_endpoint_that_is_enabled_again_receives_what_is_new_and_what_is_replayed(world: World) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(Outcome(status_code=410))
    world.notify.announce(event(1), "alice")
    world.run(0)
    assert world.notify.announce(event(2), "alice") == 0
    world.receivers.answer = answering(OK)
    service = own_webhooks(world)

    shown = service.enable(ALICE, mine.id)
    world.notify.announce(event(3), "alice")
    service.replay(ALICE, mine.id, failed_since=0)
    world.run(0)

    assert (shown.status, shown.lane.failures) == ("enabled", 0)
    assert {one.status for one in world.deliveries.list(mine.id, 9)} == {DeliveryStatus.DELIVERED}
    assert len(world.receivers.requests) == 3


def test_an_endpoint_is_disabled_before_its_delivery_ends_so_that_a_death_in_between_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Death(Exception):
        pass

    mine = endpoint(world)
    world.receivers.answer = answering(Outcome(status_code=410))
    world.notify.announce(event(1), "alice")

    def die(before: Delivery, after: Delivery) -> Delivery:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr(world.deliveries, "save", die)
        with pytest.raises(Death):
            world.notify.deliver(only(world, mine).task)
    assert world.endpoints.get("alice", mine.id).disabled_at == NOW
    assert world.notify.deliver(only(world, mine).task) is None
    assert (only(world, mine).error, len(world.receivers.requests)) == ("endpoint_disabled", 1)


def test_a_callback_that_is_gone_ends_only_its_own_delivery(world: World) -> None:
    signer = endpoint(world, None)
    world.callbacks.urls = {("alice", f"video_{at}"): f"https://example.com/{at}" for at in (1, 2)}
    world.receivers.answer = lambda request: Outcome(status_code=410) if request.url.endswith("1") else OK

    world.notify.announce(event(1), "alice")
    world.notify.announce(event(2), "alice")
    world.run(0)

    assert [one.status for one in world.deliveries.list(signer.id, 9)] == [
        DeliveryStatus.DELIVERED,
        DeliveryStatus.FAILED,
    ]
    assert world.endpoints.get("alice", signer.id).disabled_at is None


def test_nothing_is_sent_to_an_endpoint_that_was_deleted(world: World) -> None:
    mine = endpoint(world)
    for number in range(5):
        world.notify.announce(event(number), "alice")
    world.endpoints.delete(mine)
    world.run(60)

    assert world.receivers.requests == []
    assert {one.error for one in world.deliveries.list(mine.id, 100)} == {"endpoint_deleted"}
    assert list(world.deliveries.open()) == []


def test_a_failing_receiver_is_paused_and_probed_once_a_minute_and_then_gets_everything(world: World) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(DOWN)
    for number in range(100):
        world.notify.announce(event(number), "alice")
    world.run(60)
    assert len(world.receivers.requests) >= FAILURES_TO_PAUSE
    assert world.lanes.get(mine.id).paused_at is not None
    before = len(world.receivers.requests)

    world.run(3600)

    probes = [one.at for one in world.receivers.requests[before:]]
    assert {after - at for at, after in pairwise(probes)} == {PROBE_SECONDS}
    assert 58 <= len(probes) <= 60
    world.receivers.answer = answering(OK)
    world.run(2 * 3600)
    assert {one.status for one in world.deliveries.list(mine.id, 100)} == {DeliveryStatus.DELIVERED}
    assert len({one.body for one in world.receivers.requests if one.at > NOW + 3660}) == 100
    assert world.failed == []


def test_a_receiver_that_stays_paused_for_a_day_gets_dead_letters_that_can_be_redriven(world: World) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(DOWN)
    # More than can be probed in the hour, one a minute: those that are too old end together.
    for number in range(150):
        world.notify.announce(event(number), "alice")
    world.run(LIFE_SECONDS + 3600)
    assert {one.status for one in world.deliveries.list(mine.id, 200)} == {DeliveryStatus.FAILED}
    assert len(world.queue.buried) == len(world.failed) == 150
    assert world.queue.next_at is None

    world.receivers.answer = answering(OK)
    world.queue.redrive()
    world.run(3600)

    assert {one.status for one in world.deliveries.list(mine.id, 200)} == {DeliveryStatus.DELIVERED}


class DeathError(Exception):
    """The end of an invocation."""


def given_up_and_died(world: World, error: str) -> Task:
    """Run until the record of a delivery that is given up is to be written, and let the invocation die there."""
    save = world.deliveries.save

    def die(before: Delivery, after: Delivery) -> Delivery:
        if after.error == error:
            raise DeathError
        return save(before, after)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(world.deliveries, "save", die)
        with pytest.raises(DeathError):
            world.run(2 * LIFE_SECONDS)
    return world.queue.buried[0]


def test_a_delivery_is_a_dead_letter_before_it_is_given_up_so_that_a_death_in_between_loses_nothing(
    world: World,
) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(DOWN)
    world.notify.announce(event(1), "alice")
    letter = given_up_and_died(world, "attempts_exhausted")
    assert letter == Task(mine.id, only(world, mine).id, redriven=True)
    assert only(world, mine).status is DeliveryStatus.PENDING

    # SQS repeats the message of the invocation that died: another letter does no harm.
    assert world.notify.deliver(only(world, mine).task) is None
    assert (only(world, mine).error, world.queue.buried) == ("attempts_exhausted", [letter, letter])
    assert world.failed == [only(world, mine)]


def test_deliveries_that_are_given_up_together_are_dead_letters_before(world: World) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(DOWN)
    for number in range(150):
        world.notify.announce(event(number), "alice")
    letter = given_up_and_died(world, "receiver_paused")
    (delivery,) = [one for one in world.deliveries.list(mine.id, 200) if one.id == letter.delivery_id]
    assert delivery.status is DeliveryStatus.PENDING


def test_a_delivery_that_begins_to_wait_while_the_last_request_ends_is_sent_at_once(world: World) -> None:
    mine = endpoint(world)
    busy = world.lanes.get(mine.id)
    for holder in ("one", "two"):
        entered = busy.enter(holder, NOW, NOW)
        assert entered is not None
        busy = world.lanes.save(busy, entered, NOW)
    wait = world.deliveries.wait

    def both_end_meanwhile(delivery: Delivery, until: int) -> None:
        lane = world.lanes.get(mine.id)
        world.lanes.save(lane, lane.leave("one", NOW, success=True).leave("two", NOW, success=True), NOW)
        wait(delivery, until)

    world.deliveries.wait = both_end_meanwhile  # type: ignore[method-assign]
    world.notify.announce(event(1), "alice")
    world.run(0)

    assert only(world, mine).status is DeliveryStatus.DELIVERED
    assert list(world.deliveries.waiting(mine.id, 9)) == []


def test_several_messages_of_one_delivery_send_one_request_at_a_time(world: World) -> None:
    mine = endpoint(world)
    world.notify.announce(event(1), "alice")
    task, seconds = only(world, mine).task, []

    def another_message_meanwhile(_: Request) -> Outcome:
        seconds.append(world.notify.deliver(task))
        return DOWN

    world.receivers.answer = another_message_meanwhile
    assert world.notify.deliver(task) == RETRY_SECONDS[0]
    assert seconds == [SLOT_SECONDS]
    assert len(world.receivers.requests) == 1
    assert list(world.deliveries.waiting(mine.id, 9)) == []

    world.receivers.answer = answering(OK)
    world.clock.advance(SLOT_SECONDS)
    assert world.notify.deliver(task) is None
    assert only(world, mine).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "attempted"])
def test_a_delivery_does_not_begin_to_wait_after_another_message_has_changed_it(world: World, ended: bool) -> None:
    mine = endpoint(world)
    busy = world.lanes.get(mine.id)
    for holder in ("one", "two"):
        entered = busy.enter(holder, NOW, NOW)
        assert entered is not None
        busy = world.lanes.save(busy, entered, NOW)
    wait = world.deliveries.wait

    def after_another_message(delivery: Delivery, until: int) -> None:
        other = delivery.succeeded(NOW, OK) if ended else delivery.retried(NOW, DOWN, 0.5)
        world.deliveries.save(delivery, other)
        wait(delivery, until)

    world.deliveries.wait = after_another_message  # type: ignore[method-assign]
    world.notify.announce(event(1), "alice")
    seconds = world.notify.deliver(only(world, mine).task)

    assert seconds == (None if ended else RETRY_SECONDS[0])
    assert [one.waiting for one in world.deliveries.open()] == ([] if ended else [False])
    assert list(world.deliveries.waiting(mine.id, 9)) == []


def test_a_delivery_that_is_replayed_during_its_request_is_sent_again_and_the_others_are_woken(world: World) -> None:
    mine = endpoint(world)

    def replay_meanwhile(_: Request) -> Outcome:
        world.receivers.answer = answering(OK)
        pending = world.deliveries.find(mine.id, f"whd_{NOW:012d}_evt_{1:032x}")
        assert pending is not None
        world.deliveries.save(pending, pending.replayed(NOW))
        return OK

    world.receivers.answer = replay_meanwhile
    for number in (1, 2, 3):
        world.notify.announce(event(number), "alice")
    for number in (2, 3):
        waiting = world.deliveries.find(mine.id, f"whd_{NOW:012d}_evt_{number:032x}")
        assert waiting is not None
        world.deliveries.wait(waiting, NOW + DAY_SECONDS)
    while world.queue.receive():
        """All messages are lost, so only the end of the request can wake the others."""
    first_pause = world.notify.deliver(Task(mine.id, f"whd_{NOW:012d}_evt_{1:032x}"))
    assert first_pause == 1
    world.run(0)
    assert len(world.receivers.requests) == 3
    assert len(list(world.deliveries.waiting(mine.id, 9))) == 0
    world.queue.send([Task(mine.id, f"whd_{NOW:012d}_evt_{1:032x}")], first_pause)
    world.run(5)
    assert {one.status for one in world.deliveries.list(mine.id, 9)} == {DeliveryStatus.DELIVERED}


def test_a_redriven_dead_letter_that_was_delivered_meanwhile_is_not_sent_again(world: World) -> None:
    mine = endpoint(world)
    world.notify.announce(event(1), "alice")
    world.run(0)
    world.queue.send([replace(only(world, mine).task, redriven=True)])
    world.run(60)

    assert len(world.receivers.requests) == 1


def test_a_slow_receiver_occupies_only_its_own_slots_and_another_endpoint_is_served(world: World) -> None:
    slow, fast = endpoint(world, "https://slow.example.com/"), endpoint(world, "https://fast.example.com/")
    running: list[str] = []

    def answer(request: Request) -> Outcome:
        """While the slow receiver works on a request, all other messages are processed."""
        if request.url.startswith("https://slow"):
            running.append(request.body)
            assert len(running) <= SLOTS
            while world.receive():
                pass
            running.remove(request.body)
        return OK

    world.receivers.answer = answer
    for number in range(10):
        world.notify.announce(event(number), "alice")
    world.run(60)

    served = [one.url for one in world.receivers.requests]
    # All events are at the fast endpoint before the slow one has answered its first requests.
    assert Counter(served[: 10 + SLOTS])["https://fast.example.com/"] == 10
    for each in (slow, fast):
        assert {one.status for one in world.deliveries.list(each.id, 100)} == {DeliveryStatus.DELIVERED}
    assert len(served) == 20


def test_a_slot_that_was_not_returned_becomes_free_by_itself(world: World) -> None:
    mine = endpoint(world)
    lane = world.lanes.get(mine.id)
    for holder in ("killed", "killed too"):
        entered = lane.enter(holder, NOW, NOW)
        assert entered is not None
        lane = world.lanes.save(lane, entered, NOW)
    world.notify.announce(event(1), "alice")
    world.run(1)
    assert world.receivers.requests == []

    # Nothing wakes it, so sweep does.
    world.clock.advance(900 + LATE_SECONDS + 1)
    assert len(mended_by(LostDeliveries(world.deliveries, world.queue, world.clock, first))) == 1
    world.run(0)

    assert only(world, mine).status is DeliveryStatus.DELIVERED


def test_sweep_asks_again_for_deliveries_whose_messages_were_lost_and_for_no_others(world: World) -> None:
    mine = endpoint(world)
    world.queue.lose = lambda _: True
    world.notify.announce(event(1), "alice")
    world.queue.lose = lambda _: False
    world.notify.announce(event(2), "alice")
    world.run(LATE_SECONDS + 1)
    sweep = LostDeliveries(world.deliveries, world.queue, world.clock, first)

    mended = mended_by(sweep)

    assert [(one.repair, one.subject) for one in mended] == [("delivery_asked_for", f"whd_{NOW:012d}_evt_{1:032x}")]
    assert mended_by(sweep) == []
    world.run(0)
    assert {one.status for one in world.deliveries.list(mine.id, 9)} == {DeliveryStatus.DELIVERED}


def test_sweep_wakes_one_delivery_of_a_lane_which_wakes_the_others(world: World) -> None:
    mine = endpoint(world)
    for number in range(5):
        world.notify.announce(event(number), "alice")
    for delivery in world.deliveries.list(mine.id, 9):
        world.deliveries.wait(delivery, NOW)
    while world.queue.next_at is not None:  # all messages are lost
        world.queue.receive()
    world.clock.advance(LATE_SECONDS + 1)

    assert len(mended_by(LostDeliveries(world.deliveries, world.queue, world.clock, first))) == 1
    world.run(60)

    assert {one.status for one in world.deliveries.list(mine.id, 9)} == {DeliveryStatus.DELIVERED}


def test_a_message_of_a_delivery_that_no_longer_exists_is_dropped(world: World) -> None:
    assert world.notify.deliver(Task("whe_1", f"whd_{NOW:012d}_evt_{1:032x}")) is None


def test_a_message_that_comes_too_early_comes_again_when_the_attempt_is_due(world: World) -> None:
    mine = endpoint(world)
    world.receivers.answer = answering(DOWN)
    world.notify.announce(event(1), "alice")
    world.run(0)

    assert world.notify.deliver(only(world, mine).task) == RETRY_SECONDS[0]
    assert len(world.receivers.requests) == 1


def test_for_a_day_after_a_rotation_events_have_both_signatures(world: World) -> None:
    mine = endpoint(world)
    rotated = world.endpoints.save(mine, mine.rotated(NOW))
    old, new = mine.secrets(STACK_SECRET, NOW)[0], rotated.secrets(STACK_SECRET, NOW)[0]
    assert old != new

    for number, moment in enumerate((NOW, NOW + DAY_SECONDS - 1, NOW + DAY_SECONDS)):
        world.clock.moment = moment
        world.notify.announce(event(number), "alice")
        world.run(0)

    signed = [one.headers["webhook-signature"].split(" ") for one in world.receivers.requests]
    assert [[(old in one, new in one) for one in both] for both in signed] == [
        [(False, True), (True, False)],
        [(False, True), (True, False)],
        [(False, True)],
    ]


BEHAVIOURS = st.lists(
    st.sampled_from([200, 204, 301, 404, 500, 503, "timeout", "not_resolved", "address_not_public"]), max_size=60
)


@given(
    behaviours=st.tuples(BEHAVIOURS, BEHAVIOURS),
    gaps=st.lists(st.integers(0, 4000), min_size=1, max_size=25),
    lost=st.sets(st.integers(0, 80), max_size=10),
)
def test_whatever_receivers_do_every_event_arrives_under_one_id_and_at_no_other_owner(
    behaviours: tuple[list[int | str], list[int | str]], gaps: list[int], lost: set[int]
) -> None:
    world = World()
    urls = {"alice": "https://alice.example.com/", "bob": "https://bob.example.com/"}
    mine = {owner: endpoint(world, url, owner) for owner, url in urls.items()}
    left = {urls["alice"]: list(behaviours[0]), urls["bob"]: list(behaviours[1])}
    accepted: dict[str, list[str]] = {url: [] for url in urls.values()}

    def answer(request: Request) -> Outcome:
        what = left[request.url].pop(0) if left[request.url] else 200
        outcome = Outcome(status_code=what) if isinstance(what, int) else Outcome(error=what)
        assert json.loads(request.body)["id"] == request.headers["webhook-id"]
        if outcome.success:
            accepted[request.url].append(request.body)
        return outcome

    world.receivers.answer = answer
    world.queue.lose = lambda _: world.queue.sent in lost
    sweep = LostDeliveries(world.deliveries, world.queue, world.clock, first)
    published: dict[str, list[str]] = {"alice": [], "bob": []}
    for number, gap in enumerate(gaps):
        owner = "alice" if number % 3 else "bob"
        published[owner].append(event(number))
        world.notify.announce(event(number), owner)
        world.run(gap)
    for _ in range(4 * 12 * 24):  # four days of sweeps; the receivers recover after 60 requests at most
        world.run(300)
        mended_by(sweep)
        if not list(world.deliveries.open()):
            break

    # What a receiver has refused in all attempts is a dead letter, and nothing else is.
    assert {task.delivery_id for task in world.queue.buried} == {delivery.id for delivery in world.failed}
    world.queue.lose = lambda _: False
    world.queue.redrive()
    world.run(DAY_SECONDS)

    for owner, url in urls.items():
        assert set(accepted[url]) == set(published[owner])
        assert {one.status for one in world.deliveries.list(mine[owner].id, 100)} <= {DeliveryStatus.DELIVERED}
    assert list(world.deliveries.open()) == []
