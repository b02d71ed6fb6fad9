"""Hundreds of simultaneous starts in the engine's DynamoDB: a budget can be used to its last second, never beyond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.engine import running_engine
from tools.harness.samples import NOW, TODAY, queued, request
from tools.harness.stack import LEDGER, VIDEOS, create_tables
from wan_video.adapters.dynamodb.pools import DynamoPools
from wan_video.adapters.dynamodb.videos import DynamoVideos
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.models import Region
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.errors import OverBudget, VideoChanged
from wan_video_local.aws import Aws

OWNERS = ("alice", "bob", "carol", "dora")
STACK_SECONDS = 400
OWNER_SECONDS = 150
MODELS = ("wan2.6-t2v", "wan2.5-t2v-preview")
NO_LIMIT = 10_000


class Tables:
    """The adapters over an engine's tables."""

    def __init__(self, aws: Aws) -> None:
        self.videos = DynamoVideos(aws.dynamodb.meta.client, videos=VIDEOS, ledger=LEDGER)
        self.pools = DynamoPools(aws.dynamodb.meta.client, LEDGER)


@pytest.mark.parametrize("starts", [400, pytest.param(1000, marks=pytest.mark.slow)])
def test_simultaneous_starts_never_exceed_the_budget_and_release_every_reservation(tmp_path: Path, starts: int) -> None:
    with running_engine(tmp_path / "log", "--plain") as aws:
        create_tables(aws.dynamodb)
        stack = Tables(aws)
        videos = [
            queued(
                f"video_{number}",
                owner=OWNERS[number % len(OWNERS)],
                request=request(model=MODELS[number % len(MODELS)], region=Region.SINGAPORE, seconds=5),
            )
            for number in range(starts // 2)
        ]
        for video in videos:
            stack.videos.accept(video)
        # Each video is started twice, as by two dispatchers.
        outcomes = at_once(lambda video: start(stack, video), [*videos, *videos])
        assert sum(outcomes.values()) == starts
        assert outcomes["started"] == STACK_SECONDS // 5
        used = stack.pools.used_by([*OWNERS, STACK], TODAY)
        assert used[STACK] == STACK_SECONDS == sum(used[owner] for owner in OWNERS)
        assert all(used[owner] <= OWNER_SECONDS for owner in OWNERS)

        rows = [stack.videos.get(video.id) for video in videos]
        started = [row for row in rows if row.reservation is not None]
        assert len(started) == outcomes["started"]
        at_once(lambda row: end(stack, row), [*started, *started])
        assert stack.pools.used_by([*OWNERS, STACK], TODAY) == dict.fromkeys([*OWNERS, STACK], 0)
        assert all(not pool.running for pool in stack.pools.read(sorted({video.pool for video in videos})))


def at_once(work: Callable[[Video], str], videos: list[Video]) -> Counter[str]:
    with ThreadPoolExecutor(16) as threads:
        return Counter(threads.map(work, videos))


def start(stack: Tables, video: Video) -> str:
    try:
        stack.videos.start(
            video,
            video.start(NOW, Reservation(TODAY, video.request.seconds)),
            places=NO_LIMIT,
            budgets={video.owner: OWNER_SECONDS, STACK: STACK_SECONDS},
        )
    except (OverBudget, VideoChanged) as error:
        return type(error).__name__
    return "started"


def end(stack: Tables, row: Video) -> str:
    try:
        stack.videos.save(row, row.ended(NOW, Failure("x", "y", "submit", True)))
    except VideoChanged:
        return "ended before"
    return "ended"
