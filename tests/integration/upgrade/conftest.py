"""Tables as commit 855997e left them, and this version's functions over them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.lambdas import forget, warm
from tests.integration.stack import Stack
from tests.integration.upgrade.world import World


@pytest.fixture
def world(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    warm(stack, monkeypatch)
    forget()
    yield World(stack, monkeypatch)
    forget()
