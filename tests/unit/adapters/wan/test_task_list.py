"""Wan's list of tasks: the window that is requested, and that only a complete list is accepted."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from tools.harness.samples import NOW
from wan_video.adapters.wan import task_list
from wan_video.adapters.wan.task_list import MAX_PAGES, PAGE_SIZE, read_list
from wan_video.domain.task import ListedTask
from wan_video.errors import WanThrottled, WanUnavailable

MODEL = "wan2.6-t2v"


def item(number: int, **stated: Any) -> dict[str, Any]:
    """Return one entry of the list, as Wan's page documents it."""
    common = {"task_id": f"t-{number}", "status": "RUNNING", "model_name": MODEL, "gmt_create": NOW * 1000 + number}
    return {name: value for name, value in {**common, **stated}.items() if value is not None}


ABSENT: Final = object()
"""Marks a field that an answer does not have."""


class Listed:
    """A Wan that serves a list in pages of `size` entries; `answers` replaces the fields of single pages."""

    def __init__(self, items: list[dict[str, Any]], size: int = 10) -> None:
        self.items, self.size = items, size
        self.queries: list[dict[str, str]] = []
        self.pauses: list[float] = []
        self.answers: dict[int, dict[str, Any]] = {}

    def __call__(self, path: str) -> dict[str, Any]:
        query = {name: value for name, (value,) in parse_qs(urlsplit(path).query).items()}
        self.queries.append(query)
        number = int(query["page_no"])
        first = (number - 1) * self.size
        page = {
            "total": len(self.items),
            "data": self.items[first : first + self.size],
            "total_page": -(-len(self.items) // self.size),
        }
        given = {**page, **self.answers.get(number, {})}
        return {name: value for name, value in given.items() if value is not ABSENT}

    def read(self, since: int = NOW - 900, until: int = NOW + 900) -> list[str]:
        return [task.task_id for task in read_list(self, MODEL, since, until, pause=self.pauses.append)]


def test_all_pages_are_read_however_small_wan_makes_them() -> None:
    listed = Listed([item(number) for number in range(35)])
    assert listed.read() == [f"t-{number}" for number in range(35)]
    assert [query["page_no"] for query in listed.queries] == ["1", "2", "3", "4"]
    assert {query["page_size"] for query in listed.queries} == {str(PAGE_SIZE)}
    assert listed.pauses == [0.1] * 3


def test_an_empty_list_is_one_page() -> None:
    listed = Listed([])
    assert (listed.read(), len(listed.queries)) == ([], 1)


def test_the_requested_window_contains_the_time_in_both_time_zones() -> None:
    listed = Listed([])
    listed.read(since=NOW - 900, until=NOW + 900)  # 20:11:40 and 20:41:40 in UTC, 04:11:40 and 04:41:40 in UTC+8
    (query,) = listed.queries
    assert (query["start_time"], query["end_time"]) == ("20260528201140", "20260529044140")
    assert query["model_name"] == MODEL


def test_a_window_is_never_longer_than_a_day() -> None:
    listed = Listed([])
    listed.read(since=NOW, until=NOW + 20 * 3600)
    assert (listed.queries[0]["start_time"], listed.queries[0]["end_time"]) == ("20260528202640", "20260529202640")


def test_a_task_is_listed_with_its_status_and_time() -> None:
    assert list(read_list(Listed([item(1)]), MODEL, NOW, NOW + 1)) == [ListedTask("t-1", "RUNNING", NOW + 0.001)]


@pytest.mark.parametrize("created", [None, "2026", True, 10**400, 10**15, -1])
def test_a_task_without_a_usable_time_may_belong_to_any_window(created: Any) -> None:
    (task,) = read_list(Listed([item(1, gmt_create=created, status=None)]), MODEL, NOW, NOW)
    assert (task.created_at, task.status) == (None, "")


def test_tasks_of_other_times_and_models_are_left_out() -> None:
    items = [item(1), item(2, gmt_create=(NOW - 1) * 1000), item(3, gmt_create=(NOW + 9) * 1000)]
    assert Listed([*items, item(4, model_name="wan2.7-t2v"), item(5, model_name=None)]).read(NOW, NOW + 1) == [
        "t-1",
        "t-5",
    ]


def test_a_task_that_moves_to_the_next_page_during_the_listing_is_counted_once() -> None:
    listed = Listed([item(number) for number in range(15)])
    listed.answers[2] = {"data": [item(number) for number in range(9, 15)]}
    assert len(listed.read()) == 15


def test_a_task_that_moves_to_a_page_already_read_is_noticed_as_missing() -> None:
    listed = Listed([item(number) for number in range(15)])
    listed.answers[2] = {"data": [item(number) for number in range(11, 15)]}
    with pytest.raises(WanUnavailable, match="ListChanged"):
        listed.read()


@pytest.mark.parametrize(
    "answer",
    [
        {"data": ABSENT},
        {"data": None},
        {"data": {}},
        {"total": ABSENT},
        {"total": None},
        {"total": True},
        {"total": -1},
        {"total_page": ABSENT},
        {"total_page": None},
        {"total_page": "1"},
        {"total_page": 1.0},
        {"total_page": True},
        {"total_page": -1},
        {"total": ABSENT, "total_page": ABSENT},
        {"data": [7]},
        {"data": [item(1, task_id=None)]},
        {"data": [item(1, task_id="../t")]},
        {"data": [item(1, task_id=7)]},
    ],
)
def test_a_list_with_missing_fields_is_refused(answer: dict[str, Any]) -> None:
    listed = Listed([item(1)])
    listed.answers[1] = answer
    with pytest.raises(WanUnavailable, match="ListUnclear"):
        listed.read()


@pytest.mark.parametrize("below_output", [False, True], ids=["beside output", "below output"])
@pytest.mark.parametrize("beside", [{}, {"data": None}, {"data": []}], ids=str)
def test_the_tasks_may_be_under_the_name_that_the_sdk_reads(below_output: bool, beside: dict[str, Any]) -> None:
    items = [item(number) for number in range(25)]

    def ask(path: str) -> dict[str, Any]:
        number = int(parse_qs(urlsplit(path).query)["page_no"][0])
        page = {"tasks": items[(number - 1) * 10 : number * 10], "total": 25, "total_page": 3, **beside}
        return {"output": page} if below_output else page

    read = read_list(ask, MODEL, NOW - 900, NOW + 900, pause=lambda _: None)
    assert [task.task_id for task in read] == [f"t-{number}" for number in range(25)]


def test_reading_an_endless_list_is_stopped() -> None:
    listed = Listed([item(number) for number in range(MAX_PAGES * 10 + 1)])
    with pytest.raises(WanUnavailable, match="ListTooLong"):
        listed.read()
    assert len(listed.queries) == MAX_PAGES


def test_reading_a_list_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_list, "LIST_SECONDS", -1.0)
    with pytest.raises(WanUnavailable, match="ListTooLong"):
        Listed([item(number) for number in range(11)]).read()


def test_an_error_while_reading_a_page_reaches_the_caller() -> None:
    def throttled(_: str) -> dict[str, Any]:
        raise WanThrottled("Throttling", "")

    with pytest.raises(WanThrottled):
        read_list(throttled, MODEL, NOW, NOW)
