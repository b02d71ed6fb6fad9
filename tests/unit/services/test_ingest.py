"""ingest: a prompt file becomes videos once, however often it is told of."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.samples import DEFAULTS, PROMPT
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeObjects, FakePromptFiles, Killed
from wan_video.domain.prompt_file import MAX_FILE_BYTES
from wan_video.domain.video import Video
from wan_video.services.ingest import Ingest, Ingested
from wan_video.services.intake import Intake
from wan_video.wire.prompt_file import parse

POOL = "singapore#wan2.6-t2v"


@dataclass
class World:
    """An `Ingest` with everything it works on."""

    files: FakePromptFiles = field(default_factory=FakePromptFiles)
    store: MemoryStore = field(default_factory=MemoryStore)
    reports: FakeObjects = field(default_factory=FakeObjects)
    clock: FakeClock = field(default_factory=FakeClock)
    daily_seconds: int | None = None

    def ingest(self, key: str, etag: str, size: int = 100) -> Ingested:
        seeds = itertools.count()
        intake = Intake(self.clock, DEFAULTS, self.daily_seconds, seed=lambda: next(seeds))
        service = Ingest(self.files, parse, intake, self.store, self.reports, owner="files")
        return service("prompts", key, etag, size)

    def upload(self, key: str, document: Any) -> Ingested:
        body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        return self.ingest(key, self.files.put(key, body), len(body))

    def report(self) -> Mapping[str, Any]:
        (report,) = self.reports.documents.values()
        return report

    def videos(self) -> Sequence[Video]:
        ids = [row["video_id"] for row in self.report()["rows"] if "video_id" in row]
        return [self.store.get(video_id) for video_id in ids]


def test_each_good_row_waits_in_the_queue_of_the_files_owner() -> None:
    world = World()
    ingested = world.upload("list.json", [{"prompt": "a"}, {"prompt": "b", "custom_id": "second"}])

    first, second = world.videos()
    assert (ingested.accepted, ingested.refused) == (2, 0)
    assert {first.owner, second.owner} == {"files"}
    assert first.batch_id == second.batch_id == ingested.batch_id
    assert second.request.custom_id == "second"
    head = world.store.head(POOL, "files")
    assert head is not None
    assert head.video_id == first.id


def test_rows_keep_their_order_in_the_queue() -> None:
    world = World()
    world.upload("list.json", [{"prompt": str(number)} for number in range(12)])

    keys = [video.queue_key for video in world.videos()]
    assert keys == sorted(keys)


def test_a_single_prompt_goes_before_a_list() -> None:
    many, one = World(), World()
    many.upload("list.json", [{"prompt": "a"}, {"prompt": "b"}])
    one.upload("fox.txt", "a fox")

    assert one.videos()[0].queue_key < many.videos()[0].queue_key


def test_bad_rows_are_reported_with_their_number_and_reason_and_cost_nothing() -> None:
    world = World()
    ingested = world.upload("list.json", [{"prompt": "a"}, {"prompt": ""}, {"prompt": "c", "seconds": 99}])

    assert (ingested.accepted, ingested.refused) == (1, 2)
    bad = [row for row in world.report()["rows"] if "errors" in row]
    assert [row["row"] for row in bad] == [2, 3]
    assert [row["errors"][0]["pointer"] for row in bad] == ["/prompt", "/seconds"]


@pytest.mark.parametrize("times", [2, 5])
def test_the_same_event_again_changes_nothing(times: int) -> None:
    world = World()
    etag = world.files.put("fox.txt", b"a fox")
    for _ in range(times):
        world.ingest("fox.txt", etag)
        world.clock.advance(60)

    (video,) = world.videos()
    assert video.version == 0
    assert len(world.reports.documents) == 1


def test_the_same_file_uploaded_again_changes_nothing_and_another_content_makes_another_batch() -> None:
    world = World()
    first = world.upload("fox.txt", "a fox")
    again = world.upload("fox.txt", "a fox")
    other = world.upload("fox.txt", "another fox")

    assert first.batch_id == again.batch_id != other.batch_id
    assert len(world.reports.documents) == 2


def test_a_worker_killed_in_the_middle_of_a_file_is_made_good_by_the_next() -> None:
    world = World()
    body = json.dumps([{"prompt": str(number)} for number in range(5)]).encode()
    etag = world.files.put("list.json", body)
    left = iter([None, None])

    def die_at_the_third(_: Video) -> None:
        if next(left, Killed) is Killed:
            raise Killed

    world.store.before_write = die_at_the_third
    with pytest.raises(Killed):
        world.ingest("list.json", etag)
    world.store.before_write = lambda _: None
    world.ingest("list.json", etag)

    assert len({video.id for video in world.videos()}) == 5


def test_a_file_that_is_gone_or_replaced_is_left_to_its_own_event() -> None:
    world = World()
    world.files.put("fox.txt", b"the new one")

    assert world.ingest("gone.txt", "etag") == Ingested(None)
    assert world.ingest("fox.txt", "the etag of the old one") == Ingested(None)
    assert not world.reports.documents


def test_a_file_that_is_too_large_is_refused_before_it_is_read() -> None:
    world = World()
    ingested = world.ingest("never-put.json", "etag", MAX_FILE_BYTES + 1)

    assert ingested.accepted == 0
    assert str(MAX_FILE_BYTES) in world.report()["error"]["message"]


@pytest.mark.parametrize(
    "key", ["a b+c%20d.txt", "../../etc/passwd.txt", "狐狸🦊.txt", "k" * 1020 + ".txt", "=cmd|.txt"]
)
def test_a_key_is_a_plain_key_whatever_is_in_it(key: str) -> None:
    world = World()
    world.upload(key, "a fox")

    assert world.report()["file"]["key"] == key
    assert all(name.startswith("reports/batch_") for name in world.reports.documents)


def test_a_row_that_could_never_fit_the_budget_is_refused() -> None:
    world = World(daily_seconds=4)
    ingested = world.upload("fox.txt", "a fox")

    assert ingested.refused == 1
    assert "4 a day" in world.report()["rows"][0]["errors"][0]["detail"]


def test_a_report_names_rows_by_number_and_shows_no_prompt() -> None:
    world = World()
    world.upload("list.json", [{"prompt": PROMPT}, {"prompt": PROMPT, "size": "4K"}])

    assert "CANARY" not in json.dumps(world.report())
