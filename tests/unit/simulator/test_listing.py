"""The list of tasks: windows, filters and pages."""

from __future__ import annotations

from typing import Any

import pytest

from wan_simulator.errors import RefusalError
from wan_simulator.listing import Listing
from wan_simulator.orders import parse_order
from wan_simulator.tasks import Task
from wan_video.domain.models import Region

NOW = 1_780_000_000.0  # 2026-05-29 04:26:40 in Wan's zone
HOUR = 3600.0


def task(number: int, hours_ago: float, model: str = "wan2.6-t2v") -> Task:
    order = parse_order({"model": model, "input": {"prompt": "a fox"}}, Region.SINGAPORE)
    return Task(f"t-{number}", Region.SINGAPORE, order, 1, NOW - hours_ago * HOUR, request_id=f"r-{number}")


def page(tasks: list[Task]) -> dict[str, Any]:
    return Listing.parse({}, NOW).page(tasks, NOW, lag=0.0)


def ids(tasks: list[Task], query: dict[str, str] | None = None, lag: float = 0.0) -> list[str]:
    return [item["task_id"] for item in Listing.parse(query or {}, NOW).page(tasks, NOW, lag)["data"]]


def test_a_task_is_listed_with_the_documented_fields() -> None:
    one = task(1, hours_ago=1)
    one.scheduled_at, one.ended_at = NOW - HOUR + 10, NOW - HOUR + 60.5

    assert page([one]) == {
        "total": 1,
        "data": [
            {
                "api_key_id": "100000",
                "caller_parent_id": "1000000000000000",
                "caller_uid": "1000000000000000",
                "gmt_create": 1_779_996_400_000,
                "start_time": 1_779_996_410_000,
                "model_name": "wan2.6-t2v",
                "region": "ap-southeast-1",
                "request_id": "r-1",
                "status": "SUCCEEDED",
                "task_id": "t-1",
                "user_api_unique_key": "apikey:v1:aigc:video-generation:video-synthesis:wan2.6-t2v",
                "end_time": 1_779_996_460_500,
            }
        ],
        "total_page": 1,
        "page_no": 1,
        "page_size": 10,
    }


def test_a_task_that_has_not_ended_has_no_end_time() -> None:
    assert "end_time" not in page([task(1, hours_ago=1)])["data"][0]


def test_a_page_has_ten_tasks_by_default_and_the_newest_come_first() -> None:
    tasks = [task(number, hours_ago=number) for number in range(1, 13)]

    assert ids(tasks) == [f"t-{number}" for number in range(1, 11)]
    assert ids(tasks, {"page_no": "2"}) == ["t-11", "t-12"]
    assert ids(tasks, {"page_no": "3", "page_size": "5"}) == ["t-11", "t-12"]
    assert (page(tasks)["total"], page(tasks)["total_page"]) == (12, 2)


def test_without_a_window_the_last_day_is_listed() -> None:
    assert ids([task(1, hours_ago=23.9), task(2, hours_ago=24.1)]) == ["t-1"]


def test_a_window_is_given_in_wans_zone() -> None:
    tasks = [task(number, hours_ago=number) for number in (1, 2, 3, 4)]

    assert ids(tasks, {"start_time": "20260529012000", "end_time": "20260529023000"}) == ["t-2", "t-3"]
    assert ids(tasks, {"start_time": "20260529022000"}) == ["t-1", "t-2"]
    assert ids(tasks, {"end_time": "20260529022000"}) == ["t-3", "t-4"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"task_id": "t-2"}, ["t-2"]),
        ({"model_name": "wan2.7-t2v"}, ["t-2"]),
        ({"status": "RUNNING"}, ["t-1"]),
        ({"status": "PENDING"}, ["t-2"]),
        ({"region": "cn-beijing"}, []),
        ({"api_key_id": "100000"}, ["t-1", "t-2"]),
        ({"model_name": "wan2.7-t2v", "status": "RUNNING"}, []),
    ],
)
def test_filters_are_exact_and_all_must_match(query: dict[str, str], expected: list[str]) -> None:
    running, pending = task(1, hours_ago=1), task(2, hours_ago=2, model="wan2.7-t2v")
    running.scheduled_at = NOW

    assert ids([running, pending], query) == expected


def test_a_new_task_is_listed_after_the_lag() -> None:
    assert ids([task(1, hours_ago=0.5), task(2, hours_ago=1.5)], lag=HOUR) == ["t-2"]


@pytest.mark.parametrize(
    "query",
    [
        {"start_time": "yesterday"},
        {"start_time": "20260528000000", "end_time": "20260529000001"},
        {"start_time": "20260529000000", "end_time": "20260528000000"},
        {"status": "DONE"},
        {"page_no": "0"},
        {"page_size": "101"},
        {"page_size": "ten"},
    ],
)
def test_a_list_call_with_an_invalid_parameter_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(RefusalError) as caught:
        Listing.parse(query, NOW)

    assert caught.value.code == "InvalidParameter"
