"""Integration tests use only this machine: moto in the process, and servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import rights
from tools.harness.calls import CALLS
from tools.harness.stack import REGION, Stack, deployed

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Close the network beyond loopback for every test below this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]))


@pytest.fixture(autouse=True)
def _within_their_rights() -> Iterator[None]:
    """Check after every test that its functions used only rights that their roles have."""
    yield
    rights.check(CALLS.take())


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set invalid credentials, so that real ones are never used."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stack(credentials: None) -> Iterator[Stack]:
    """The stack's AWS resources, without content."""
    with deployed() as stack:
        yield stack
