"""thumbnail: a picture is made once, after the notice; a failure never affects the video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeObjects, FakePictures
from tools.harness.samples import NOW, made, queued, running, stored
from wan_video.domain.document import stored_document
from wan_video.domain.names import metadata_key, object_keys, thumbnail_key, video_key
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.retention import Retention
from wan_video.domain.thumbnail import Thumbnail
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.errors import ThumbnailImpossible, VideoChanged, VideoDeleted, VideoNotAnnounced
from wan_video.services.delete_video import delete_video
from wan_video.services.thumbnail import MAX_TRIES, MakeThumbnail, Outcome

KEY = thumbnail_key("video_1")


def completed() -> Video:
    return made().completed(NOW, stored())


@dataclass
class World:
    """One row, its object, and the service."""

    video: Video = field(default_factory=lambda: completed().announced(NOW))
    retention: Retention = field(default_factory=Retention)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.video)
        self.objects = FakeObjects()
        if self.video.object is not None:
            self.objects.stored[video_key("video_1")] = self.video.object
            self.objects.put_json(object_keys("video_1")[1], {})
        self.pictures = FakePictures()
        self.clock = FakeClock()
        self.reasons: list[tuple[str, str]] = []

    def __call__(self, video_id: str = "video_1") -> Outcome:
        return MakeThumbnail(
            self.store,
            self.objects,
            self.pictures,
            self.clock,
            self.retention,
            lambda *reason: self.reasons.append(reason),
        )(video_id)

    @property
    def recorded(self) -> Thumbnail | None:
        return self.store.get("video_1").thumbnail


def test_a_completed_video_gets_a_picture_of_its_object_beside_it() -> None:
    world = World()
    assert world() is Outcome.READY
    assert world.objects.jpegs == {KEY: b"a picture of videos/video_1/video.mp4"}
    assert world.recorded is Thumbnail.READY


def test_the_document_beside_the_video_says_that_there_is_a_thumbnail() -> None:
    world = World()
    world()
    document = world.objects.documents[metadata_key("video_1")]
    assert document == stored_document(world.store.get("video_1"), stored(), NOW)
    assert (document["thumbnail"], document["status"]) == ("ready", "completed")
    world = World()
    world.pictures.error = ThumbnailImpossible("InvalidDataError")
    world()
    assert world.objects.documents[metadata_key("video_1")] == {}, "the document of the delivery is not replaced"


def test_a_repeated_event_changes_nothing() -> None:
    world = World()
    world()
    row = world.store.get("video_1")
    assert world() is Outcome.OVER
    assert world.store.get("video_1") == row
    assert world.pictures.made == 1


@pytest.mark.parametrize(
    "video",
    [
        queued(),
        running(),
        running().ended(NOW, Failure("x", "y", "poll", False)).announced(NOW),
        completed().announced(NOW).with_thumbnail(NOW, Thumbnail.IMPOSSIBLE),
    ],
)
def test_a_video_without_content_or_with_a_result_does_not_change(video: Video) -> None:
    world = World(video)
    assert world() is Outcome.OVER
    assert world.objects.jpegs == {}
    assert world.store.get("video_1") == video


def test_an_unknown_video_is_ignored() -> None:
    assert World()("video_2") is Outcome.OVER


def test_a_video_that_is_no_longer_kept_gets_none() -> None:
    world = World(retention=Retention(1))
    world.clock.advance(DAY_SECONDS)
    assert world() is Outcome.OVER
    assert world.objects.jpegs == {}


def test_a_file_that_cannot_be_decoded_is_recorded_and_reported_once_and_never_tried_again() -> None:
    world = World()
    world.pictures.error = ThumbnailImpossible("InvalidDataError")
    assert world() is Outcome.IMPOSSIBLE
    assert (world.recorded, world.objects.jpegs) == (Thumbnail.IMPOSSIBLE, {})
    assert world() is Outcome.OVER
    assert world.reasons == [("video_1", "InvalidDataError")]


def test_a_temporary_error_is_raised_so_that_the_event_is_repeated() -> None:
    world = World()
    world.pictures.error = TimeoutError()
    with pytest.raises(TimeoutError):
        world()
    assert world.recorded is None
    world.pictures.error = None
    assert world() is Outcome.READY


def test_the_row_is_not_written_before_it_says_that_the_notice_was_published() -> None:
    world = World(completed())
    with pytest.raises(VideoNotAnnounced):
        world()
    video = world.store.get("video_1")
    assert video.thumbnail is None
    world.store.save(video, video.announced(NOW))
    assert world() is Outcome.READY
    assert world.pictures.made == 1, "the picture of the first attempt is used"


def test_a_video_that_is_deleted_while_its_picture_is_made_leaves_no_picture() -> None:
    world = World()
    world.pictures.meanwhile = lambda: delete_video(world.store.get("video_1"), world.store, world.objects, NOW)
    assert world() is Outcome.OVER
    assert (world.objects.jpegs, world.objects.documents) == ({}, {})
    with pytest.raises(VideoDeleted):
        world.store.get("video_1")


def test_a_video_that_is_deleted_while_its_document_is_written_leaves_no_document() -> None:
    world = World()
    put_json = world.objects.put_json

    def put_and_delete(key: str, document: Mapping[str, Any]) -> None:
        delete_video(world.store.get("video_1"), world.store, world.objects, NOW)
        put_json(key, document)

    world.objects.put_json = put_and_delete  # type: ignore[method-assign]
    assert world() is Outcome.OVER
    assert (world.objects.jpegs, world.objects.documents) == ({}, {})


def test_an_attempt_that_died_after_its_video_was_deleted_leaves_nothing() -> None:
    world = World()
    put_json = world.objects.put_json

    def delete_put_and_die(key: str, document: Mapping[str, Any]) -> None:
        delete_video(world.store.get("video_1"), world.store, world.objects, NOW)
        put_json(key, document)
        raise TimeoutError

    world.objects.put_json = delete_put_and_die  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        world()
    assert KEY not in world.objects.jpegs
    assert metadata_key("video_1") in world.objects.documents
    assert world() is Outcome.OVER
    assert (world.objects.jpegs, world.objects.documents) == ({}, {})


def test_another_writer_is_waited_for_a_few_times_only() -> None:
    world = World()
    world.store = ContestedStore(world.video, MAX_TRIES - 1)
    assert world() is Outcome.READY
    world.store = ContestedStore(world.video, MAX_TRIES)
    with pytest.raises(VideoChanged):
        world()


class ContestedStore(MemoryStore):
    """A store in which another writer is first for a number of times."""

    def __init__(self, video: Video, times: int) -> None:
        super().__init__(video)
        self.left = times

    def save(self, before: Video, after: Video) -> Video:
        if self.left:
            self.left -= 1
            raise VideoChanged(before.id)
        return super().save(before, after)


def test_a_deleted_video_takes_its_picture_along() -> None:
    world = World()
    world()
    delete_video(world.store.get("video_1"), world.store, world.objects, NOW)
    assert (world.objects.jpegs, world.objects.stored, world.objects.documents) == ({}, {}, {})
