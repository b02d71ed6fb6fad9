"""The DynamoDB calls of a request: no route makes more than it needs."""

from __future__ import annotations

from tests.integration.api.client import Api
from tests.rows import put_rows
from tools.harness.samples import NOW, made, queued, stored
from tools.harness.stack import VIDEOS


def test_a_video_is_accepted_by_one_transaction_and_two_reads_for_the_answer(api: Api, asked: list[str]) -> None:
    assert api.post({"prompt": "a fox"}).status == 202
    assert asked == ["TransactWriteItems", "Query", "BatchGetItem"]


def test_a_waiting_video_is_read_by_its_row_its_position_and_its_budgets(api: Api, asked: list[str]) -> None:
    put_rows(api.stack.dynamodb, VIDEOS, [queued("video_1")])
    assert api.get("/v1/videos/video_1").status == 200
    assert asked == ["GetItem", "Query", "BatchGetItem"]


def test_a_video_that_no_longer_waits_is_read_only_by_its_row(api: Api, asked: list[str]) -> None:
    put_rows(api.stack.dynamodb, VIDEOS, [made("video_1").completed(NOW, stored("video_1"))])
    assert api.get("/v1/videos/video_1").status == 200
    assert asked == ["GetItem"]
