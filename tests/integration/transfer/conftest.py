"""Copies from a result link to S3: identical bytes, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.transfer.copying import PART, Bucket, Film, OneKey
from tools.harness.s3_server import S3Server, s3_server
from tools.harness.samples import request
from wan_simulator.testing import running_simulator
from wan_video.adapters.wan.client import WanClient
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region


@pytest.fixture(scope="module")
def shared_film() -> Iterator[Film]:
    with running_simulator() as simulator:
        client = WanClient(
            OneKey(simulator.key()), endpoints=Endpoints({Region.SINGAPORE: simulator.base_url(Region.SINGAPORE)})
        )
        task_id = client.prepare(request(seconds=2))().task_id
        simulator.finish(task_id)
        link = client.query(Region.SINGAPORE, task_id).video_url
        assert link is not None
        yield Film(simulator, task_id, link)


@pytest.fixture
def film(shared_film: Film) -> Iterator[Film]:
    shared_film.simulator.faults.clear()
    yield shared_film
    shared_film.simulator.faults.clear()


@pytest.fixture(scope="module")
def shared_s3() -> Iterator[S3Server]:
    with s3_server(smallest_part=PART) as s3:
        yield s3


@pytest.fixture
def bucket(shared_s3: S3Server) -> Bucket:
    shared_s3.clear()
    return Bucket(shared_s3)
