"""ingest: a prompt file becomes videos once, despite repeated events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fakes.ingest import IngestWorld
from tests.fakes.world import FakePromptFiles, Killed
from tools.harness.samples import NOW, PROMPT, waiting_batch
from wan_video.domain.batch import ERRORS, REFUSED, Batch, BatchStatus, report_key, upload_key
from wan_video.domain.budget import Reservation
from wan_video.domain.listing import VideoQuery
from wan_video.domain.prompt_file import MAX_ROWS, Row, row_id
from wan_video.domain.request import VideoFields
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video
from wan_video.errors import Problem, VideoNotFound
from wan_video.services.enrol import MAX_LINE_BYTES, Survey
from wan_video.services.ingest import Ingested

POOL = "singapore#wan2.6-t2v"
LINES = "".join(f'{{"prompt": "{number}", "custom_id": "c{number}"}}\n' for number in range(1, 201))


def all_rows(world: IngestWorld, batch: Batch) -> list[Video]:
    """Return all existing rows of a batch."""
    found = []
    for number in range(1, batch.total + 1):
        try:
            found.append(world.store.get(row_id(batch.id, number)))
        except VideoNotFound:
            continue
    return found


def test_each_valid_row_waits_in_the_line_of_the_files_owner() -> None:
    world = IngestWorld()
    ingested = world.upload("list.json", [{"prompt": "a"}, {"prompt": "b", "custom_id": "second"}])

    first, second = world.videos()
    assert (ingested.accepted, ingested.refused) == (2, 0)
    assert {first.owner, second.owner} == {"files"}
    assert first.batch_id == second.batch_id == ingested.batch_id
    assert second.request.custom_id == "second"
    head = world.store.head(POOL, "files")
    assert head is not None
    assert head.video_id == first.id


IMAGE_MODEL = {"prompt": "a", "model": "wan2.7-i2v"}
IN_FILE = "s3://prompts/images/fox.png"


def test_a_row_may_name_images_on_the_web_and_in_the_prompts_bucket() -> None:
    world = IngestWorld()
    row = {**IMAGE_MODEL, "input_reference": IN_FILE, "last_frame": "https://example.com/owl.png"}
    world.upload("list.json", [row])

    (video,) = world.videos()
    assert [image.source for image in video.request.images] == [IN_FILE, "https://example.com/owl.png"]


@pytest.mark.parametrize(
    "name",
    [
        "s3://videos/images/fox.png",
        "s3://prompts/fox.png",
        "s3://prompts/batches/batch_1/a.png",
        "s3://prompts/images/",
        "s3://prompts/images//fox.png",
        "s3://prompts/images/../batches/a.png",
        "s3://prompts/images/./fox.png",
        "s3://prompts/images/" + "x" * 1024,
        "S3://prompts/images/fox.png",
    ],
)
@pytest.mark.parametrize("field", ["input_reference", "last_frame"])
def test_a_row_cannot_name_another_object(field: str, name: str) -> None:
    world = IngestWorld()
    ingested = world.upload("list.json", [{**IMAGE_MODEL, "input_reference": IN_FILE, field: name}])

    assert (ingested.accepted, ingested.refused) == (0, 1)
    (error,) = world.report()["rows"][0]["errors"]
    assert error["pointer"] == f"/{field}"
    assert "s3://" in error["detail"]


@pytest.mark.parametrize("value", ["http://example.com/a.png", "input_" + "0" * 32, "data:image/png;base64,AAAA", ""])
def test_a_row_names_images_by_https_url_or_in_the_prompts_bucket_only(value: str) -> None:
    world = IngestWorld()
    world.upload("list.json", [{**IMAGE_MODEL, "input_reference": value}])

    (error,) = world.report()["rows"][0]["errors"]
    assert "must be an https URL or an s3:// name" in error["detail"]


def test_files_of_other_owners_cannot_name_images_in_the_prompts_bucket() -> None:
    world = IngestWorld()
    lines = f'{{"prompt": "a", "model": "wan2.7-i2v", "input_reference": "{IN_FILE}"}}\n'
    world.store.batches.create(waiting_batch(owner="alice"))
    world.upload(upload_key("batch_1", "a.jsonl"), lines)

    batch = world.store.batches.get("batch_1")
    assert (batch.accepted, batch.refused) == (0, 1)
    (error,) = world.report("batch_1")["rows"][0]["errors"]
    assert "only files of the owner of file uploads" in error["detail"]


def test_a_batch_of_the_owner_of_file_uploads_may_name_images_in_the_prompts_bucket() -> None:
    world = IngestWorld()
    lines = f'{{"prompt": "a", "model": "wan2.7-i2v", "input_reference": "{IN_FILE}"}}\n'
    world.store.batches.create(waiting_batch(owner="files"))
    world.upload(upload_key("batch_1", "a.jsonl"), lines)

    assert world.store.batches.get("batch_1").accepted == 1


def test_rows_keep_their_order_in_the_queue() -> None:
    world = IngestWorld()
    world.upload("list.json", [{"prompt": str(number)} for number in range(12)])

    keys = [video.queue_key for video in world.videos()]
    assert keys == sorted(keys)


def test_a_single_prompt_goes_before_a_list() -> None:
    many, one = IngestWorld(), IngestWorld()
    many.upload("list.json", [{"prompt": "a"}, {"prompt": "b"}])
    one.upload("fox.txt", "a fox")

    assert one.videos()[0].queue_key < many.videos()[0].queue_key


def test_bad_rows_are_reported_with_their_number_and_reason_and_cost_nothing() -> None:
    world = IngestWorld()
    ingested = world.upload("list.json", [{"prompt": "a"}, {"prompt": ""}, {"prompt": "c", "seconds": 99}])

    assert (ingested.accepted, ingested.refused) == (1, 2)
    bad = [row for row in world.report()["rows"] if "errors" in row]
    assert [row["row"] for row in bad] == [2, 3]
    assert [row["errors"][0]["pointer"] for row in bad] == ["/prompt", "/seconds"]


@pytest.mark.parametrize("times", [2, 5])
def test_the_same_event_again_changes_nothing(times: int) -> None:
    world = IngestWorld()
    etag = world.files.put("fox.txt", b"a fox")
    for _ in range(times):
        world.ingest("fox.txt", etag)
        world.clock.advance(60)

    (video,) = world.videos()
    assert video.version == 0
    assert len(world.store.batches.list("files", 10)[0]) == 1


def test_the_same_file_uploaded_again_changes_nothing_and_another_content_makes_another_batch() -> None:
    world = IngestWorld()
    first = world.upload("fox.txt", "a fox")
    again = world.upload("fox.txt", "a fox")
    other = world.upload("fox.txt", "another fox")

    assert first.batch_id == again.batch_id != other.batch_id
    assert len(world.store.batches.list("files", 10)[0]) == 2


@pytest.mark.parametrize("killed_at", [1, 2, 50, 60, 150, 200])
def test_the_next_worker_completes_a_file_after_a_crash(killed_at: int) -> None:
    world = IngestWorld(FakePromptFiles(chunk_bytes=700))
    etag = world.files.put("list.jsonl", LINES.encode())
    writes = 0

    def die(_: Video) -> None:
        nonlocal writes
        writes += 1
        if writes == killed_at:
            raise Killed

    world.store.before_write = die
    with pytest.raises(Killed):
        world.ingest("list.jsonl", etag)
    world.clock.advance(300)
    assert world.ingest("list.jsonl", etag).accepted == 200

    batch = world.batch()
    assert (batch.written, batch.left, batch.last_row) == (200, 200, 200)
    assert [video.request.custom_id for video in all_rows(world, batch)] == [f"c{number}" for number in range(1, 201)]
    assert [line.batch for line in world.store.pool(POOL).lines] == [200]
    keys = [video.queue_key for video in all_rows(world, batch)]
    assert keys == sorted(keys)


def test_two_workers_with_one_file_write_each_row_once() -> None:
    world = IngestWorld()
    etag = world.files.put("list.jsonl", LINES.encode())
    another = iter([True])
    accept_rows = world.store.accept_rows

    def overtaken(batch: Batch, videos: Sequence[Video], now: int) -> Batch:
        if next(another, False):
            world.ingest("list.jsonl", etag)
        return accept_rows(batch, videos, now)

    world.store.accept_rows = overtaken  # type: ignore[method-assign]
    world.ingest("list.jsonl", etag)

    assert world.batch().written == 200
    assert len(all_rows(world, world.batch())) == 200
    assert [line.batch for line in world.store.pool(POOL).lines] == [200]


def test_a_row_is_the_same_from_any_worker() -> None:
    first, second = IngestWorld(), IngestWorld()
    for world in (first, second):
        world.upload("list.jsonl", LINES)
    rows = [[(video.id, video.request, video.queue_key) for video in world.videos()] for world in (first, second)]

    assert rows[0] == rows[1]
    assert len({request.seed for _, request, _ in rows[0]}) == 200


def test_a_file_that_is_replaced_during_reading_adds_no_more_rows() -> None:
    world = IngestWorld(FakePromptFiles(chunk_bytes=700))
    etag = world.files.put("list.jsonl", LINES.encode())

    def delete(_: Video) -> None:
        world.files.files.pop("list.jsonl", None)

    world.store.before_write = delete
    world.ingest("list.jsonl", etag)

    batch = world.batch()
    assert (batch.status, batch.written < 200) == ("cancelling", True)
    assert batch.error is not None
    assert batch.error.code == "file_gone"


def test_rows_that_a_changed_setting_refuses_in_the_middle_of_a_file_are_cancelled() -> None:
    world = IngestWorld()
    etag = world.files.put("list.jsonl", LINES.encode())

    def die(video: Video) -> None:
        if video.row == 100:
            raise Killed

    world.store.before_write = die
    with pytest.raises(Killed):
        world.ingest("list.jsonl", etag)
    world.daily_seconds = 1
    world.ingest("list.jsonl", etag)

    batch = world.batch()
    assert (batch.status, batch.written, batch.refused) == ("cancelling", 98, 0)
    assert batch.error is not None
    assert batch.error.code == "settings_changed"


# --- batches of the API ----------------------------------------------------------------------------------------------


def announced(world: IngestWorld, **wanted: object) -> Batch:
    batch = replace(waiting_batch(), **wanted)  # type: ignore[arg-type]
    world.store.batches.create(batch)
    return batch


def test_a_file_below_batches_belongs_to_the_batch_that_the_api_created() -> None:
    world = IngestWorld()
    announced(world)
    ingested = world.upload(upload_key("batch_1", "a.jsonl"), '{"prompt": "a"}\n{"prompt": "b"}')

    assert ingested == Ingested("batch_1", 2, 0)
    assert {video.owner for video in world.videos()} == {"alice"}
    batch = world.store.batches.get("batch_1")
    assert (batch.status, batch.total, batch.left, batch.written) == ("in_progress", 2, 2, 2)
    assert batch.source is not None
    assert batch.source.key == "batches/batch_1/a.jsonl"


def test_the_budget_of_a_batchs_creator_applies_to_its_rows() -> None:
    world = IngestWorld()
    announced(world, daily_seconds=7)
    ingested = world.upload(upload_key("batch_1", "a.jsonl"), '{"prompt": "a", "seconds": 10}\n{"prompt": "b"}')

    assert (ingested.accepted, ingested.refused) == (1, 1)
    assert world.videos()[0].daily_seconds == 7


def test_a_repeated_event_leaves_its_batch_unchanged() -> None:
    world = IngestWorld()
    announced(world)
    key = upload_key("batch_1", "a.jsonl")
    first = world.upload(key, '{"prompt": "a"}')
    assert world.upload(key, '{"prompt": "a"}') == first
    assert world.store.batches.get("batch_1").written == 1


@pytest.mark.parametrize("status", [BatchStatus.EXPIRED, BatchStatus.CANCELLED])
def test_a_file_that_arrives_after_the_end_of_its_batch_is_refused(status: BatchStatus) -> None:
    world = IngestWorld()
    announced(world, status=status)
    ingested = world.upload(upload_key("batch_1", "a.jsonl"), '{"prompt": "a"}')

    assert ingested.batch_id != "batch_1"
    assert f"it is {status}" in world.report(ingested.batch_id)["error"]["message"]


def test_another_file_for_a_batch_that_has_one_is_refused() -> None:
    world = IngestWorld()
    announced(world)
    world.upload(upload_key("batch_1", "a.jsonl"), '{"prompt": "a"}')
    second = world.upload(upload_key("batch_1", "a.jsonl"), '{"prompt": "b"}')

    assert second.batch_id != "batch_1"
    assert world.store.batches.get("batch_1").accepted == 1


def test_a_file_below_batches_without_a_batch_is_refused_and_reported() -> None:
    world = IngestWorld()
    ingested = world.upload("batches/batch_9/a.jsonl", '{"prompt": "a"}')

    assert ingested.accepted == 0
    assert "no batch 'batch_9'" in world.report()["error"]["message"]
    assert world.batch().owner == "files"


def test_a_batch_that_is_cancelled_during_reading_gets_no_more_rows() -> None:
    world = IngestWorld()
    announced(world)

    def cancel(video: Video) -> None:
        batch = world.store.batches.get("batch_1")
        if video.row > 98 and batch.status is BatchStatus.IN_PROGRESS:
            world.store.batches.save(batch, batch.cancel(NOW))
            raise Killed

    world.store.before_write = cancel
    key = upload_key("batch_1", "a.jsonl")
    with pytest.raises(Killed):
        world.upload(key, LINES)
    world.upload(key, LINES)

    batch = world.store.batches.get("batch_1")
    assert (batch.status, batch.written) == ("cancelling", 98)


# --- retries of failures ---------------------------------------------------------------------------------------------


def failed_batch(world: IngestWorld) -> Batch:
    """Return a batch of three requests, the first and third of which have failed."""
    world.upload("list.jsonl", "".join(LINES.splitlines(keepends=True)[:3]))
    lines = []
    for video in world.videos():
        if video.row == 2:
            continue
        started = world.store.start(
            video, video.start(NOW, Reservation("2026-05-28", 5)), places=6, budgets={"files": None}
        )
        world.store.save(started, started.ended(NOW, Failure("x", "y", "poll", retryable=True)))
        lines.append(json.dumps({"row": video.row, "video_id": video.id, "status": "failed"}))
    batch = world.batch()
    refused = json.dumps({"row": 9, "status": "refused", "errors": []})
    world.reports.bodies[report_key(batch.id, ERRORS)] = "\n".join([*lines, refused]).encode()
    return batch


def test_failed_requests_are_retried_under_their_custom_ids() -> None:
    world = IngestWorld()
    failed = failed_batch(world)
    world.store.batches.create(replace(waiting_batch(), status=BatchStatus.VALIDATING, retry_of=failed.id))
    ingested = world.service.retry("batch_1")

    assert ingested == Ingested("batch_1", 2, 0)
    rows = [world.store.get(row_id("batch_1", number)) for number in (1, 2)]
    assert [row.request.custom_id for row in rows] == ["c1", "c3"]
    assert [row.request.prompt for row in rows] == ["1", "3"]
    assert {row.owner for row in rows} == {"alice"}
    assert world.service.retry("batch_1") == ingested
    assert world.report("batch_1")["retry_of"] == failed.id


def test_no_request_of_a_capped_retry_costs_more_than_its_failure() -> None:
    world = IngestWorld()
    failed = failed_batch(world)
    first, _, third = (world.store.get(row_id(failed.id, number)) for number in (1, 2, 3))
    assert first.estimate.price is not None
    cheap = replace(first.estimate, price=first.estimate.price - Decimal("0.01"))
    world.store.save(first, replace(first, estimate=cheap))
    retry = replace(waiting_batch(), status=BatchStatus.VALIDATING, retry_of=failed.id, capped=True)
    world.store.batches.create(retry)

    assert world.service.retry("batch_1") == Ingested("batch_1", 1, 1)
    assert world.store.get(row_id("batch_1", 2)).request == third.request


def test_a_deleted_failure_is_refused() -> None:
    world = IngestWorld()
    failed = failed_batch(world)
    gone = world.store.get(row_id(failed.id, 1))
    world.store.delete(gone, NOW + 60)
    world.store.batches.create(replace(waiting_batch(), status=BatchStatus.VALIDATING, retry_of=failed.id))

    assert world.service.retry("batch_1") == Ingested("batch_1", 1, 1)
    assert gone.id in world.reports.table(report_key("batch_1", REFUSED))[0]["errors"][0]["detail"]


def test_a_failure_that_is_deleted_during_the_retry_keeps_the_counts_correct() -> None:
    world = IngestWorld()
    failed = failed_batch(world)
    world.store.batches.create(replace(waiting_batch(), status=BatchStatus.VALIDATING, retry_of=failed.id))
    world.reports.on_write = lambda _: None
    surveyed = iter([True])
    get_many = world.store.get_many

    def lose_one(ids: object) -> object:
        found = dict(get_many(ids))  # type: ignore[arg-type]
        if not next(surveyed, False):
            found.pop(row_id(failed.id, 3), None)
        return found

    world.store.get_many = lose_one  # type: ignore[assignment,method-assign]
    world.service.retry("batch_1")

    batch = world.store.batches.get("batch_1")
    assert (batch.accepted, batch.queued, batch.cancelled, batch.left) == (2, 1, 1, 1)


# --- the files themselves --------------------------------------------------------------------------------------------


def test_a_file_that_was_deleted_or_replaced_is_left_to_its_own_event() -> None:
    world = IngestWorld()
    world.files.put("fox.txt", b"the new one")

    assert world.ingest("gone.txt", "etag") == Ingested(None)
    assert world.ingest("fox.txt", "the etag of the old one") == Ingested(None)
    assert not world.reports.bodies


def test_a_row_that_could_never_fit_the_budget_is_refused() -> None:
    world = IngestWorld(daily_seconds=4)
    ingested = world.upload("fox.txt", "a fox")

    assert ingested.refused == 1
    assert "4 a day" in world.report()["rows"][0]["errors"][0]["detail"]


def test_a_report_names_rows_by_number_and_shows_no_prompt() -> None:
    world = IngestWorld()
    world.upload("list.json", [{"prompt": PROMPT}, {"prompt": PROMPT, "size": "4K"}])

    assert "CANARY" not in json.dumps(world.report())


TEXTS = st.text(st.sampled_from('a狐🦊\u2028\u0001"\ud800'), max_size=3000)
PROBLEMS = st.lists(st.builds(Problem, TEXTS, TEXTS), min_size=1, max_size=30)


@given(PROBLEMS, TEXTS)
@example([Problem("/" + "🦊" * 70_000, "🦊" * 70_000)] * 20, "🦊" * 70_000)
def test_the_size_of_a_refused_row_is_bounded_so_that_all_fit_into_tmp(
    problems: Sequence[Problem], custom_id: str
) -> None:
    with Survey() as survey:
        survey.add(Row(50_000, VideoFields(prompt="", custom_id=custom_id), line=10**9), problems)
        (line,) = survey.refusals()
    assert len(line) <= MAX_LINE_BYTES
    assert line.isascii()
    errors = json.loads(line)["errors"]
    assert errors[0]["detail"] == problems[0].detail[: len(errors[0]["detail"])]
    assert (len(errors) == len(problems)) != errors[-1]["detail"].endswith(" more problems.")
    assert survey.listed[0]["errors"] == errors


def test_the_rows_of_the_longest_file_fit_into_tmp() -> None:
    tmp_bytes = 512 * 1024 * 1024
    assert tmp_bytes / 2 > MAX_ROWS * (MAX_LINE_BYTES + 1)


def test_every_problem_of_a_refused_row_is_reported_up_to_twenty() -> None:
    world = IngestWorld()
    world.upload("list.jsonl", json.dumps({"prompt": "a", **{f"k{at}": at for at in range(30)}}))
    (line,) = world.refused()
    assert line["errors"][-1]["detail"].endswith(" more problems.")
    assert 8 < len(line["errors"]) <= 20


@pytest.mark.parametrize("key", ["fox.json", upload_key("batch_1", "fox.json")])
def test_a_file_that_is_refused_with_a_long_quotation_has_a_batch_that_can_be_stored(key: str) -> None:
    world = IngestWorld()
    if key.startswith("batches/"):
        world.store.batches.create(waiting_batch("batch_1", owner="files"))
    name = "狐" * 700_000
    world.upload(key, f'[{{"{name}": 1, "{name}": 2}}]')
    error = world.batch().error
    assert error is not None
    assert error.message.startswith("The file contains the key '狐狐")
    assert len(error.message.encode()) < 4096


@pytest.mark.parametrize("name", ["", "x" * 1000, "a b", "狐"])
def test_a_file_at_the_key_of_an_impossible_batch_is_reported(name: str) -> None:
    world = IngestWorld()
    assert world.upload(upload_key(name, "fox.txt"), "a fox").accepted == 0
    error = world.batch().error
    assert error is not None
    assert "waits for a file" in error.message


CALLBACKS = "\n".join(
    json.dumps({"prompt": "a fox"} | ({"callback_url": f"https://example.com/{number}"} if number % 2 else {}))
    for number in range(6)
)


def test_rows_with_a_callback_url_are_refused_until_the_owner_has_a_secret() -> None:
    world = IngestWorld()
    refused = world.upload("one.jsonl", CALLBACKS)
    world.signs_callbacks = lambda owner: owner == "files"
    accepted = world.upload("two.jsonl", CALLBACKS)

    assert (refused.accepted, refused.refused) == (3, 3)
    assert (accepted.accepted, accepted.refused) == (6, 0)
    urls = [video.request.callback_url for video in world.store.list("files", VideoQuery(limit=20)).videos]
    assert sorted(url for url in urls if url) == [f"https://example.com/{number}" for number in (1, 3, 5)]


@pytest.mark.parametrize("at_first", [True, False])
def test_a_secret_that_appears_or_disappears_while_a_file_is_read_changes_no_count(at_first: bool) -> None:
    asked: list[str] = []

    def signs(owner: str) -> bool:
        asked.append(owner)
        return at_first == (len(asked) == 1)

    world = IngestWorld(signs_callbacks=signs)
    ingested = world.upload("foxes.jsonl", CALLBACKS)

    batch = world.batch()
    assert ingested.accepted == batch.accepted == batch.written == (6 if at_first else 3)
    assert batch.left == batch.queued == batch.accepted
    assert asked == ["files"]
