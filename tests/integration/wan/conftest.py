"""The Wan client against the simulator, and against a server that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Iterator[Simulator]:
    shared_simulator.faults.clear()
    yield shared_simulator
    shared_simulator.faults.clear()
