"""One suite for three stores: the one of unit tests, DynamoDB in moto, and the tables of the simulation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.store import MemoryStore
from tests.integration.dynamodb.stores import Store
from tests.simulation.stack import SimulatedStack
from tools.harness.stack import LEDGER, deployed
from wan_video.adapters.dynamodb.claims import DynamoClaims


@pytest.fixture(params=["memory", "dynamodb", "simulated"])
def store(request: pytest.FixtureRequest, credentials: None) -> Iterator[Store]:
    if request.param == "memory":
        memory = MemoryStore()
        yield Store(memory, memory, memory, memory)
    elif request.param == "simulated":
        simulated = SimulatedStack()
        claims = DynamoClaims(simulated.tables, LEDGER)
        yield Store(simulated.videos, simulated.pools, claims, simulated.quotas)
    else:
        with deployed(for_threads=True) as stack:
            yield Store(stack.videos, stack.pools, DynamoClaims(stack.tables, LEDGER), stack.quotas)
