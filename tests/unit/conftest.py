"""Unit tests use no network: opening a socket is an error."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_sockets(socket_disabled: None) -> None:
    """Close the network for every test below this folder."""
