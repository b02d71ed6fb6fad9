"""All functions together, as events and the state machine invoke them, up to a notice or a failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.handlers.project import Project
from tools.harness.lambdas import end_process, warm
from tools.harness.served_s3 import served_s3
from tools.harness.stack import Stack
from wan_simulator.quotas import QUOTA_ROUTES
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.domain.quota import ASSUMED_CONCURRENCY


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[Simulator]:
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def project(stack: Stack, shared_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    stack.write_keys(singapore=shared_simulator.key())
    warm(
        stack,
        monkeypatch,
        WAN_ENDPOINTS=f"singapore={shared_simulator.base_url()}",
        RESULT_HOSTS=shared_simulator.origin,
        AWS_ENDPOINT_URL_S3=served_s3(),
        CLOCK=f"0@{shared_simulator.wan.clock.now()}",
    )
    end_process()
    for model in ("wan3.0-video", "wan3.0-video-prime"):
        # No document states their limits, so the first reading would be a change.
        shared_simulator.set_quota(model, async_user_concurrency_limit=ASSUMED_CONCURRENCY)
    yield Project(stack, shared_simulator, monkeypatch)
    shared_simulator.faults.clear()
    shared_simulator.wan.reset_quotas()
    shared_simulator.wan.switches.quota_routes = QUOTA_ROUTES
    shared_simulator.retire("wan2.6-t2v", None)
    end_process()
