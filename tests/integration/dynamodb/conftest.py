"""One suite for two stores: the one in memory that unit tests use, and DynamoDB in moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.store import MemoryStore
from tests.integration.dynamodb.stores import Store
from tools.harness.stack import LEDGER, deployed
from wan_video.adapters.dynamodb.claims import DynamoClaims


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, credentials: None) -> Iterator[Store]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Store(memory, memory, memory, memory)
    else:
        with deployed(for_threads=True) as stack:
            yield Store(stack.videos, stack.pools, DynamoClaims(stack.tables, LEDGER), stack.quotas)
