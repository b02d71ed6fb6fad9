"""api: owners see only their own videos."""

from __future__ import annotations

import pytest

from tests.fakes.api import api_over
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock
from tools.harness.samples import ALICE, BOB, running
from wan_video.domain.token import Token
from wan_video.domain.video import Video
from wan_video.errors import Forbidden, VideoNotFound
from wan_video.services.api import Api


def api(*videos: Video) -> Api:
    store = MemoryStore(*videos)
    return api_over(store, store, store.batches, FakeClock())


def test_only_the_owner_of_a_video_learns_that_it_exists() -> None:
    services = api(running(owner="alice"))
    assert services.own_videos().retrieve(ALICE, "video_1").id == "video_1"
    for caller, video_id in ((BOB, "video_1"), (Token("bob", frozenset({"admin"})), "video_1"), (ALICE, "video_2")):
        with pytest.raises(VideoNotFound, match=video_id):
            services.own_videos().retrieve(caller, video_id)
        with pytest.raises(VideoNotFound, match=video_id):
            services.content().link(caller, video_id)


def test_reading_needs_the_scope_to_read() -> None:
    services = api(running())
    with pytest.raises(Forbidden, match="read"):
        services.own_videos().retrieve(Token("alice", frozenset({"write"})), "video_1")
