"""One warm process runs all tests of a module, as it handles many requests in Lambda."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.api.client import Api
from tools.harness.lambdas import end_process, warm
from tools.harness.stack import Stack
from wan_video import bootstrap


@pytest.fixture(scope="module", autouse=True)
def _process() -> Iterator[None]:
    end_process()
    yield
    end_process()


@pytest.fixture
def api(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The function of a stack without videos."""
    warm(stack, monkeypatch)
    return Api(stack)


@pytest.fixture
def asked(api: Api) -> Iterator[list[str]]:
    """The names of the calls that the function makes to DynamoDB."""
    names: list[str] = []

    def note(model: Any, **_: object) -> None:
        names.append(model.name)

    events = bootstrap.clients.dynamodb().meta.events
    events.register("before-call.dynamodb", note)
    yield names
    events.unregister("before-call.dynamodb", note)
