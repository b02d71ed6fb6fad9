"""Trouble on the way to a video that still ends well: what the API shows meanwhile, and the result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import LASTING, Local
from tests.e2e.gate import Gate
from tests.e2e.steps import FINAL_SECONDS, assert_stored_once, await_that, failures, request
from wan_video_local.client import Video


def await_condition(local: Local, video_id: str, code: str) -> Video:
    """Wait until the API shows this condition of a video, which must change nothing else, and return the video."""
    video = local.client.await_that(lambda video: video["condition"] is not None, video_id, within=FINAL_SECONDS)
    assert (video["status"], video["condition"]["code"], video["error"]) == ("in_progress", code, None)
    assert local.notices.about(video_id) == []
    return video


def assert_it_ends_well(local: Local, video_id: str, prompt: str, folder: Path) -> None:
    """Check that a video is completed without a trace of the trouble: one object, one billed task, one notice."""
    video = local.client.await_final(video_id, within=FINAL_SECONDS)
    assert_stored_once(local, video, prompt, folder)
    assert video["condition"] is None


def test_polls_that_fail_in_many_ways_for_minutes_are_shown_and_cost_nothing(local: Local, tmp_path: Path) -> None:
    prompt = "a fox asks everybody for the way"
    local.simulator.add_fault("query", "status", status=502, times=2)
    local.simulator.add_fault("query", "refuse", code="Throttling.RateQuota", times=2)
    local.simulator.add_fault("query", "reset", times=2)
    local.simulator.add_fault("query", "garbage", times=LASTING)
    video_id = local.client.create(request(prompt))["id"]
    await_condition(local, video_id, "wan_unavailable")
    local.simulator.clear_faults()
    assert_it_ends_well(local, video_id, prompt, tmp_path)
    assert set(failures(local, video_id)) == {"WanUnavailable", "WanThrottled"}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "condition"), [("unknown", "task_unknown"), ("no_link", "result_missing")])
def test_polls_that_say_nothing_for_minutes_are_shown_and_cost_nothing(
    local: Local, tmp_path: Path, kind: str, condition: str
) -> None:
    prompt = f"a fox is told nothing: {kind}"
    local.simulator.add_fault("query", kind, times=LASTING)
    video_id = local.client.create(request(prompt))["id"]
    await_condition(local, video_id, condition)
    local.simulator.clear_faults()
    assert_it_ends_well(local, video_id, prompt, tmp_path)
    assert failures(local, video_id) == []


@pytest.fixture
def gate(local: Local) -> Iterator[Gate]:
    """Yield a gate in front of Wan's region Beijing."""
    with Gate(local.stack.simulator_url) as gate:
        words = ["submit", "poll", "deliver"]
        before = local.variable("poll", "WAN_ENDPOINTS")
        way = before.replace(f"{local.stack.simulator_url}/beijing", f"{gate.url}/beijing")
        assert way != before
        local.set_variable(words, "WAN_ENDPOINTS", way)
        yield gate
        local.set_variable(words, "WAN_ENDPOINTS", before)


@pytest.mark.slow
def test_wan_gone_for_more_than_four_polls_is_shown_and_the_video_is_completed_when_it_is_back(
    local: Local, gate: Gate, tmp_path: Path
) -> None:
    prompt = "a fox waits for the ferry to come back"
    video_id = local.client.create({**request(prompt), "region": "beijing"})["id"]
    local.client.await_that(lambda video: video["upstream"] is not None, video_id, within=FINAL_SECONDS)
    gate.shut()
    await_condition(local, video_id, "wan_unavailable")
    await_that(lambda: failures(local, video_id).count("WanUnreachable") >= 4 or None, "the fourth poll that fails")
    gate.open()
    assert_it_ends_well(local, video_id, prompt, tmp_path)


def test_a_link_that_expired_is_asked_for_again(local: Local, tmp_path: Path) -> None:
    prompt = "a fox comes with yesterday's ticket"
    local.simulator.add_fault("result", "status", status=403, times=LASTING)
    video_id = local.client.create(request(prompt))["id"]
    await_condition(local, video_id, "delivery_delayed")
    local.simulator.clear_faults()
    assert_it_ends_well(local, video_id, prompt, tmp_path)
    assert set(failures(local, video_id)) == {"DeliveryInterrupted"}


@pytest.mark.slow
def test_a_video_on_a_foreign_host_waits_until_the_rule_is_right(local: Local, tmp_path: Path) -> None:
    prompt = "a fox stands before a strange door"
    right = local.variable("deliver", "RESULT_HOSTS")
    local.set_variable(["deliver"], "RESULT_HOSTS", "dashscope-result-*.oss-cn-*.aliyuncs.com")
    try:
        video_id = local.client.create(request(prompt))["id"]
        await_condition(local, video_id, "delivery_delayed")
    finally:
        local.set_variable(["deliver"], "RESULT_HOSTS", right)
    assert_it_ends_well(local, video_id, prompt, tmp_path)
