"""Webhook endpoints, deliveries and lanes: one suite for the stores in memory and for DynamoDB."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from tests.fakes.webhooks import MemoryDeliveries, MemoryEndpoints, MemoryLanes
from tests.simulation.stack import SimulatedStack
from tools.harness.samples import NOW, queued
from tools.harness.stack import LEDGER, VIDEOS, Stack, deployed
from wan_video.adapters.dynamodb.webhooks import (
    DynamoCallbacks,
    DynamoDeliveries,
    DynamoLanes,
    DynamoWebhookEndpoints,
)
from wan_video.domain.delivery import SLOTS, Delivery, DeliveryStatus, Lane, Open, Outcome, Task
from wan_video.domain.webhook import MAX_ENDPOINTS, WebhookEndpoint
from wan_video.errors import (
    CallbackSecretExists,
    EndpointExists,
    TooManyEndpoints,
    VideoDeleted,
    WebhookChanged,
    WebhookEndpointNotFound,
)
from wan_video.ports.webhooks import Deliveries, Lanes, WebhookEndpoints

DOWN = Outcome(status_code=503)


@dataclass(frozen=True)
class Webhooks:
    """The three stores."""

    endpoints: WebhookEndpoints
    deliveries: Deliveries
    lanes: Lanes


@pytest.fixture(params=["memory", "simulation", "dynamodb"], name="stores")
def webhook_stores(request: pytest.FixtureRequest, credentials: None) -> Iterator[Webhooks]:
    if request.param == "memory":
        yield Webhooks(MemoryEndpoints(), MemoryDeliveries(), MemoryLanes())
    elif request.param == "simulation":
        tables = SimulatedStack().tables
        yield Webhooks(
            DynamoWebhookEndpoints(tables, LEDGER), DynamoDeliveries(tables, LEDGER), DynamoLanes(tables, LEDGER)
        )
    else:
        with deployed(for_threads=True) as stack:
            yield Webhooks(
                DynamoWebhookEndpoints(stack.tables, LEDGER),
                DynamoDeliveries(stack.tables, LEDGER),
                DynamoLanes(stack.tables, LEDGER),
            )


def endpoint(number: int = 1, owner: str = "alice", url: str | None = "https://example.com/") -> WebhookEndpoint:
    return WebhookEndpoint(f"whe_{number:032x}", owner, NOW + number, url, frozenset({"video.failed"}), "mine")


def delivery(number: int = 1, endpoint_id: str = "whe_1", at: int = NOW) -> Delivery:
    return Delivery(
        endpoint_id=endpoint_id,
        owner="alice",
        event_id=f"evt_{number:032x}",
        event_type="video.completed",
        event_created_at=at,
        created_at=at,
        due_at=at,
        body='{"id": 1}',
        lane=endpoint_id,
    )


def test_an_endpoint_is_read_back_as_it_was_stored_and_only_by_its_owner(stores: Webhooks) -> None:
    stores.endpoints.create(endpoint())

    assert stores.endpoints.get("alice", endpoint().id) == endpoint()
    assert list(stores.endpoints.of("alice")) == [endpoint()]
    assert list(stores.endpoints.of("bob")) == []
    with pytest.raises(WebhookEndpointNotFound):
        stores.endpoints.get("bob", endpoint().id)


def test_an_endpoint_that_exists_is_not_created_again_and_counted_once(stores: Webhooks) -> None:
    for _ in range(MAX_ENDPOINTS + 1):
        with suppress(EndpointExists):
            stores.endpoints.create(endpoint(1))
    for number in range(2, MAX_ENDPOINTS + 1):
        stores.endpoints.create(endpoint(number))

    with pytest.raises(EndpointExists):
        stores.endpoints.create(endpoint(1))
    assert len(stores.endpoints.of("alice")) == MAX_ENDPOINTS


def test_endpoints_are_listed_in_the_order_of_their_creation(stores: Webhooks) -> None:
    for number in (3, 1, 2):
        stores.endpoints.create(endpoint(number))

    assert [one.created_at - NOW for one in stores.endpoints.of("alice")] == [1, 2, 3]


def test_of_many_endpoints_created_at_once_only_ten_are_stored(stores: Webhooks) -> None:
    def create(number: int) -> bool:
        try:
            stores.endpoints.create(endpoint(number))
        except TooManyEndpoints:
            return False
        return True

    with ThreadPoolExecutor(8) as workers:
        stored = list(workers.map(create, range(16)))

    assert sum(stored) == len(stores.endpoints.of("alice")) == MAX_ENDPOINTS
    stores.endpoints.delete(stores.endpoints.of("alice")[0])
    assert create(99)
    assert not create(100)


def test_an_owner_has_one_endpoint_that_signs_callbacks(stores: Webhooks) -> None:
    signer = replace(endpoint(1, url=None), event_types=None)
    stores.endpoints.create(signer)

    assert stores.endpoints.signer_of_callbacks("alice") == signer.id
    assert stores.endpoints.signer_of_callbacks("bob") is None
    with pytest.raises(CallbackSecretExists):
        stores.endpoints.create(replace(signer, id=endpoint(2).id))
    stores.endpoints.create(endpoint(3))
    stores.endpoints.delete(endpoint(3))
    assert stores.endpoints.signer_of_callbacks("alice") == signer.id
    stores.endpoints.delete(signer)
    assert stores.endpoints.signer_of_callbacks("alice") is None
    stores.endpoints.create(replace(signer, id=endpoint(2).id))


def test_an_endpoint_that_changed_or_was_deleted_is_not_overwritten(stores: Webhooks) -> None:
    stores.endpoints.create(endpoint())
    rotated = stores.endpoints.save(endpoint(), endpoint().rotated(NOW))
    assert stores.endpoints.get("alice", rotated.id) == rotated

    with pytest.raises(WebhookChanged):
        stores.endpoints.save(endpoint(), endpoint().disabled(NOW))
    stores.endpoints.delete(rotated)
    with pytest.raises(WebhookChanged):
        stores.endpoints.save(rotated, rotated.disabled(NOW))
    with pytest.raises(WebhookChanged):
        stores.endpoints.delete(rotated)


def test_a_delivery_is_created_once_and_read_back(stores: Webhooks) -> None:
    assert stores.deliveries.create(delivery())
    assert not stores.deliveries.create(replace(delivery(), body="another"))

    assert stores.deliveries.find(*delivery().key) == delivery()
    assert stores.deliveries.find("whe_2", delivery().id) is None
    assert list(stores.deliveries.open()) == [Open(delivery().task, "whe_1", NOW, waiting=False)]


def test_a_delivery_is_open_until_it_has_ended(stores: Webhooks) -> None:
    stores.deliveries.create(delivery())
    failed = stores.deliveries.save(delivery(), delivery().retried(NOW, DOWN, 0.5))
    assert stores.deliveries.find(*delivery().key) == failed
    assert list(stores.deliveries.open()) == [Open(delivery().task, "whe_1", failed.due_at, waiting=False)]
    with pytest.raises(WebhookChanged):
        stores.deliveries.save(delivery(), delivery().failed(NOW, "gone"))

    ended = stores.deliveries.save(failed, failed.succeeded(NOW, Outcome(status_code=200)))

    assert stores.deliveries.find(*delivery().key) == ended
    assert list(stores.deliveries.open()) == []
    replayed = stores.deliveries.save(ended, ended.replayed(NOW + 60))
    assert list(stores.deliveries.open()) == [Open(replayed.task, "whe_1", NOW + 60, waiting=False)]


def test_deliveries_are_listed_by_the_time_of_their_events_the_latest_first(stores: Webhooks) -> None:
    for number, at in ((1, NOW + 5), (2, NOW + 50), (3, NOW), (4, NOW + 7)):
        stores.deliveries.create(delivery(number, at=at))
    stores.deliveries.create(delivery(9, "whe_2"))

    assert [one.event_created_at - NOW for one in stores.deliveries.list("whe_1", 3)] == [50, 7, 5]


def test_failed_deliveries_are_found_by_the_time_of_their_events_the_oldest_first(stores: Webhooks) -> None:
    for number in range(6):
        one = delivery(number, at=NOW + number)
        stores.deliveries.create(one)
        if number % 2:
            stores.deliveries.save(one, one.failed(NOW, "gone"))

    assert [one.event_created_at - NOW for one in stores.deliveries.failed("whe_1", NOW + 2, 9)] == [3, 5]
    assert [one.event_created_at - NOW for one in stores.deliveries.failed("whe_1", 0, 2)] == [1, 3]


def test_a_delivery_waits_in_its_lane_until_it_is_woken(stores: Webhooks) -> None:
    for number in (2, 1, 3):
        stores.deliveries.create(delivery(number, at=NOW + number))
        stores.deliveries.wait(delivery(number, at=NOW + number), NOW + 900)
    first, second, third = (delivery(number, at=NOW + number).task for number in (1, 2, 3))

    assert list(stores.deliveries.waiting("whe_1", 2)) == [first, second]
    assert list(stores.deliveries.waiting("whe_2", 2)) == []
    stores.deliveries.wake("whe_1", first, NOW + 1)
    stores.deliveries.wake("whe_1", first, NOW + 1)

    assert list(stores.deliveries.waiting("whe_1", 9)) == [second, third]
    assert [(one.task, one.due_at, one.waiting) for one in stores.deliveries.open()] == [
        (first, NOW + 1, False),
        (second, NOW + 900, True),
        (third, NOW + 900, True),
    ]


def test_waking_or_forgetting_a_delivery_that_has_ended_does_not_open_it_again(stores: Webhooks) -> None:
    stores.deliveries.create(delivery())
    stores.deliveries.wait(delivery(), NOW + 900)
    stores.deliveries.save(delivery(), delivery().failed(NOW, "gone"))

    stores.deliveries.wake("whe_1", delivery().task, NOW)
    stores.deliveries.forget(Task("whe_1", "whd_1"))

    assert list(stores.deliveries.open()) == []
    assert list(stores.deliveries.waiting("whe_1", 9)) == []


def test_a_delivery_that_another_message_has_ended_or_changed_does_not_begin_to_wait(stores: Webhooks) -> None:
    stores.deliveries.create(delivery())
    stores.deliveries.save(delivery(), delivery().failed(NOW, "gone"))
    with pytest.raises(WebhookChanged):
        stores.deliveries.wait(delivery(), NOW + 900)
    assert list(stores.deliveries.open()) == []
    assert list(stores.deliveries.waiting("whe_1", 9)) == []

    later = delivery(2)
    stores.deliveries.create(later)
    retried = stores.deliveries.save(later, later.retried(NOW, DOWN, 0.5))
    with pytest.raises(WebhookChanged):
        stores.deliveries.wait(later, NOW + 900)
    assert [(one.due_at, one.waiting) for one in stores.deliveries.open()] == [(retried.due_at, False)]
    stores.deliveries.wait(retried, NOW + 900)
    assert stores.deliveries.find(*retried.key) == retried


def test_a_lane_that_is_not_stored_is_free_and_one_that_changed_is_not_overwritten(stores: Webhooks) -> None:
    empty = stores.lanes.get("whe_1")
    assert empty == Lane("whe_1")
    entered = empty.enter("whd_1", NOW, NOW)
    assert entered is not None

    saved = stores.lanes.save(empty, entered, NOW)

    assert stores.lanes.get("whe_1") == saved
    with pytest.raises(WebhookChanged):
        stores.lanes.save(empty, entered, NOW)
    left = stores.lanes.save(saved, saved.leave("whd_1", NOW, success=False), NOW)
    assert stores.lanes.get("whe_1") == left
    assert (left.failures, dict(left.slots)) == (1, {})


def test_of_many_requests_that_enter_a_lane_at_once_only_as_many_get_slots_as_it_has(stores: Webhooks) -> None:
    def enter(number: int) -> bool:
        while True:
            lane = stores.lanes.get("whe_1")
            entered = lane.enter(str(number), NOW, NOW)
            if entered is None:
                return False
            with suppress(WebhookChanged):
                stores.lanes.save(lane, entered, NOW)
                return True

    with ThreadPoolExecutor(8) as workers:
        assert sum(workers.map(enter, range(16))) == SLOTS
    assert len(stores.lanes.get("whe_1").slots) == SLOTS


def test_a_callback_url_is_found_only_for_its_owner_and_also_after_the_video_was_deleted(stack: Stack) -> None:
    callbacks = DynamoCallbacks(stack.tables, videos=VIDEOS, ledger=LEDGER)
    video = queued("video_1")
    asked = replace(video.request, callback_url="https://example.com/done?token=secret")
    with_url = replace(video, request=asked)
    stack.videos.accept(with_url)
    stack.videos.accept(queued("video_2"))

    assert callbacks.of("alice", "video_1", "video.failed") == "https://example.com/done?token=secret"
    assert callbacks.of("bob", "video_1", "video.failed") is None
    assert callbacks.of("alice", "video_2", "video.failed") is None
    assert callbacks.of("alice", "video_3", "video.failed") is None

    stack.videos.delete(with_url, NOW + 60)

    with pytest.raises(VideoDeleted):
        stack.videos.get("video_1")
    assert callbacks.of("alice", "video_1", "video.failed") == "https://example.com/done?token=secret"
    assert callbacks.of("bob", "video_1", "video.failed") is None


def test_statuses_of_deliveries_are_stored_as_users_see_them(stack: Stack) -> None:
    deliveries = DynamoDeliveries(stack.tables, LEDGER)
    deliveries.create(delivery())

    (item,) = (one for one in stack.dynamodb.Table(LEDGER).scan()["Items"] if str(one["pk"]).startswith("deliveries#"))
    assert item["status"] == DeliveryStatus.PENDING
    assert item["ttl"] == NOW + 30 * 24 * 3600
