"""The bodies of Wan's answers, compared with the published examples of each generation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wan_simulator.answers import task_state
from wan_simulator.orders import parse_order
from wan_simulator.tasks import Failure, Task
from wan_video.domain.models import Region

SUBMITTED, SCHEDULED, ENDED = 1_761_191_243.879, 1_761_191_254.351, 1_761_191_555.323


def task(model: str, failure: Failure | None = None, **parameters: Any) -> Task:
    body = {"model": model, "input": {"prompt": "a fox"}, "parameters": parameters}
    return Task("t-1", Region.SINGAPORE, parse_order(body, Region.SINGAPORE), 1, SUBMITTED, failure)


def ended(model: str, failure: Failure | None = None, **parameters: Any) -> dict[str, Any]:
    one = task(model, failure, **parameters)
    one.scheduled_at, one.ended_at = SCHEDULED, ENDED
    return task_state(one, "https://host/v.mp4", "r-1")


def ended_in_beijing(model: str, **parameters: Any) -> dict[str, Any]:
    body = {"model": model, "input": {"prompt": "a fox"}, "parameters": parameters}
    one = Task("t-1", Region.BEIJING, parse_order(body, Region.BEIJING), 1, SUBMITTED)
    one.scheduled_at, one.ended_at = SCHEDULED, ENDED
    return task_state(one, "https://host/v.mp4", "r-1")


def test_a_pending_task_has_a_submit_time_only() -> None:
    assert task_state(task("wan2.6-t2v"), "", "r-1") == {
        "request_id": "r-1",
        "output": {"task_id": "t-1", "task_status": "PENDING", "submit_time": "2025-10-23 11:47:23.879"},
    }


def test_a_running_task_reports_when_it_was_scheduled() -> None:
    one = task("wan2.6-t2v")
    one.scheduled_at = SCHEDULED

    assert task_state(one, "", "r-1")["output"] == {
        "task_id": "t-1",
        "task_status": "RUNNING",
        "submit_time": "2025-10-23 11:47:23.879",
        "scheduled_time": "2025-10-23 11:47:34.351",
    }


def test_a_succeeded_task_of_wan26_has_no_actual_prompt() -> None:
    assert ended("wan2.6-t2v", size="1280*720", duration=10) == {
        "request_id": "r-1",
        "output": {
            "task_id": "t-1",
            "task_status": "SUCCEEDED",
            "submit_time": "2025-10-23 11:47:23.879",
            "scheduled_time": "2025-10-23 11:47:34.351",
            "end_time": "2025-10-23 11:52:35.323",
            "orig_prompt": "a fox",
            "video_url": "https://host/v.mp4",
        },
        "usage": {
            "duration": 10,
            "size": "1280*720",
            "input_video_duration": 0,
            "output_video_duration": 10,
            "video_count": 1,
            "SR": 720,
        },
    }


def test_up_to_wan25_usage_is_a_length_and_a_size() -> None:
    answer = ended("wan2.5-t2v-preview", size="832*480", duration=10)

    assert answer["usage"] == {"video_count": 1, "video_duration": 10, "video_ratio": "832*480"}


@pytest.mark.parametrize(("extend", "reported"), [(True, True), (False, False)])
def test_up_to_wan25_the_rewritten_prompt_is_reported_if_it_was_rewritten(extend: bool, reported: bool) -> None:
    answer = ended("wan2.2-t2v-plus", size="832*480", prompt_extend=extend)

    assert ("actual_prompt" in answer["output"]) is reported


def test_from_wan27_on_usage_names_the_ratio_and_no_size() -> None:
    assert ended("wan2.7-t2v", resolution="720P", ratio="9:16")["usage"] == {
        "duration": 5,
        "input_video_duration": 0,
        "output_video_duration": 5,
        "video_count": 1,
        "SR": 720,
        "ratio": "9:16",
    }


def test_wan30_reports_decimals_the_tier_the_ratio_and_the_rate_but_no_size() -> None:
    answer = ended_in_beijing("wan3.0-video", resolution="720P", ratio="16:9", duration=5)

    assert answer["usage"] == {
        "duration": 5.0,
        "input_video_duration": 0.0,
        "output_video_duration": 5.0,
        "video_count": 1,
        "SR": 720,
        "ratio": "16:9",
        "fps": 30,
    }
    assert '"duration": 5.0' in json.dumps(answer)
    assert "actual_prompt" not in answer["output"]


def test_older_models_report_whole_seconds_as_integers() -> None:
    assert '"duration": 5,' in json.dumps(ended("wan2.7-t2v"))


def test_a_failed_task_reports_its_code_and_is_not_charged() -> None:
    answer = ended("wan2.6-t2v", Failure.of("DataInspectionFailed"))

    assert answer["output"]["code"] == "DataInspectionFailed"
    assert answer["output"]["message"] == "Input data may contain inappropriate content."
    assert "usage" not in answer
    assert "video_url" not in answer["output"]
