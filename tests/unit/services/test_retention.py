"""Videos and batches are deleted after their term, objects first, and their ids stay taken."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.fakes.batches import MemoryBatches
from tests.fakes.repairs import first, mended_by
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeObjects, Killed
from tools.harness.samples import NOW, ended_batch, made, queued, running, stored, waiting_batch
from wan_video.domain.batch import REPORTS, report_key
from wan_video.domain.names import metadata_key, thumbnail_key, video_key
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.retention import Retention
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.errors import VideoChanged, VideoDeleted
from wan_video.services.delete_video import TOMBSTONE_SECONDS
from wan_video.services.repairs import retention
from wan_video.services.repairs.retention import BatchesKeptLongEnough, VideosKeptLongEnough

KEYS = (video_key, metadata_key, thumbnail_key)
FAILURE = Failure("x", "y", "poll", True)


def ended(video_id: str = "video_1", at: int = NOW) -> Video:
    return made(video_id).completed(at, stored(video_id)).announced(at)


@dataclass
class World:
    """Rows with objects for each."""

    store: MemoryStore
    days: int = 30
    clock: FakeClock = field(default_factory=FakeClock)
    objects: FakeObjects = field(default_factory=FakeObjects)

    def __post_init__(self) -> None:
        for video_id in ("video_1", "video_2", "video_3"):
            self.objects.stored[video_key(video_id)] = stored(video_id)
            self.objects.put_json(metadata_key(video_id), {})
            self.objects.put_json(thumbnail_key(video_id), {})
        self.repair = VideosKeptLongEnough(self.store, self.objects, self.clock, Retention(self.days), first)

    def __call__(self, days: int = 30) -> list[str]:
        self.clock.advance(days * DAY_SECONDS)
        return [mended.subject for mended in mended_by(self.repair) if mended.repair == "video_deleted"]

    def keys(self) -> set[str]:
        return {*self.objects.stored, *self.objects.documents}


def test_a_video_is_deleted_with_its_files_exactly_after_its_term() -> None:
    world = World(MemoryStore(ended()))
    world.clock.advance(-1)
    assert world() == []
    world.clock.advance(1)
    assert world(0) == ["video_1"]
    assert world.keys() == {key(other) for other in ("video_2", "video_3") for key in KEYS}
    with pytest.raises(VideoDeleted):
        world.store.get("video_1")
    assert world(0) == []


def test_only_announced_final_videos_are_deleted_including_failures() -> None:
    failed = running("video_1").ended(NOW, FAILURE)
    world = World(MemoryStore(failed.announced(NOW), running("video_2"), queued("video_3")))
    world.store.add(running("video_4").ended(NOW, FAILURE))
    assert world(999) == ["video_1"]


def test_a_stack_without_a_term_keeps_everything() -> None:
    assert World(MemoryStore(ended()), days=0)(36_500) == []


def test_a_run_is_bounded_and_starts_with_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    world = World(MemoryStore(*(ended(f"video_{at}", NOW + at) for at in (3, 1, 2))))
    assert (world(31), world(0)) == (["video_1", "video_2"], ["video_3"])


def test_the_next_run_completes_a_deletion_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(MemoryStore(ended()))

    def die(video: Video, until: int) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "delete", die)
        with pytest.raises(Killed):
            world()
    assert world.store.get("video_1") == ended()
    assert world(0) == ["video_1"]


def test_a_video_that_another_worker_changes_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(MemoryStore(ended()))

    def changed(video: Video, until: int) -> None:
        raise VideoChanged(video.id)

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "delete", changed)
        assert world() == []
    assert world(0) == ["video_1"]


def test_a_video_that_cannot_be_deleted_does_not_block_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(MemoryStore(ended("video_1"), ended("video_2", NOW + 1)))
    delete = world.objects.delete

    def refuse_one(keys: list[str]) -> None:
        if video_key("video_1") in keys:
            raise RuntimeError("no answer")
        delete(keys)

    with monkeypatch.context() as patch:
        patch.setattr(world.objects, "delete", refuse_one)
        with pytest.raises(ExceptionGroup, match="1 repairs failed"):
            world(31)
    assert video_key("video_2") not in world.objects.stored
    assert world(0) == ["video_1"]


# --- batches ---------------------------------------------------------------------------------------------------------


def test_the_reports_of_a_batch_are_deleted_and_its_record_outlives_its_rows() -> None:
    objects, clock = FakeObjects(), FakeClock()
    batches = MemoryBatches(ended_batch().announce(NOW), ended_batch("batch_2"), waiting_batch("batch_3").expire(NOW))
    for batch_id in ("batch_1", "batch_2"):
        for name in REPORTS:
            objects.put_json(report_key(batch_id, name), {})
    repair = BatchesKeptLongEnough(batches, objects, clock, Retention(30), first)
    clock.advance(30 * DAY_SECONDS - 1)
    assert mended_by(repair) == []
    clock.advance(1)
    assert [mended.subject for mended in mended_by(repair)] == ["batch_1", "batch_3"]
    assert set(objects.documents) == {report_key("batch_2", name) for name in REPORTS}
    assert set(batches.removed_at.values()) == {int(clock.now()) + retention.RECORD_SECONDS}
    assert retention.RECORD_SECONDS > TOMBSTONE_SECONDS
    assert mended_by(repair) == []


def test_a_stack_without_a_term_keeps_every_batch() -> None:
    batches = MemoryBatches(ended_batch().announce(NOW))
    clock = FakeClock(NOW + 36_500 * DAY_SECONDS)
    assert mended_by(BatchesKeptLongEnough(batches, FakeObjects(), clock, Retention(0))) == []
