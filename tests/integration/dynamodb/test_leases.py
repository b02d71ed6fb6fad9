"""Leases: one dispatcher holds that of a pool, and learns whether others came meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.dynamodb.stores import POOL, Store
from tools.harness.samples import NOW
from tools.harness.stack import LEDGER, Stack
from wan_video.adapters.dynamodb.ledger import lease_key
from wan_video.adapters.dynamodb.transactions import SingleWrites

UNTIL = NOW + 60
OTHER_POOL = "beijing#wan2.6-t2v"


def test_one_holds_the_lease_and_the_next_has_it_once_it_is_released(store: Store) -> None:
    assert store.pools.lease(POOL, "one", NOW, UNTIL)
    assert store.pools.lease(OTHER_POOL, "two", NOW, UNTIL)
    assert store.pools.release(POOL, "one")
    assert store.pools.lease(POOL, "two", NOW, UNTIL)


def test_a_holder_that_was_asked_keeps_the_lease_until_it_has_looked_again(store: Store) -> None:
    assert store.pools.lease(POOL, "one", NOW, UNTIL)
    assert not store.pools.lease(POOL, "two", NOW, UNTIL)
    assert not store.pools.lease(POOL, "three", NOW, UNTIL)
    assert not store.pools.release(POOL, "one")
    assert not store.pools.release(POOL, "one")
    assert store.pools.lease(POOL, "one", NOW + 1, UNTIL + 1)
    assert store.pools.release(POOL, "one")


def test_a_holder_without_time_ends_its_lease_although_it_was_asked(store: Store) -> None:
    assert store.pools.lease(POOL, "one", NOW, UNTIL)
    assert not store.pools.lease(POOL, "two", NOW, UNTIL)
    assert store.pools.release(POOL, "one", asked=True)
    assert store.pools.lease(POOL, "two", NOW, UNTIL)


def test_a_lease_ends_by_itself_and_its_former_holder_cannot_end_the_next(store: Store) -> None:
    assert store.pools.lease(POOL, "one", NOW, UNTIL)
    assert not store.pools.lease(POOL, "two", UNTIL - 1, UNTIL + 59)
    assert store.pools.lease(POOL, "two", UNTIL, UNTIL + 60)
    assert not store.pools.release(POOL, "one")
    assert store.pools.release(POOL, "one", asked=True)
    assert not store.pools.lease(POOL, "three", UNTIL, UNTIL + 60)


def test_of_many_at_once_one_holds_the_lease(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        held = list(threads.map(lambda number: store.pools.lease(POOL, f"{number}", NOW, UNTIL), range(20)))
    assert sum(held) == 1
    assert not store.pools.release(POOL, str(held.index(True)))


def test_a_lease_that_is_released_while_its_holder_is_asked_goes_to_who_asks(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stack.pools.lease(POOL, "one", NOW, UNTIL)
    update = SingleWrites.update

    def refused_and_then_released(writes: SingleWrites, **arguments: Any) -> None:
        monkeypatch.setattr(SingleWrites, "update", update)
        try:
            update(writes, **arguments)
        finally:
            assert stack.pools.release(POOL, "one")

    monkeypatch.setattr(SingleWrites, "update", refused_and_then_released)
    assert stack.pools.lease(POOL, "two", NOW, UNTIL)
    item = stack.dynamodb.Table(LEDGER).get_item(Key=lease_key(POOL))["Item"]
    assert item["holder"] == "two"
