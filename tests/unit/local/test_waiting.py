"""What a run prints while it waits, and when it is stopped."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from wan_video_local.money import money, pace
from wan_video_local.screen import Screen
from wan_video_local.waiting import QUIET_SECONDS, PaidTaskLeft, Waiting

SINGAPORE = "https://dashscope-intl.aliyuncs.com/api/v1"


class Clock:
    """A clock that stops until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def video(status: str, task: str | None = None, condition: dict[str, str] | None = None) -> dict[str, Any]:
    upstream = {"task_id": task, "status": "RUNNING"} if task else None
    return {"id": "video_1", "status": status, "progress": 7, "upstream": upstream, "condition": condition}


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


def waiting(said: io.StringIO, clock: Clock, base_url: str = "") -> Waiting:
    return Waiting(Screen(Console(file=said, width=200)), base_url, clock)


def test_a_long_wait_is_not_silent(said: io.StringIO) -> None:
    clock = Clock()
    shown = waiting(said, clock)
    for clock.now in (0, 1, QUIET_SECONDS, QUIET_SECONDS + 1):
        shown.seen(video("in_progress", "task-1"))
    assert said.getvalue().count("still in_progress, 7 %") == 1


def test_a_real_service_that_accepts_nothing_is_named(said: io.StringIO) -> None:
    clock = Clock()
    shown = waiting(said, clock, SINGAPORE)
    for clock.now in (0, QUIET_SECONDS):
        shown.seen(video("queued"))
    assert "Wan has not accepted it yet; dashscope-intl.aliyuncs.com is tried again" in said.getvalue()


def test_a_problem_is_shown_once(said: io.StringIO) -> None:
    shown = waiting(said, Clock())
    for _ in range(3):
        shown.seen(video("in_progress", "task-1", {"code": "wan_unavailable", "message": "Wan does not answer."}))
    assert said.getvalue().count("Wan does not answer.") == 1


def test_a_stopped_run_says_that_its_paid_task_continues_and_how_to_fetch_the_result(said: io.StringIO) -> None:
    shown = waiting(said, Clock(), SINGAPORE)
    shown.seen(video("in_progress", "task-1"))
    stopped = shown.stopped("video_1")
    assert isinstance(stopped, PaidTaskLeft)
    assert "Task task-1 of video_1 continues at Wan and is billed" in str(stopped)
    assert "https://dashscope-intl.aliyuncs.com/api/v1/tasks/task-1" in str(stopped)
    assert "$DASHSCOPE_API_KEY" in str(stopped)


def test_a_run_that_is_stopped_before_wan_accepts_it_says_where_to_look(said: io.StringIO) -> None:
    shown = waiting(said, Clock(), "https://dashscope.aliyuncs.com/api/v1")
    shown.seen(video("queued"))
    assert "https://dashscope.aliyuncs.com/api/v1/tasks" in str(shown.stopped("video_1"))


def test_a_simulated_run_that_is_stopped_says_nothing(said: io.StringIO) -> None:
    assert waiting(said, Clock()).stopped("video_1").args == ()


def test_prices_are_rounded_and_shown_in_dollars_too() -> None:
    assert money("3.669620", "CNY") == "3.67 CNY (about 0.50 USD)"
    assert money("0.5", "USD") == "0.50 USD"


def test_the_speed_of_the_clock_is_shown() -> None:
    assert pace(20) == "20 times real time (SPEED=1 is real time)"
    assert pace(1) == "real time"
