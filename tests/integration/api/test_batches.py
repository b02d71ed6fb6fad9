"""The routes of batches, and the videos of one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.integration.api.client import Answer, Api, assert_problem, listed_pages
from tests.rows import put_rows
from tools.harness.patience import PATIENCE
from tools.harness.samples import NOW, ended_batch, open_batch, queued, request, rows_of, waiting_batch
from tools.harness.stack import BUCKET, PROMPTS, VIDEOS
from wan_video.adapters.dynamodb.lists import Lists
from wan_video.domain.batch import Batch, report_key
from wan_video.domain.listing import Page, VideoQuery
from wan_video.domain.price import Estimate
from wan_video.domain.prompt_file import row_id
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video

COUNTS = dict.fromkeys(
    ("total", "queued", "in_progress", "completed", "failed", "cancelled", "expired", "refused"), 0
)  # fmt: skip


def open_one(api: Api, body: object = None, key: str | None = None, **authorizer: str) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    return api.post(body or {"name": "prompts.jsonl"}, headers, path="/v1/batches", query=None, **authorizer)


def post(api: Api, path: str, **authorizer: str) -> Answer:
    return api.post(None, None, path=path, query=None, **authorizer)


def with_rows(api: Api, numbers: range, *others: Video, **wanted: Any) -> Batch:
    """Store a batch of these rows, with `others` in place of some of them, without the services."""
    opened = open_batch(total=numbers[-1], **wanted)
    rows = list({row.id: row for row in [*rows_of(opened, *numbers), *others]}.values())
    batch = opened.write(NOW, rows)
    api.stack.batches.create(batch)
    put_rows(api.stack.dynamodb, VIDEOS, rows)
    return batch


def failed_row(number: int, model: str = "wan2.6-t2v", **wanted: Any) -> Video:
    """Return a failed row of the first batch."""
    (row,) = rows_of(open_batch(), number)
    return replace(row, status=Status.FAILED, request=request(model=model, **wanted))


# --- creating --------------------------------------------------------------------------------------------------------


def test_a_new_batch_returns_a_put_request_for_one_file(api: Api) -> None:
    answer = open_one(api)
    batch = answer.json
    assert (answer.status, batch["object"], batch["status"]) == (202, "batch", "waiting_for_file")
    assert (batch["name"], batch["file"], batch["reports"], batch["request_counts"]) == (
        "prompts.jsonl",
        None,
        None,
        COUNTS,
    )
    upload = batch["upload"]
    assert upload["method"] == "PUT"
    done = requests.put(upload["url"], headers=upload["headers"], data=b'{"prompt": "a fox"}\n', timeout=PATIENCE)
    assert done.status_code == 200
    stored = api.stack.s3.get_object(Bucket=PROMPTS, Key=f"batches/{batch['id']}/prompts.jsonl")
    assert (stored["Body"].read(), stored["ContentType"]) == (b'{"prompt": "a fox"}\n', "application/jsonl")


def test_the_headers_of_the_upload_are_signed(api: Api) -> None:
    upload = open_one(api, {"name": "a.csv", "content_type": "text/csv; charset=utf-8"}).json["upload"]
    query = parse_qs(urlsplit(upload["url"]).query)
    assert query["X-Amz-SignedHeaders"] == ["content-type;host;if-none-match"]
    assert query["X-Amz-Expires"] == ["3600"]
    assert upload["headers"] == {"Content-Type": "text/csv; charset=utf-8", "If-None-Match": "*"}
    assert not any(name.lower().startswith("x-amz-checksum") for name in query)


def test_a_key_creates_one_batch_and_returns_its_upload_again(api: Api) -> None:
    first, second = open_one(api, key="k").json, open_one(api, key="k").json
    assert {**first, "upload": None} == {**second, "upload": None}
    assert second["upload"]["headers"] == first["upload"]["headers"]
    assert_problem(open_one(api, {"name": "other.csv"}, key="k"), 422, "idempotency_key_reused")
    assert open_one(api, key="k", owner="bob").json["id"] != first["id"]
    assert len(api.get("/v1/batches").json["data"]) == 1


def test_a_form_also_creates_a_batch(api: Api) -> None:
    boundary = "xyz"
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\na.csv\r\n--{boundary}--\r\n'
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert api.post(body, headers, path="/v1/batches").json["name"] == "a.csv"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "a.exe"}, "/name"),
        ({"name": "a/b.csv"}, "/name"),
        ({"name": "a.csv", "content_type": "csv"}, "/content_type"),
        ({"name": "a.csv", "filename": "b.csv"}, "/filename"),
        ("[]", ""),
        ('{"name": "a.csv", "name": "b.csv"}', ""),
    ],
    ids=str,
)
def test_an_invalid_body_creates_no_batch_and_names_the_valid_values(api: Api, body: object, pointer: str) -> None:
    answer = api.post(body, path="/v1/batches")
    assert_problem(answer, 400, "invalid_request")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert api.get("/v1/batches").json["data"] == []


def test_an_unknown_field_is_reported_with_the_known_ones(api: Api) -> None:
    answer = api.post({"name": "a.csv", "filename": "b.csv"}, path="/v1/batches")
    assert "name, content_type" in answer.json["detail"]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_batch_shows_its_counts_and_a_retry_after_until_it_has_ended(api: Api) -> None:
    batch = replace(open_batch(total=10, refused=1), started=5, left=6, completed=2, failed=1)
    api.stack.batches.create(batch)
    answer = api.get("/v1/batches/batch_1")
    assert (answer.status, answer.json["status"], answer.headers["retry-after"]) == (200, "in_progress", "15")
    assert answer.json["request_counts"] == {
        **COUNTS,
        "total": 10,
        "queued": 4,
        "in_progress": 2,
        "completed": 2,
        "failed": 1,
        "refused": 1,
    }
    assert (answer.json["upload"], answer.json["reports"]) == (None, None)
    assert answer.json["file"]["bucket"] == "prompts"


def test_the_reports_of_an_ended_batch_are_working_links(api: Api) -> None:
    api.stack.batches.create(ended_batch())
    for name in ("results.jsonl", "errors.jsonl", "manifest.json"):
        api.stack.s3.put_object(Bucket=BUCKET, Key=report_key("batch_1", name), Body=name.encode())
    answer = api.get("/v1/batches/batch_1")
    assert (answer.json["status"], "retry-after" in answer.headers) == ("completed", False)
    for name, link in answer.json["reports"].items():
        assert requests.get(link, timeout=PATIENCE).text.startswith(name)
    assert api.get("/v1/batches").json["data"][0]["reports"] is None


def test_batches_are_listed_newest_first_in_pages(api: Api) -> None:
    for at in range(5):
        api.stack.batches.create(waiting_batch(f"batch_{at}", at=NOW + at))
    api.stack.batches.create(waiting_batch("batch_9", owner="bob"))
    first = api.get("/v1/batches", {"limit": "3"}).json
    second = api.get("/v1/batches", {"limit": "3", "after": first["last_id"]}).json
    assert [batch["id"] for batch in first["data"] + second["data"]] == [f"batch_{at}" for at in (4, 3, 2, 1, 0)]
    assert (first["has_more"], second["has_more"], second["first_id"]) == (True, False, "batch_1")
    assert api.get("/v1/batches", owner="carol").json["data"] == []


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"after": "batch_8"}, {"order": "asc"}], ids=str)
def test_an_invalid_query_is_a_400(api: Api, query: dict[str, str]) -> None:
    assert_problem(api.get("/v1/batches", query), 400, "invalid_request")


def test_another_owners_batch_is_not_found(api: Api) -> None:
    api.stack.batches.create(waiting_batch(owner="bob"))
    for answer in (
        api.get("/v1/batches/batch_1"),
        api.get("/v1/batches/batch_2"),
        api.get(f"/v1/batches/{'x' * 3000}"),
        post(api, "/v1/batches/batch_1/cancel"),
        post(api, "/v1/batches/batch_1/retry"),
    ):
        assert_problem(answer, 404, "batch_not_found")


# --- changing --------------------------------------------------------------------------------------------------------


def test_an_open_batch_is_cancelled_and_one_that_has_ended_is_not(api: Api) -> None:
    api.stack.batches.create(open_batch())
    api.stack.batches.create(ended_batch("batch_2"))
    answer = post(api, "/v1/batches/batch_1/cancel")
    assert (answer.status, answer.json["status"]) == (200, "cancelling")
    assert post(api, "/v1/batches/batch_1/cancel").json == answer.json
    refused = post(api, "/v1/batches/batch_2/cancel")
    assert_problem(refused, 409, "batch_not_cancellable")
    assert refused.headers["x-should-retry"] == "false"


def test_failures_are_retried_by_one_new_batch(api: Api) -> None:
    api.stack.batches.create(replace(ended_batch(), completed=1, failed=1))
    answer = post(api, "/v1/batches/batch_1/retry")
    assert (answer.status, answer.json["status"], answer.json["retry_of"]) == (202, "validating", "batch_1")
    assert answer.json["upload"] is None
    assert post(api, "/v1/batches/batch_1/retry").json["id"] == answer.json["id"]
    assert_problem(post(api, f"/v1/batches/{answer.json['id']}/retry"), 409, "batch_not_retryable")


def test_the_retry_of_a_batch_is_priced_and_capped(api: Api) -> None:
    priced = Estimate(5, Decimal("3.669620"), "CNY", "2026-06-01")
    api.stack.batches.create(replace(ended_batch(), completed=1, failed=1, failures=priced))
    path = "/v1/batches/batch_1/retry"
    quote = api.post({}, path=path, query={"dry_run": "true"})
    assert (quote.status, quote.json["estimate"]["price"]) == (200, "3.669620")
    assert_problem(api.post({"max_price": "3.66"}, path=path), 402, "budget_exceeded")
    assert_problem(api.post({"max_cost": "4"}, path=path), 400, "invalid_request")
    assert [batch["id"] for batch in api.get("/v1/batches").json["data"]] == ["batch_1"]
    again = api.post({"max_price": "3.669620"}, path=path)
    assert again.status == 202
    assert api.stack.batches.get(again.json["id"]).capped


def test_the_scope_to_read_changes_nothing_and_the_scope_to_write_shows_nothing(api: Api) -> None:
    api.stack.batches.create(open_batch())
    for answer in (
        open_one(api, scopes="read"),
        post(api, "/v1/batches/batch_1/cancel", scopes="read"),
        post(api, "/v1/batches/batch_1/retry", scopes="read"),
        api.get("/v1/batches", scopes="write"),
        api.get("/v1/batches/batch_1", scopes="write"),
    ):
        assert_problem(answer, 403, "forbidden")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/batches/batch_1"), ("PUT", "/v1/batches")])
def test_other_methods_are_a_405(api: Api, method: str, path: str) -> None:
    assert_problem(api.get(path, method=method), 405, "method_not_allowed")


# --- the videos of a batch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_videos_of_a_batch_are_listed_in_pages_in_the_order_of_its_file(api: Api, order: str) -> None:
    batch = with_rows(api, range(1, 151))
    pages = listed_pages(api, batch_id=batch.id, order=order, limit="60")
    found = [video["id"] for page in pages for video in page["data"]]
    numbers = range(1, 151) if order == "asc" else range(150, 0, -1)
    assert found == [row_id(batch.id, number) for number in numbers]


def test_the_videos_of_a_batch_can_be_filtered_and_look_like_others(api: Api) -> None:
    second = failed_row(2, "wan2.5-t2v-preview", custom_id="two")
    batch = with_rows(api, range(1, 4), second)
    query = {"batch_id": batch.id, "status": "failed", "model": "wan2.5-t2v-preview"}
    page = api.get("/v1/videos", query).json
    (found,) = page["data"]
    assert (found["id"], found["custom_id"], found["batch_id"]) == (second.id, "two", batch.id)
    assert (page["first_id"], page["last_id"], page["has_more"]) == (second.id, second.id, False)
    assert api.get("/v1/videos", {**query, "model": "wan2.6-t2v"}).json["data"] == []


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_rows_of_several_models_and_statuses_keep_the_order_of_the_file_on_pages_of_any_size(
    api: Api, order: str
) -> None:
    numbers = range(1, 31)
    failed = [failed_row(at, "wan2.5-t2v-preview" if at % 2 else "wan2.6-t2v") for at in numbers if at % 5 < 3]
    starting = [replace(row, status=Status.STARTING) for row in rows_of(open_batch(), 4, 13, 24)]
    batch = with_rows(api, numbers, *failed, *starting)

    def found(**query: str) -> list[int]:
        pages = listed_pages(api, batch_id=batch.id, order=order, limit="2", **query)
        at = {row_id(batch.id, number): number for number in numbers}
        return [at[video["id"]] for page in pages for video in page["data"]]

    def ordered(*rows: int) -> list[int]:
        return sorted(rows, reverse=order == "desc")

    assert found(status="failed") == ordered(*(row.row for row in failed))
    assert found(status="queued") == ordered(*(at for at in numbers if at % 5 >= 3))
    assert found(model="wan2.6-t2v") == ordered(*(at for at in numbers if at % 5 >= 3 or at % 2 == 0))
    assert found(model="wan2.5-t2v-preview") == ordered(*(row.row for row in failed if row.row % 2))
    assert found(status="queued", model="wan2.5-t2v-preview") == found(model="wan2.2-t2v-plus") == []


@pytest.mark.parametrize(
    ("query", "found", "queries"),
    [
        ({"status": "failed"}, 2, 2),
        ({"status": "failed", "model": "wan2.6-t2v"}, 1, 1),
        ({"model": "wan2.5-t2v-preview"}, 1, len(Status)),
        ({"model": "wan2.2-t2v-plus"}, 0, 0),
    ],
    ids=str,
)
def test_a_page_of_few_matching_rows_costs_the_same_among_ten_and_among_hundreds(
    api: Api, asked: list[str], query: dict[str, str], found: int, queries: int
) -> None:
    for count in (10, 500):
        name = f"batch_{count}"
        opened = open_batch(name, total=count)
        rows = rows_of(opened, *range(1, count + 1))
        rows[-2:] = [replace(row, status=Status.FAILED) for row in rows[-2:]]
        rows[-1] = replace(rows[-1], request=request(model="wan2.5-t2v-preview"))
        api.stack.batches.create(opened.write(NOW, rows))
        put_rows(api.stack.dynamodb, VIDEOS, rows)
        asked.clear()
        page = api.get("/v1/videos", {"batch_id": name, **query}).json
        assert len(page["data"]) == found
        assert asked == ["GetItem", *["Query"] * queries, *["BatchGetItem"] * (found > 0)]


def test_videos_outside_a_batch_are_not_in_its_list(api: Api) -> None:
    batch = with_rows(api, range(1, 2))
    api.stack.videos.accept(queued("video_9"))
    listed = api.stack.dynamodb.Table(VIDEOS).scan(IndexName="by_batch")["Items"]
    assert [item["id"] for item in listed] == [row_id(batch.id, 1)]


def test_a_row_that_changed_in_the_meantime_is_left_out_and_the_page_says_where_to_continue(api: Api) -> None:
    batch = with_rows(api, range(1, 4))
    late = Lists(api.stack.tables, VIDEOS, lambda ids: {video_id: failed_row(1) for video_id in ids})
    page = late.rows_page(batch, VideoQuery(limit=2, descending=False, statuses=(Status.QUEUED,)), None)
    assert page == Page([], has_more=True, last_id=row_id(batch.id, 2))


def test_listing_a_batch_continues_after_deleted_videos(api: Api) -> None:
    rows = [row.ended(NOW, Failure("x", "y", "poll", False)).announced(NOW) for row in rows_of(open_batch(), 1, 2, 3)]
    batch = with_rows(api, range(1, 4), *rows)
    found = []
    for page in listed_pages(api, batch_id=batch.id, status="failed", limit="1", order="asc"):
        for video in page["data"]:
            found.append(video["id"])
            assert api.delete(f"/v1/videos/{video['id']}").status == 200
    assert found == [row.id for row in rows]


def test_a_missing_batch_and_another_owners_have_no_videos(api: Api) -> None:
    with_rows(api, range(1, 3), owner="bob")
    for batch_id in ("batch_1", "batch_2"):
        assert api.get("/v1/videos", {"batch_id": batch_id}).json["data"] == []


def test_a_page_can_continue_only_after_a_video_of_its_batch(api: Api) -> None:
    with_rows(api, range(1, 3))
    answer = api.get("/v1/videos", {"batch_id": "batch_1", "after": "video_1"})
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == "after"
