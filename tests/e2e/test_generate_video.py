"""One prompt through the deployed stack: what comes out, what is billed and what is announced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Local
from tests.e2e.steps import (
    FINAL_SECONDS,
    MODEL,
    NOTICE_SECONDS,
    assert_stored_once,
    await_success,
    executions_of,
    failures,
    make,
    objects,
    request,
)
from tools import bill
from wan_video_local.client import RequestRefusedError


def test_a_prompt_becomes_one_stored_and_announced_video(local: Local, tmp_path: Path) -> None:
    prompt = "a fox in a trench coat reads a case file, and nobody else's"
    video = make(local, prompt)
    assert_stored_once(local, video, prompt, tmp_path)
    event = local.notices.about(video["id"])[0]
    assert event["data"]["s3"]["bytes"] == (tmp_path / "video.mp4").stat().st_size
    await_success(local, video["id"])


def test_a_video_takes_six_transitions_and_three_for_each_look_at_its_task(local: Local) -> None:
    video_id = make(local, "a fox counts its steps")["id"]
    await_success(local, video_id)
    (execution,) = executions_of(local, video_id)
    details = [event["stateEnteredEventDetails"] for event in execution.events if "stateEnteredEventDetails" in event]
    entered = [detail["name"] for detail in details]
    counted = bill.read()["counts"]["transitions"]
    assert len(entered) == counted["a video"] + counted["each poll"] * entered.count("Poll")


@pytest.mark.parametrize("trigger", ["[simulate:DataInspectionFailed]", "[simulate:task:DataInspectionFailed]"])
def test_a_moderated_prompt_ends_in_exactly_one_notice_and_an_execution_that_succeeded(
    local: Local, trigger: str
) -> None:
    video = make(local, f"{trigger} something nobody should see")
    assert video["status"] == "failed"
    assert video["error"]["code"] == "DataInspectionFailed"
    event = local.notices.await_about(video["id"], within=NOTICE_SECONDS)
    assert (event["type"], event["data"]["error"]["code"]) == ("video.failed", "DataInspectionFailed")
    assert len(local.notices.about(video["id"])) == 1
    await_success(local, video["id"])
    assert objects(local, video["id"]) == []


def test_a_throttled_submission_is_retried_by_the_name_of_its_error(local: Local, tmp_path: Path) -> None:
    prompt = "a queue of foxes at a counter"
    local.simulator.add_fault("create", "refuse", code="Throttling.RateQuota")
    video = make(local, prompt)
    assert failures(local, video["id"]) == ["WanThrottled"]
    assert_stored_once(local, video, prompt, tmp_path)


def test_a_worker_killed_in_mid_delivery_still_ends_in_one_object_and_one_notice(local: Local, tmp_path: Path) -> None:
    prompt = "a fox loses a parcel and finds it again"
    with local.hanging("result") as await_call:
        video_id = local.client.create(request(prompt))["id"]
        await_call()
        local.kill_worker("deliver")
    video = local.client.await_final(video_id, within=FINAL_SECONDS)
    assert failures(local, video_id) == ["Runtime.ExitError"]
    assert_stored_once(local, video, prompt, tmp_path)


def test_a_worker_killed_in_mid_submission_has_its_task_found_and_sends_no_second(local: Local, tmp_path: Path) -> None:
    prompt = "a fox posts a letter and forgets whether it did"
    with local.hanging("create") as await_call:
        video_id = local.client.create(request(prompt))["id"]
        await_call()
        local.kill_worker("submit")
    video = local.client.await_final(video_id, within=FINAL_SECONDS)
    assert failures(local, video_id) == ["Runtime.ExitError"]
    assert_stored_once(local, video, prompt, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"model": "wan9.9-t2v"}, MODEL),
        ({"size": "4096x4096"}, "832x480"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 5000}, "1500"),
        ({"watermark": "yes"}, "boolean"),
    ],
)
def test_a_request_that_cannot_be_is_refused_with_what_would_be_right(
    local: Local, wrong: dict[str, Any], hint: str
) -> None:
    received = len(local.simulator.entries("received"))
    with pytest.raises(RequestRefusedError) as refused:
        local.client.create({**request("a fox"), **wrong})
    assert refused.value.status == 400
    assert hint in refused.value.detail
    assert len(local.simulator.entries("received")) == received
