"""deliver: one object, one end and one notice, wherever a worker dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.world import FakeClock, FakeObjects, FakeTopic, FakeTransfer, Killed
from tools.harness.samples import LINK, NOW, PROMPT, made, stored, succeeded
from wan_video.domain.hosts import ResultHosts
from wan_video.domain.names import metadata_key, video_key
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.task import TaskAnswer
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, StoredObject, Video
from wan_video.errors import DeliveryInterrupted, VideoChanged, WanUnavailable
from wan_video.services.announce import Announce
from wan_video.services.deliver import CLOSING_SECONDS, Deliver, Outcome

TASK = "task-of-video_1"
KEY = "videos/video_1/video.mp4"
INTERRUPTED = DeliveryInterrupted("truncated", "3 of 4 bytes arrived.")


@dataclass
class World:
    """One video that Wan has generated, and everything that delivery uses."""

    video: Video = field(default_factory=made)
    wan: FakeWan = field(default_factory=FakeWan)
    clock: FakeClock = field(default_factory=FakeClock)
    objects: FakeObjects = field(default_factory=FakeObjects)
    topic: FakeTopic = field(default_factory=FakeTopic)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.video)
        self.transfer = FakeTransfer(self.objects)
        self.deliver = Deliver(
            videos=self.store,
            wan=self.wan,
            transfer=self.transfer,
            objects=self.objects,
            announce=Announce(self.store, self.topic, self.clock),
            hosts=ResultHosts.parse("dashscope-result-*.oss-ap-southeast-1.aliyuncs.com"),
            clock=self.clock,
        )

    def __call__(self, *answers: TaskAnswer | Exception) -> Outcome:
        self.wan.answers = list(answers or [succeeded(TASK)])
        return self.deliver(self.video.id, TASK)

    def put(self, stored: StoredObject, task_id: str | None, *, damaged: bool = False) -> None:
        """Store an object under the key of the video."""
        self.objects.stored[KEY] = stored
        if task_id is not None:
            self.objects.task_ids[KEY] = task_id
        if damaged:
            self.objects.damaged.add(KEY)

    @property
    def row(self) -> Video:
        return self.store.get(self.video.id)

    def is_delivered_once(self) -> bool:
        ids = {event["id"] for event in self.topic.events}
        return (
            self.row.status is Status.COMPLETED
            and self.row.announced_at is not None
            and len(self.transfer.copied) == 1
            and len(ids) == 1
            and {event["type"] for event in self.topic.events} == {"video.completed"}
        )


def test_a_video_is_stored_described_finished_and_announced() -> None:
    world = World()
    assert world() is Outcome.COMPLETED
    assert world.is_delivered_once()
    assert world.transfer.copied == [(LINK, KEY)]
    assert world.row.object == world.objects.stored[KEY]
    assert len(world.topic.events) == 1


def test_the_description_beside_it_is_the_finished_video_with_its_checksums() -> None:
    world = World()
    world()
    document = world.objects.documents[metadata_key("video_1")]
    assert (document["status"], document["prompt"], document["progress"]) == ("completed", PROMPT, 100)
    assert (document["bytes"], document["etag"]) == (4096, "etag")
    assert document["checksums"] == {"crc64nvme": "0" * 16, "crc64xz": "1" * 16}
    assert "CANARY-LINK" not in str(document)


def test_the_link_is_requested_each_time_and_never_stored() -> None:
    world = World()
    world.transfer.failures = [INTERRUPTED]
    with pytest.raises(DeliveryInterrupted):
        world()
    world()
    assert world.wan.queries == [TASK, TASK]
    assert "CANARY-LINK" not in repr(world.row) + repr(world.topic)


def test_an_existing_object_is_not_copied_again() -> None:
    world = World()
    world.put(stored(), TASK)
    assert world() is Outcome.COMPLETED
    assert (world.transfer.copied, world.wan.queries) == ([], [])
    assert world.row.object == stored()


# --- other objects under the key -------------------------------------------------------------------------------------

SEVEN_BYTES = stored(bytes=7, etag="seven", crc64xz=None)


@dataclass(frozen=True)
class Stray:
    """An object that is not known to be the result, with the task that it names and whether its CRC is wrong."""

    object: StoredObject = field(default_factory=stored)
    task_id: str | None = TASK
    damaged: bool = False


@pytest.mark.parametrize(
    "stray",
    [
        Stray(SEVEN_BYTES, task_id=None),
        Stray(SEVEN_BYTES),
        Stray(task_id="task-of-another"),
        Stray(task_id=""),
        Stray(damaged=True),
        Stray(task_id=None),
        Stray(task_id=None, damaged=True),
    ],
    ids=range(7),
)
def test_an_object_without_the_right_task_and_the_right_crc_is_replaced_by_the_video(stray: Stray) -> None:
    world = World()
    world.put(stray.object, stray.task_id, damaged=stray.damaged)
    assert world() is Outcome.COMPLETED
    assert world.transfer.replaced == [stray.object]
    assert world.is_delivered_once()
    assert world.row.object == world.objects.stored[KEY]
    assert world.row.object.bytes == 4096


@pytest.mark.parametrize("age", [0, DAY_SECONDS])
def test_an_unverified_object_is_not_announced_while_a_link_can_be_obtained(age: int) -> None:
    world = World()
    world.put(stored(), None)
    world.clock.advance(age)
    world.transfer.failures = [INTERRUPTED]
    with pytest.raises(DeliveryInterrupted):
        world()
    assert (world.row.status, world.topic.events) == (Status.IN_PROGRESS, [])
    assert world.objects.stored[KEY] == stored()


def test_an_object_verified_by_an_earlier_release_is_kept_once_the_link_has_expired() -> None:
    world = World()
    world.put(stored(), None)
    world.clock.advance(DAY_SECONDS + 1)
    assert world(succeeded(TASK, status="UNKNOWN", video_url=None)) is Outcome.COMPLETED
    assert (world.row.object, world.row.status) == (stored(), Status.COMPLETED)
    assert [event["type"] for event in world.topic.events] == ["video.completed"]


@pytest.mark.parametrize(
    "stray",
    [Stray(SEVEN_BYTES, task_id=None), Stray(task_id=None, damaged=True), Stray(task_id="task-of-another")],
    ids=range(3),
)
def test_without_a_link_an_unverified_object_is_neither_used_nor_deleted(stray: Stray) -> None:
    world = World()
    world.put(stray.object, stray.task_id, damaged=stray.damaged)
    world.clock.advance(DAY_SECONDS + 1)
    world.transfer.failures = [INTERRUPTED]
    assert world() is Outcome.FAILED
    assert world.row.error is not None
    assert (world.row.error.code, world.row.object, world.topic.events) == ("delivery_failed", None, [])
    assert world.objects.stored[KEY] == stray.object


# --- crashes ---------------------------------------------------------------------------------------------------------


def test_after_a_crash_behind_the_copy_delivery_needs_no_second_copy() -> None:
    world = World()

    def die(_: str) -> None:
        raise Killed

    world.objects.on_put = die
    with pytest.raises(Killed):
        world()
    assert world.row.status is Status.IN_PROGRESS
    world.objects.on_put = lambda _: None
    assert world() is Outcome.COMPLETED
    assert world.is_delivered_once()


@pytest.mark.parametrize("lost", ["before the row is written", "after the row is written"])
def test_after_a_crash_around_the_save_the_video_is_still_announced(lost: str) -> None:
    world = World()

    def die(video: Video) -> None:
        if video.status is Status.COMPLETED:
            raise Killed

    if lost == "before the row is written":
        world.store.before_write = die
    else:
        world.store.after_write = die
    with pytest.raises(Killed):
        world()
    assert not world.topic.events
    world.store.before_write = world.store.after_write = lambda _: None
    assert world() in (Outcome.COMPLETED, Outcome.OVER)
    assert world.is_delivered_once()


def test_a_notice_that_fails_is_published_by_the_next_call() -> None:
    world = World()
    world.topic.refusals = [RuntimeError("SNS is down")]
    with pytest.raises(RuntimeError):
        world()
    assert (world.row.status, world.row.announced_at) == (Status.COMPLETED, None)
    assert world() is Outcome.OVER
    assert world.is_delivered_once()
    assert len(world.topic.events) == 1


def test_after_a_crash_behind_the_notice_it_is_repeated_under_the_same_id() -> None:
    world = World()
    world.topic.lost_answers = [Killed()]
    with pytest.raises(Killed):
        world()
    assert world() is Outcome.OVER
    assert len(world.topic.events) == 2
    assert world.is_delivered_once()


def test_two_simultaneous_workers_make_one_end() -> None:
    world = World()
    second: list[Outcome] = []

    def another_worker(_: str) -> None:
        world.objects.on_put = lambda _: None
        second.append(world())

    world.objects.on_put = another_worker
    with pytest.raises(Exception, match="video_1"):
        world()
    assert second == [Outcome.COMPLETED]
    assert world() is Outcome.OVER
    assert world.is_delivered_once()


def test_repeated_deliveries_change_nothing() -> None:
    world = World()
    world()
    row = world.row
    assert [world() for _ in range(3)] == [Outcome.OVER] * 3
    assert world.row == row
    assert len(world.topic.events) == 1


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_interruption_is_raised_and_shown_as_a_condition_once_it_lasts() -> None:
    world = World()
    shown = []
    for _ in range(4):
        world.transfer.failures = [INTERRUPTED]
        with pytest.raises(DeliveryInterrupted, match="truncated"):
            world()
        shown.append(world.row.condition and world.row.condition.since - NOW)
        world.clock.advance(200)
    assert shown == [None, None, 400, 400]
    assert world.row.condition is not None
    assert world.row.condition.code == "delivery_delayed"
    assert world() is Outcome.COMPLETED
    assert world.row.condition is None
    assert world.row.trouble is None


def test_a_copy_ends_in_time_for_the_save_and_the_notice() -> None:
    world = World()
    world.wan.answers = [succeeded(TASK)]
    world.deliver(world.video.id, TASK, 300.0)
    assert world.transfer.seconds == [300.0 - CLOSING_SECONDS]


def delivered_by_another_and_deleted(world: World) -> None:
    row = world.store.save(world.row, world.row.completed(NOW, stored()))
    world.store.delete(row, NOW)


def failed(world: World) -> None:
    world.store.save(world.row, world.row.ended(NOW, Failure("internal_error", "Gone.", "deliver", retryable=True)))


@pytest.mark.parametrize("meanwhile", [delivered_by_another_and_deleted, failed])
def test_a_copy_that_outlasts_its_video_deletes_its_object(meanwhile: Callable[[World], None]) -> None:
    world = World()
    world.transfer.meanwhile = lambda: meanwhile(world)
    assert world() is Outcome.OVER
    assert (world.objects.stored, world.objects.documents, world.topic.events) == ({}, {}, [])


def test_the_object_of_a_deleted_video_is_deleted_by_the_next_worker_after_a_crash() -> None:
    world = World()
    world.store.delete(world.row, NOW)
    world.objects.stored[KEY] = stored()
    assert world() is Outcome.OVER
    assert world.objects.stored == {}


def test_a_copy_that_another_worker_overtook_deletes_nothing() -> None:
    world = World()

    def delivered_by_another() -> None:
        world.store.save(world.row, world.row.completed(NOW, stored()))

    world.transfer.meanwhile = delivered_by_another
    with pytest.raises(VideoChanged):
        world()
    assert KEY in world.objects.stored


@pytest.mark.parametrize(
    "url", ["https://evil.example/a.mp4", "http://127.0.0.1/a.mp4", LINK.replace("https", "http"), "nonsense"]
)
def test_a_link_to_a_host_that_is_not_allowed_is_not_fetched(url: str) -> None:
    world = World()
    with pytest.raises(DeliveryInterrupted, match="host_refused") as caught:
        world(succeeded(TASK, video_url=url))
    assert url not in str(caught.value)
    assert not world.transfer.copied
    assert world() is Outcome.COMPLETED


@pytest.mark.parametrize(
    "answer", [succeeded(TASK, video_url=None), succeeded(TASK, status="RUNNING"), succeeded(TASK, status="UNKNOWN")]
)
def test_an_answer_without_a_link_is_waited_out(answer: TaskAnswer) -> None:
    world = World()
    with pytest.raises(DeliveryInterrupted, match="link_missing"):
        world(answer)
    assert world(succeeded(TASK, status="succeeded")) is Outcome.COMPLETED


def test_an_unanswered_query_is_retried() -> None:
    world = World()
    with pytest.raises(WanUnavailable):
        world(WanUnavailable("AnswerLost", "ReadTimeout"))
    assert world() is Outcome.COMPLETED


def test_delivery_is_tried_for_24_hours_and_then_fails_with_a_named_error() -> None:
    world = World()
    world.clock.advance(DAY_SECONDS)
    world.transfer.failures = [INTERRUPTED, INTERRUPTED]
    with pytest.raises(DeliveryInterrupted):
        world()
    world.clock.advance(1)
    assert world() is Outcome.FAILED
    assert world.row.error is not None
    assert (world.row.error.code, world.row.error.stage) == ("delivery_failed", "deliver")
    assert (world.row.status, world.row.spent_seconds) == (Status.IN_PROGRESS, 5)
    assert not world.topic.events


def test_a_copy_that_succeeds_after_24_hours_is_used() -> None:
    world = World()
    world.clock.advance(DAY_SECONDS + 1)
    assert world() is Outcome.COMPLETED


def test_a_video_that_failed_in_the_meantime_is_not_delivered_but_announced() -> None:
    failed = made().ended(1_780_000_000, Failure("delivery_failed", "No.", "deliver", True))
    world = World(video=failed)
    assert world() is Outcome.OVER
    assert [event["type"] for event in world.topic.events] == ["video.failed"]
    assert not world.transfer.copied


def test_a_deleted_video_needs_no_delivery() -> None:
    assert World(video=replace(made(), id="video_2")).deliver("video_1", TASK) is Outcome.OVER


def test_objects_are_named_after_their_video() -> None:
    assert video_key("video_1") == "videos/video_1/video.mp4"
    assert metadata_key("video_1") == "videos/video_1/metadata.json"
