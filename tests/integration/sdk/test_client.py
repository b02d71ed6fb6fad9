"""`dashscope.Client().videos`, the surface of the official SDK from 2.0 on, against the simulator."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av
import pytest
import requests
from dashscope import Client
from dashscope.v2.errors import DashScopeError, PermissionDeniedError, RateLimitError

from tests.integration.sdk.record_client import WAN3
from tools.harness.patience import PATIENCE
from wan_simulator.clock import Clock
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.domain.models import Region

LATER = "a fox [simulate:task:InternalError.Algo]"
"""A prompt whose task ends without a video."""


@pytest.fixture
def still() -> Iterator[Simulator]:
    """A simulator with a stopped clock."""
    with running_simulator() as one:
        yield one


@contextmanager
def client_of(simulator: Simulator, region: Region = Region.BEIJING, workspace: str | None = None) -> Iterator[Client]:
    base_url = simulator.base_url(region, workspace)
    with Client(base_url=base_url, api_key=simulator.key(region), max_retries=0) as client:
        yield client


def test_generate_waits_for_a_video_of_wan3_with_the_length_in_usage() -> None:
    with running_simulator(clock=Clock(speed=120, origin=time.time())) as simulator, client_of(simulator) as client:
        job = client.videos.generate(**WAN3 | {"resolution": "480P", "duration": -1}, timeout=PATIENCE)
        content = requests.get(job.video_url or "", timeout=PATIENCE).content

    assert (job.status, job.usage is not None) == ("SUCCEEDED", True)
    usage = job.usage.model_dump() if job.usage is not None else {}
    assert (usage["ratio"], usage["SR"], usage["fps"]) == ("9:16", 480, 30)
    with av.open(io.BytesIO(content), "r") as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (480, 832, round(usage["duration"] * 30))
        assert not film.streams.audio


def test_a_failed_task_raises_the_error_of_its_code(still: Simulator) -> None:
    with client_of(still) as client:
        job = client.videos.jobs.create(model="wan3.0-video", prompt=LATER)
        still.finish(job.task_id)
        with pytest.raises(DashScopeError, match="inference internal error"):
            client.videos.jobs.fetch(job.task_id)


@pytest.mark.parametrize(("key", "listed"), [("data", 0), ("tasks", 1), ("both", 1)])
def test_list_reads_only_tasks_under_that_name(still: Simulator, key: str, listed: int) -> None:
    still.wan.switches.list_key = key  # type: ignore[assignment]  # one of the three
    with client_of(still) as client:
        client.videos.jobs.create(model="wan3.0-video", prompt=LATER)
        page = client.videos.jobs.list()

    assert (page.total, len(page.tasks)) == (1, listed)


def test_a_pending_task_is_cancelled(still: Simulator) -> None:
    with client_of(still) as client:
        job = client.videos.jobs.create(model="wan3.0-video", prompt=LATER)
        client.videos.jobs.cancel(job.task_id)
        assert client.videos.jobs.fetch(job.task_id).status == "CANCELED"


def test_the_wrong_host_raises_permission_denied(still: Simulator) -> None:
    with client_of(still, Region.SINGAPORE) as client, pytest.raises(PermissionDeniedError) as caught:
        client.videos.jobs.create(model="wan3.0-video", prompt=LATER)
    assert caught.value.code == "Endpoint.AccessDenied"
    with client_of(still, Region.SINGAPORE, "ws-simulator") as client:
        assert client.videos.jobs.create(model="wan3.0-video", prompt=LATER).task_id


def test_a_full_quota_raises_a_rate_limit_error(still: Simulator) -> None:
    still.set_quota("wan3.0-video", Region.BEIJING, async_user_concurrency_limit=0, async_user_queue_limit=0)
    with client_of(still) as client, pytest.raises(RateLimitError) as caught:
        client.videos.jobs.create(model="wan3.0-video", prompt=LATER)

    assert caught.value.code == "Throttling.Concurrency"
