"""One warm process serves all tests of a module, as it serves many requests in Lambda."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.api.client import Api
from tests.integration.lambdas import forget, warm
from tests.integration.stack import Stack


@pytest.fixture(scope="module", autouse=True)
def _process() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def api(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The function of an empty stack."""
    warm(stack, monkeypatch)
    return Api(stack)
