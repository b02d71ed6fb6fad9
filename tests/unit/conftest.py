"""Unit tests speak to nobody: a socket that is opened here is an error."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_sockets(socket_disabled: None) -> None:
    """Close the network for every test below this folder."""
