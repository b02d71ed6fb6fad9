"""Answers that Lambda can return, in UTF-8, and ids that fit into keys: none of these limits ends in a 500."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import moto.dynamodb.models.table
import pytest

from tests.integration.api.client import Api, assert_problem, listed_pages
from tests.rows import put_rows
from tools.harness.lambdas import event, invoke
from tools.harness.samples import NOW, open_batch, queued, request
from tools.harness.stack import LEDGER, VIDEOS
from wan_video.domain.prompt_file import row_id
from wan_video.domain.queue import BATCH, queue_key
from wan_video.domain.task import Task
from wan_video.errors import MAX_PROBLEMS
from wan_video.wire.answers import MAX_ANSWER_BYTES

TOO_LONG = [129, 2043, 2049, 5000]


def payloads(api: Api, query: dict[str, str]) -> tuple[bytes, bytes]:
    """Return an answer as the runtimes of Python 3.11 and of 3.13 send it to Lambda."""
    given = event("api_get") | {
        "path": "/v1/videos",
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()},
    }
    answer = invoke("api", given)
    return json.dumps(answer).encode(), json.dumps(answer, ensure_ascii=False).encode()


@pytest.mark.parametrize(("text", "of"), [("狐", "owner"), ("\u0001", "batch")], ids=["fox-owner", "control-batch"])
def test_a_page_ends_below_the_limit_of_lambda_and_the_next_one_continues(
    api: Api, monkeypatch: pytest.MonkeyPatch, text: str, of: str
) -> None:
    # moto counts whole rows towards the 1 MB of a query; DynamoDB counts the keys in the index.
    monkeypatch.setattr(moto.dynamodb.models.table, "RESULT_SIZE_LIMIT", 10 * MAX_ANSWER_BYTES)
    longest = request(
        model="wan2.7-t2v",
        prompt=text * 5000,
        negative_prompt=text * 500,
        metadata={f"{text * 60}{at:02d}": text * 512 for at in range(16)},
    )
    task = Task(id="task", accepted_at=NOW, actual_prompt=text * 5000)
    videos = [
        queued(
            row_id("batch_1", at),
            at=NOW + at,
            request=longest,
            task=task,
            batch_id="batch_1" if of == "batch" else None,
            queue_key=queue_key(BATCH, NOW, "batch_1", at),
        )
        for at in range(1, 101)
    ]
    put_rows(api.stack.dynamodb, VIDEOS, videos)
    query = {"limit": "100", "order": "asc", "status": "queued"}
    if of == "batch":
        batch = open_batch("batch_1", total=100)
        api.stack.batches.create(replace(batch, last_row=100, written=100, models=frozenset({"wan2.7-t2v"})))
        query["batch_id"] = "batch_1"
    for payload in payloads(api, query):
        assert len(payload) <= MAX_ANSWER_BYTES

    pages = list(listed_pages(api, **query))
    assert len(pages) > 1
    assert [video["id"] for page in pages for video in page["data"]] == [video.id for video in videos]
    assert all(page["data"] and page["last_id"] == page["data"][-1]["id"] for page in pages)


def test_text_is_answered_as_utf_8(api: Api) -> None:
    answer = api.post({"prompt": "狐狸読む🦊\u2028"})
    assert answer.status == 202
    assert "狐狸読む🦊" in answer.text
    assert "狐狸" in api.get("/v1/videos").text


def test_half_of_a_surrogate_pair_is_answered_escaped(api: Api) -> None:
    answer = api.get("/v1/\ud800")
    assert_problem(answer, 404, "not_found")
    assert answer.text.encode()


@pytest.mark.parametrize("count", [MAX_PROBLEMS, MAX_PROBLEMS + 1, 5000])
def test_a_limited_number_of_problems_is_reported_and_the_others_are_counted(api: Api, count: int) -> None:
    answer = api.post({"prompt": "a", **{f"k{at}": 0 for at in range(count)}})
    assert_problem(answer, 400, "invalid_request")
    errors = answer.json["errors"]
    assert len(errors) == MAX_PROBLEMS
    if count > MAX_PROBLEMS:
        assert errors[-1] == {"pointer": "", "detail": f"There are {count - MAX_PROBLEMS + 1} more problems."}
    assert len(answer.text) < 30_000


@pytest.mark.parametrize("field", ["model", "region", "size", "resolution", "aspect_ratio", "shot_type", "k"])
def test_quotations_of_a_request_have_a_bounded_length(api: Api, field: str) -> None:
    value = "x" * 60_000
    body = {"prompt": "a", value: 1} if field == "k" else {"prompt": "a", field: value}
    answer = api.post(body)
    assert_problem(answer, 400, "invalid_request")
    assert len(answer.json["detail"]) < 2000


def test_a_number_with_many_digits_is_described_in_our_own_words(api: Api) -> None:
    answer = api.post('{"prompt": "a", "seed": ' + "9" * 5000 + "}")
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["detail"] == "The body contains a number with 5000 digits; the limit is 400."


@pytest.mark.parametrize("length", TOO_LONG)
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/videos?batch_id={}", 400),
        ("GET", "/v1/videos?batch_id={}&status=failed", 400),
        ("GET", "/v1/videos?model={}", 400),
        ("GET", "/v1/videos?model={}&status=failed", 400),
        ("GET", "/v1/videos?after={}", 400),
        ("GET", "/v1/batches?after={}", 400),
        ("GET", "/v1/videos/{}", 404),
        ("DELETE", "/v1/videos/{}", 404),
        ("GET", "/v1/videos/{}/content", 404),
        ("GET", "/v1/videos/{}/file", 404),
        ("POST", "/v1/videos/{}/cancel", 404),
        ("GET", "/v1/batches/{}", 404),
        ("POST", "/v1/batches/{}/cancel", 404),
        ("POST", "/v1/batches/{}/retry", 404),
    ],
)
def test_an_id_that_does_not_fit_into_a_key_is_never_looked_up(
    api: Api, asked: list[str], length: int, method: str, path: str, status: int
) -> None:
    place, _, query = path.format("x" * length).partition("?")
    parameters = dict(part.split("=") for part in query.split("&")) if query else None
    answer = api.get(place, parameters, method=method)
    assert answer.status == status
    assert asked == []


@pytest.mark.parametrize("text", ["", "a b", "狐", "a#b", "\ud800", "a\n"])
@pytest.mark.parametrize("name", ["batch_id", "model"])
def test_an_invalid_id_is_a_400(api: Api, name: str, text: str, asked: list[str]) -> None:
    answer = api.get("/v1/videos", {name: text})
    assert_problem(answer, 400, "invalid_request")
    assert (answer.json["error"]["param"], asked) == (name, [])


def test_an_unknown_batch_or_model_has_no_videos(api: Api) -> None:
    for name in ("batch_id", "model"):
        assert api.get("/v1/videos", {name: "batch_none"}).json["data"] == []


@pytest.mark.parametrize("length", TOO_LONG)
@pytest.mark.parametrize("path", ["/files/{}/x", "/api/v1/tasks/{}", "/api/v1/tasks?model_name={}"])
def test_the_routes_without_a_description_do_not_look_such_an_id_up_either(
    api: Api, asked: list[str], length: int, path: str
) -> None:
    place, _, query = path.format("x" * length).partition("?")
    given: dict[str, Any] = event("api_get") | {"path": place}
    if query:
        name, _, value = query.partition("=")
        given |= {"queryStringParameters": {name: value}, "multiValueQueryStringParameters": {name: [value]}}
    token: dict[str, Any] = {
        "pk": "tokens",
        "sk": hashlib.sha256(b"secret").hexdigest(),
        "owner": "alice",
        "scopes": {"read"},
    }
    api.stack.dynamodb.Table(LEDGER).put_item(Item=token)
    given["headers"]["Authorization"] = "Bearer secret"
    answer = invoke("api", given)
    assert answer["statusCode"] < 500
    assert asked == ([] if path.startswith("/files") else ["GetItem"])  # that of the token


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [("/v1/usage", "month", "２０２６-11"), ("/v1/usage", "month", "2026-1１"), ("/v1/videos", "limit", "１０")],
)
def test_numbers_have_the_digits_of_ascii(api: Api, path: str, name: str, value: str) -> None:
    answer = api.get(path, {name: value})
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == name


@pytest.mark.parametrize("price", ["５", "٥.٠", "5元"])
def test_a_price_has_the_digits_of_ascii(api: Api, price: str) -> None:
    answer = api.post({"prompt": "a fox", "max_price": price})
    assert_problem(answer, 400, "invalid_request")
    assert answer.json["error"]["param"] == "max_price"


@pytest.mark.parametrize("prompt", ["\x01", "\x1b\x1f", "\ufe0f", "\U000e0100"])
def test_an_invisible_prompt_is_a_400(api: Api, prompt: str) -> None:
    assert_problem(api.post({"prompt": prompt}), 400, "invalid_request")


def test_the_description_has_a_licence_and_a_successful_answer_for_every_operation(api: Api) -> None:
    document = api.description.document
    assert document["info"]["license"] == {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    for methods in document["paths"].values():
        for operation in methods.values():
            good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            assert good
            assert all(answer["description"] for answer in good)
