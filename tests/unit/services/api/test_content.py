"""api: links to stored files."""

from __future__ import annotations

import pytest

from tests.fakes.api import api_over
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock
from tools.harness.samples import ALICE, NOW, made, running, stored
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.retention import Retention
from wan_video.domain.thumbnail import THUMBNAIL_SECONDS, Thumbnail
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.errors import ThumbnailNotFound, ThumbnailNotReady, VideoGone, VideoNotReady
from wan_video.services.api import Api


def api(*videos: Video, thumbnails: bool = False) -> Api:
    store = MemoryStore(*videos)
    return api_over(store, store, store.batches, FakeClock(), thumbnails=thumbnails)


def test_content_is_a_link_with_the_configured_lifetime() -> None:
    content = api(made().completed(NOW, stored())).content()
    assert content.link(ALICE, "video_1") == (
        "https://bucket.invalid/videos/video_1/video.mp4?filename=video_1.mp4&seconds=900"
    )
    assert content.link(ALICE, "video_1", "metadata") == (
        "https://bucket.invalid/videos/video_1/metadata.json?filename=video_1.json&seconds=900"
    )


def test_without_content_the_error_says_whether_there_will_be_any() -> None:
    content = api(running("video_1"), running("video_2").ended(NOW, Failure("x", "y", "poll", False))).content()
    with pytest.raises(VideoNotReady, match="in_progress"):
        content.link(ALICE, "video_1")
    with pytest.raises(VideoGone, match="failed"):
        content.link(ALICE, "video_2")


def delivered(announced_at: int = NOW) -> Video:
    return made().completed(announced_at, stored()).announced(announced_at)


LOST = NOW - THUMBNAIL_SECONDS
"""An announcement since which each thumbnail is made or lost."""


@pytest.mark.parametrize("thumbnails", [True, False])
@pytest.mark.parametrize("announced_at", [NOW, LOST])
def test_a_thumbnail_that_was_made_is_a_link_whatever_the_stack_makes_now(announced_at: int, thumbnails: bool) -> None:
    content = api(delivered(announced_at).with_thumbnail(NOW, Thumbnail.READY), thumbnails=thumbnails).content()
    assert content.link(ALICE, "video_1", "thumbnail") == (
        "https://bucket.invalid/videos/video_1/thumbnail.jpg?filename=video_1.jpg&seconds=900"
    )
    assert content.link(ALICE, "video_1", "thumbnail", head=True).endswith("&head")


@pytest.mark.parametrize("video", [delivered(), delivered(LOST + 1), made().completed(LOST, stored())])
def test_a_thumbnail_that_may_still_come_is_not_ready(video: Video) -> None:
    with pytest.raises(ThumbnailNotReady) as caught:
        api(video, thumbnails=True).content().link(ALICE, "video_1", "thumbnail")
    assert caught.value.retry_after == 5


@pytest.mark.parametrize(
    ("video", "thumbnails", "reason"),
    [
        (delivered(), False, "the stack makes none"),
        (delivered(LOST), True, "none could be made"),
        (delivered().with_thumbnail(NOW, Thumbnail.IMPOSSIBLE), True, "none could be made"),
    ],
)
def test_a_thumbnail_that_will_not_come_is_not_found(video: Video, thumbnails: bool, reason: str) -> None:
    with pytest.raises(ThumbnailNotFound, match=reason):
        api(video, thumbnails=thumbnails).content().link(ALICE, "video_1", "thumbnail")


def test_a_thumbnail_is_kept_for_as_long_as_its_video() -> None:
    with pytest.raises(VideoNotReady):
        api(running(), thumbnails=True).content().link(ALICE, "video_1", "thumbnail")
    over = delivered().with_thumbnail(NOW, Thumbnail.READY)
    store = MemoryStore(over)
    clock = FakeClock(NOW + DAY_SECONDS)
    kept_for_a_day = api_over(store, store, store.batches, clock, thumbnails=True, retention=Retention(1))
    with pytest.raises(VideoGone, match="no longer kept"):
        kept_for_a_day.content().link(ALICE, "video_1", "thumbnail")


@pytest.mark.parametrize(
    ("video", "thumbnails", "shown"),
    [
        (running(), True, None),
        (running().ended(NOW, Failure("x", "y", "poll", False)), True, None),
        (made().completed(NOW, stored()), True, "pending"),
        (delivered(), True, "pending"),
        (delivered(), False, None),
        (delivered(LOST), True, None),
        (delivered().with_thumbnail(NOW, Thumbnail.READY), False, "ready"),
        (delivered().with_thumbnail(NOW, Thumbnail.IMPOSSIBLE), True, None),
    ],
)
def test_a_document_says_whether_asking_for_the_thumbnail_is_worthwhile(
    video: Video, thumbnails: bool, shown: str | None
) -> None:
    (document,) = api(video, thumbnails=thumbnails).documents().describe([video])
    assert document["thumbnail"] == shown
