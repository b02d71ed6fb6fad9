"""The deployed function with DashScope's routes, and a Wan that it can call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.integration.dashscope.routes import TOKEN, DashScopeRoutes
from tools.harness.lambdas import end_process, warm
from tools.harness.stack import LEDGER, deployed
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator


@pytest.fixture
def dashscope(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[DashScopeRoutes]:
    end_process()
    with deployed() as stack:
        stack.dynamodb.Table(LEDGER).put_item(
            Item={
                "pk": "tokens",
                "sk": hashlib.sha256(TOKEN.encode()).hexdigest(),
                "owner": "alice",
                "scopes": {"read", "write"},
            }
        )
        warm(stack, monkeypatch)
        yield DashScopeRoutes(stack, monkeypatch)
    end_process()


@pytest.fixture
def simulator(dashscope: DashScopeRoutes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A Wan that the function can call with the stack's key."""
    with running_simulator() as simulator:
        monkeypatch.setenv("WAN_ENDPOINTS", f"singapore={simulator.base_url()}")
        end_process()
        dashscope.stack.write_keys(singapore=simulator.key())
        yield simulator
