"""Tables as commit 855997e left them, with this version's functions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.upgrade.world import World
from tools.harness.lambdas import end_process, warm
from tools.harness.stack import Stack


@pytest.fixture
def world(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    warm(stack, monkeypatch)
    end_process()
    yield World(stack, monkeypatch)
    end_process()
