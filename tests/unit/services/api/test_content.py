"""api: links to stored files."""

from __future__ import annotations

import pytest

from tests.fakes.api import api_over
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock
from tools.harness.samples import ALICE, NOW, made, running, stored
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.errors import VideoGone, VideoNotReady
from wan_video.services.api import Api


def api(*videos: Video) -> Api:
    store = MemoryStore(*videos)
    return api_over(store, store, store.batches, FakeClock())


def test_content_is_a_link_with_the_configured_lifetime() -> None:
    content = api(made().completed(NOW, stored())).content
    assert content.link(ALICE, "video_1") == (
        "https://bucket.invalid/videos/video_1/video.mp4?filename=video_1.mp4&seconds=900"
    )
    assert content.link(ALICE, "video_1", "metadata") == (
        "https://bucket.invalid/videos/video_1/metadata.json?filename=video_1.json&seconds=900"
    )


def test_without_content_the_error_says_whether_there_will_be_any() -> None:
    content = api(running("video_1"), running("video_2").ended(NOW, Failure("x", "y", "poll", False))).content
    with pytest.raises(VideoNotReady, match="in_progress"):
        content.link(ALICE, "video_1")
    with pytest.raises(VideoGone, match="failed"):
        content.link(ALICE, "video_2")
