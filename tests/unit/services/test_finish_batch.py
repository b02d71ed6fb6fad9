"""finish_batch: a batch ends once, despite crashes, and its reports contain every request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.ingest import IngestWorld
from tests.fakes.world import FakeTopic, Killed
from tools.harness.samples import NOW, PROMPT, TODAY, made, stored, waiting_batch
from wan_video.domain.batch import ERRORS, MANIFEST, REFUSED, RESULTS, Batch, BatchStatus, report_key
from wan_video.domain.budget import STACK, Reservation
from wan_video.domain.document import request_counts
from wan_video.domain.price import total
from wan_video.domain.prompt_file import row_id
from wan_video.domain.task import Task
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import BatchChanged
from wan_video.services.finish_batch import FinishBatch

FAILURE = Failure("DataInspectionFailed", "No.", "poll", retryable=False)


@dataclass
class World(IngestWorld):
    """A batch, and the service that ends it."""

    topic: FakeTopic = field(default_factory=FakeTopic)

    def uploaded(self, *lines: str) -> Batch:
        """Return the batch of a file."""
        ingested = self.upload("list.jsonl", "\n".join(lines))
        assert ingested.batch_id is not None
        return self.store.batches.get(ingested.batch_id)

    def finish(self, batch: Batch) -> Batch:
        """Call the service as one Lambda worker does."""
        store = self.store
        return FinishBatch(store.batches, store, self.reports, self.topic, self.clock, "videos")(batch.id)

    def row(self, batch: Batch, number: int) -> Video:
        """Return one row."""
        return self.store.get(row_id(batch.id, number))

    def start(self, batch: Batch, number: int) -> Video:
        """Start one row."""
        row = self.row(batch, number)
        started = row.start(NOW, Reservation(TODAY, row.request.seconds))
        return self.store.start(row, started, places=6, budgets={row.owner: None, STACK: None})

    def fail(self, batch: Batch, number: int) -> None:
        """Let one row fail."""
        started = self.start(batch, number)
        self.store.save(started, started.ended(NOW, FAILURE))

    def complete(self, batch: Batch, number: int) -> None:
        """Let one row be completed."""
        row = self.start(batch, number)
        row = self.store.save(row, row.submitting(NOW))
        row = self.store.save(row, row.submitted(NOW, Task(f"task {number}", NOW)))
        usage = made().usage
        assert usage is not None
        row = self.store.save(row, row.task_succeeded(NOW, usage))
        self.store.save(row, row.completed(NOW, stored(row.id)))

    def tables(self, batch: Batch) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
        """Return the lines of the results and the errors."""
        results, errors = (self.reports.table(report_key(batch.id, name)) for name in (RESULTS, ERRORS))
        return results, errors


GOOD = '{"prompt": "a fox", "custom_id": "c%s"}'


def test_reports_contain_every_request_in_the_order_of_the_file() -> None:
    world = World()
    batch = world.uploaded("[]", GOOD % 2, "{}", GOOD % 4, GOOD % 5, "7")
    for number, end in ((2, world.complete), (4, world.fail), (5, world.complete)):
        end(batch, number)
    ended = world.finish(batch)
    results, errors = world.tables(batch)

    assert ended.status == "completed"
    assert [(line["row"], line["status"], line["custom_id"]) for line in results] == [
        (2, "completed", "c2"),
        (4, "failed", "c4"),
        (5, "completed", "c5"),
    ]
    assert results[0]["s3"] == {
        "bucket": "videos",
        "key": f"videos/{row_id(batch.id, 2)}/video.mp4",
        "bytes": 4096,
        "etag": "abc",
        "crc64nvme": "0" * 16,
        "crc64xz": "1" * 16,
    }
    assert results[0]["usage"] == {"seconds": 5, "price": "3.669620", "currency": "CNY"}
    assert [(line["row"], line["status"]) for line in errors] == [
        (1, "refused"),
        (3, "refused"),
        (4, "failed"),
        (6, "refused"),
    ]
    assert errors[2]["error"] == {
        "code": "DataInspectionFailed",
        "message": "No.",
        "stage": "poll",
        "retryable": False,
    }


def test_an_ended_batch_keeps_what_its_failures_were_estimated_to_cost() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1, GOOD % 2, GOOD % 3)
    for number, end in ((1, world.fail), (2, world.complete), (3, world.fail)):
        end(batch, number)
    one, two = (world.row(batch, number).estimate for number in (1, 3))
    ended = world.finish(batch)
    assert ended.failures == world.store.batches.get(batch.id).failures == total([one, two])
    assert ended.failures is not None
    assert (ended.failures.seconds, ended.failures.price) == (10, 2 * one.price if one.price else None)


def test_a_batch_without_failures_has_nothing_to_price() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1)
    world.complete(batch, 1)
    assert world.finish(batch).failures is None


SEPARATORS = "\u2028\u2029\x85\x0b\x0c\x1c狐"


def test_every_line_of_a_report_is_one_line_to_any_reader() -> None:
    world = World()
    good = json.dumps({"prompt": "a fox", "custom_id": f"c{SEPARATORS}"}, ensure_ascii=False)
    bad = json.dumps({"prompt": "a fox", f"k{SEPARATORS}": 1}, ensure_ascii=False)
    batch = world.uploaded(good, bad)
    world.complete(batch, 1)
    world.finish(batch)

    for name, count in ((RESULTS, 1), (ERRORS, 1), (REFUSED, 1)):
        body = world.reports.bodies[report_key(batch.id, name)].decode()
        assert body.isascii()
        assert len(body.splitlines()) == count
    (line,) = world.reports.table(report_key(batch.id, RESULTS))
    assert line["custom_id"] == f"c{SEPARATORS}"


def test_the_manifest_names_the_reports_and_says_how_it_ended() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1, "[]")
    world.complete(batch, 1)
    world.finish(batch)
    manifest = world.reports.document(report_key(batch.id, MANIFEST))

    assert (manifest["id"], manifest["status"], manifest["ended_at"]) == (batch.id, "completed", NOW)
    assert manifest["request_counts"]["completed"] == 1
    assert manifest["reports"] == [
        {
            "name": name,
            "key": report_key(batch.id, name),
            "lines": 1,
            "bytes": len(world.reports.bodies[report_key(batch.id, name)]),
        }
        for name in (RESULTS, ERRORS)
    ]


def test_neither_prompts_nor_links_are_in_a_report() -> None:
    world = World()
    batch = world.uploaded(f'{{"prompt": "{PROMPT}"}}', f'{{"prompt": "{PROMPT}", "seconds": 99}}')
    world.complete(batch, 1)
    world.finish(batch)

    assert not any(b"CANARY" in body for body in world.reports.bodies.values())
    assert "CANARY" not in str(world.topic.events)


def test_the_notice_of_a_batch_is_published_once_despite_repeated_calls() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1)
    world.complete(batch, 1)
    for _ in range(3):
        world.finish(batch)
    (event,) = world.topic.events

    assert (event["type"], event["data"]["id"], event["data"]["status"]) == ("batch.completed", batch.id, "completed")
    assert event["data"]["request_counts"]["completed"] == 1
    assert event["data"]["manifest"] == {"bucket": "videos", "key": report_key(batch.id, MANIFEST)}
    assert world.topic.attributes == [
        {"type": "batch.completed", "status": "completed", "owner": "files", "batch_id": batch.id}
    ]


def test_a_notice_whose_answer_was_lost_is_repeated_under_the_same_id() -> None:
    world = World(topic=FakeTopic(lost_answers=[Killed()]))
    batch = world.uploaded(GOOD % 1)
    world.complete(batch, 1)
    with pytest.raises(Killed):
        world.finish(batch)
    world.clock.advance(60)
    world.finish(batch)

    first, second = world.topic.events
    assert first == second
    assert not world.store.batches.get(batch.id).open


@pytest.mark.parametrize("name", [RESULTS, ERRORS, MANIFEST])
def test_the_next_worker_writes_the_reports_after_a_crash(name: str) -> None:
    world = World()
    batch = world.uploaded(GOOD % 1, "[]")
    world.fail(batch, 1)

    def die(key: str) -> None:
        if key.endswith(name):
            world.reports.on_write = lambda _: None
            raise Killed

    world.reports.on_write = die
    with pytest.raises(Killed):
        world.finish(batch)
    assert world.store.batches.get(batch.id).status == "finalizing"
    assert world.finish(batch).status == "completed"
    assert [line["status"] for line in world.tables(batch)[1]] == ["failed", "refused"]
    assert len(world.topic.events) == 1


def test_a_batch_with_open_requests_is_left_unchanged() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1, GOOD % 2)
    world.complete(batch, 1)

    assert world.finish(batch).status == "in_progress"
    assert not world.topic.events


def test_a_batch_with_only_refused_requests_fails() -> None:
    world = World()
    batch = world.uploaded("[]", "7")

    assert world.finish(batch).status == "failed"
    assert world.topic.events[0]["data"]["request_counts"] == request_counts(batch)
    assert [line["status"] for line in world.tables(batch)[1]] == ["refused", "refused"]


def test_a_refused_file_is_announced_with_its_reason() -> None:
    world = World()
    world.finish(world.uploaded(""))

    assert world.topic.events[0]["data"]["error"] == {
        "code": "file_refused",
        "message": "The file contains no request.",
    }


# --- cancelled -------------------------------------------------------------------------------------------------------


def cancel(world: World, batch: Batch) -> Batch:
    now = world.store.batches.get(batch.id)
    return world.store.batches.save(now, now.cancel(NOW))


def test_waiting_rows_are_cancelled_and_running_rows_continue() -> None:
    world = World()
    batch = world.uploaded(*(GOOD % number for number in range(1, 251)))
    started = world.start(batch, 7)
    cancel(world, batch)
    assert world.finish(batch).status == "cancelling"
    assert request_counts(world.store.batches.get(batch.id))["cancelled"] == 249
    assert not world.topic.events

    world.store.save(started, started.ended(NOW, FAILURE))
    assert world.finish(batch).status == "cancelled"
    results, errors = world.tables(batch)
    assert len(results) == 250
    assert [line["row"] for line in errors] == [7]
    assert world.topic.events[0]["data"]["status"] == "cancelled"


def test_the_next_worker_cancels_the_rest_after_a_crash() -> None:
    world = World()
    batch = world.uploaded(*(GOOD % number for number in range(1, 151)))
    cancel(world, batch)
    left = iter(range(100))

    def die(_: Video) -> None:
        if next(left, None) is None:
            raise Killed

    world.store.before_write = die
    with pytest.raises(Killed):
        world.finish(batch)
    world.store.before_write = lambda _: None
    ended = world.finish(batch)

    assert (ended.status, ended.cancelled, ended.left) == ("cancelled", 150, 0)
    assert {world.row(batch, number).status for number in range(1, 151)} == {Status.CANCELLED}


def test_requests_that_were_never_written_count_as_cancelled() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1, GOOD % 2)
    world.store.batches.put(replace(batch, total=12, accepted=12, left=12))
    cancel(world, batch)
    ended = world.finish(batch)

    assert (ended.status, ended.cancelled, ended.left) == ("cancelled", 12, 0)


def test_a_batch_that_is_cancelled_before_its_file_arrives_ends_at_once() -> None:
    world = World()
    batch = waiting_batch(owner="files")
    world.store.batches.create(batch)
    cancel(world, batch)

    assert world.finish(batch).status == "cancelled"
    assert world.tables(batch) == ([], [])


def test_a_batch_that_another_worker_ends_is_left_to_that_worker() -> None:
    world = World()
    batch = world.uploaded("[]")

    def overtake(key: str) -> None:
        world.reports.on_write = lambda _: None
        world.finish(batch)

    world.reports.on_write = overtake
    world.finish(batch)

    assert len(world.topic.events) == 1
    assert world.store.batches.get(batch.id).status is BatchStatus.FAILED


def test_a_row_that_was_deleted_is_left_out_of_the_reports() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1, GOOD % 2)
    world.fail(batch, 1)
    world.store.delete(world.row(batch, 1), NOW + 60)
    world.complete(batch, 2)
    ended = world.finish(batch)

    assert (ended.status, ended.failed, ended.completed) == ("completed", 1, 1)
    assert [line["row"] for line in world.tables(batch)[0]] == [2]


def test_a_conflicting_change_of_the_batch_is_no_error() -> None:
    world = World()
    batch = world.uploaded(GOOD % 1)
    with pytest.raises(BatchChanged):
        world.store.batches.save(replace(batch, version=7), batch)
    assert world.finish(batch).status == "in_progress"
