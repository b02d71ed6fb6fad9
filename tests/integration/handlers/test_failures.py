"""Failures between the request and the notice, and how they are reported."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.integration.handlers.project import Project
from tools.harness.images import BLUE, RED, image_bytes
from tools.harness.lambdas import end_process, event, invoke
from tools.harness.stack import BUCKET
from wan_simulator.faults import Fault
from wan_video.errors import DeliveryInterrupted, WanThrottled, WanUnavailable


def test_a_moderated_prompt_is_refused_once_and_costs_nothing(project: Project) -> None:
    video_id = project.started("[simulate:DataInspectionFailed]")
    assert project.submit(video_id) == {"outcome": "refused"}
    assert project.submit(video_id) == {"outcome": "refused"}
    assert project.report_failure(video_id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert (notice["type"], notice["data"]["error"]["code"]) == ("video.failed", "DataInspectionFailed")
    assert (project.billed, project.row(video_id).spent_seconds) == (0, 0)


def test_a_task_that_fails_is_reported_with_its_code(project: Project) -> None:
    video_id, task_id = project.finished("[simulate:task:InternalError.Algo]")
    assert project.poll(video_id, task_id) == {"outcome": "failed", "task_status": "FAILED"}
    assert project.report_failure(video_id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert (notice["data"]["error"]["code"], notice["data"]["error"]["retryable"]) == ("InternalError.Algo", True)


def test_a_throttled_submission_raises_a_named_error_and_succeeds_later(project: Project) -> None:
    video_id = project.started("a fox")
    project.simulator.faults.add(Fault("create", "refuse", code="Throttling.RateQuota"))
    with pytest.raises(WanThrottled):
        project.submit(video_id)
    assert project.submit(video_id)["outcome"] == "submitted"


@pytest.mark.parametrize("after", [True, False])
def test_a_lost_answer_is_shown_and_the_post_is_sent_once(project: Project, after: bool) -> None:
    video_id = project.started(f"a fox {after}")
    posts = len(project.simulator.ledger("received"))
    project.simulator.faults.add(Fault("create", "reset", after=after))
    assert [project.submit(video_id) for _ in range(3)] == [{"outcome": "uncertain"}] * 3
    assert len(project.simulator.ledger("received")) == posts + 1
    assert json.loads(project.get(video_id)["body"])["condition"]["code"] == "submission_uncertain"


def test_text_that_cannot_be_stored_does_not_lose_a_video_or_a_notice(project: Project) -> None:
    for route in ("create", "query"):
        project.simulator.faults.add(Fault(route, "halves", times=9))
    video_id, task_id = project.finished("a fox in halves")
    assert project.poll(video_id, task_id) == {"outcome": "succeeded", "task_status": "SUCCEEDED"}
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}
    (notice,) = project.notices()
    assert (notice["type"], notice["data"]["id"]) == ("video.completed", video_id)
    task = project.row(video_id).task
    assert task is not None
    assert str(task.end_time).endswith("\ufffd")
    sidecar = project.stack.s3.get_object(Bucket=BUCKET, Key=f"videos/{video_id}/metadata.json")["Body"].read()
    assert json.loads(sidecar)["status"] == "completed"


def test_the_end_of_a_task_whose_message_cannot_be_stored_is_reported(project: Project) -> None:
    video_id, task_id = project.finished("[simulate:task:InternalError.Algo] in halves")
    project.simulator.faults.add(Fault("query", "halves"))
    assert project.poll(video_id, task_id)["outcome"] == "failed"
    assert project.report_failure(video_id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert notice["data"]["error"]["message"].endswith("\ufffd")
    assert json.loads(project.get(video_id)["body"])["error"]["message"].endswith("\ufffd")


def test_a_task_with_a_damaged_prompt_may_match_and_is_found_once_it_is_readable(project: Project) -> None:
    video_id = project.started("a fox whose answer is lost in halves")
    project.simulator.faults.add(Fault("create", "reset", after=True))
    project.submit(video_id)
    task_id = str(project.simulator.ledger("accepted")[-1]["task_id"])
    project.simulator.finish(task_id)
    for route in ("list", "query"):
        project.simulator.faults.add(Fault(route, "halves", times=40))
    project.at(700)
    assert project.submit(video_id) == {"outcome": "uncertain"}
    submission = project.row(video_id).submission
    assert submission is not None
    assert (submission.scanned_at is not None, submission.empty_scans) == (True, 0)
    project.simulator.faults.clear()
    project.at(60)
    assert project.submit(video_id) == {"outcome": "submitted", "task_id": task_id}


def test_a_running_task_survives_a_change_of_the_endpoint(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    video_id, task_id = project.finished("a fox on the old host")
    monkeypatch.setenv("WAN_ENDPOINTS", "singapore=http://127.0.0.1:1/api/v1")
    end_process()
    assert project.poll(video_id, task_id)["outcome"] == "succeeded"
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}


def test_the_task_of_a_lost_answer_is_found_in_the_list_and_delivered(project: Project) -> None:
    video_id = project.started("a fox whose answer is lost")
    project.simulator.faults.add(Fault("create", "reset", after=True))
    project.submit(video_id)
    task_id = str(project.simulator.ledger("accepted")[-1]["task_id"])
    project.simulator.finish(task_id)
    project.at(60)
    assert project.submit(video_id) == {"outcome": "submitted", "task_id": task_id}
    assert project.poll(video_id, task_id)["outcome"] == "succeeded"
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}


def started_with_image(project: Project, content: bytes) -> str:
    """Request a video of an image and no text, start its execution, and return its id."""
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    video_id = project.post("", model="wan2.7-i2v", resolution="720P", input_reference=url)
    invoke("dispatch", event("schedule"))
    return video_id


def test_the_task_of_a_lost_answer_to_an_image_is_found_after_twice_the_grace_period(project: Project) -> None:
    video_id = started_with_image(project, image_bytes("PNG"))
    project.simulator.faults.add(Fault("create", "reset", after=True))
    assert project.submit(video_id) == {"outcome": "uncertain"}
    (task_id,) = (entry["task_id"] for entry in project.simulator.ledger("accepted")[-1:])
    project.simulator.finish(task_id)
    project.at(700)
    assert project.submit(video_id) == {"outcome": "uncertain"}
    project.at(700)
    assert project.submit(video_id) == {"outcome": "submitted", "task_id": task_id}
    assert project.billed == 1


def test_of_two_lost_answers_to_images_neither_is_taken_and_both_name_the_task(project: Project) -> None:
    videos = [started_with_image(project, image_bytes("PNG", colour=colour)) for colour in (RED, BLUE)]
    for video_id, after in zip(videos, (True, False), strict=True):
        project.simulator.faults.add(Fault("create", "reset", after=after))
        assert project.submit(video_id) == {"outcome": "uncertain"}
    (task_id,) = (entry["task_id"] for entry in project.simulator.ledger("accepted")[-1:])
    project.simulator.finish(task_id)
    for _ in range(3):
        project.at(700)
        assert [project.submit(video_id) for video_id in videos] == [{"outcome": "uncertain"}] * 2
    for video_id in videos:
        shown = json.loads(project.get(video_id)["body"])["condition"]
        assert (shown["code"], task_id in shown["message"]) == ("submission_uncertain", True)
        assert project.row(video_id).candidates == {task_id}
    project.at(25 * 3600)
    for video_id in videos:
        assert project.submit(video_id) == {"outcome": "refused"}
        project.report_failure(video_id)
        error = json.loads(project.get(video_id)["body"])["error"]
        assert (error["code"], task_id in error["message"]) == ("submission_uncertain", True)
    assert project.billed == 1


def test_a_submission_that_wan_never_accepted_raises_the_alarm_and_is_held(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    video_id = project.started("a fox that never arrived")
    project.simulator.faults.add(Fault("create", "reset"))
    project.submit(video_id)
    for seconds in (600, 60):
        assert '"SubmissionUncertain"' not in capsys.readouterr().out
        project.at(seconds)
        assert project.submit(video_id) == {"outcome": "uncertain"}
    assert '"SubmissionUncertain":[1.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_submission_that_wan_never_accepted_is_sent_again_in_resend_mode(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ON_AMBIGUOUS_SUBMIT", "resend")
    video_id = project.started("a fox that is sent twice")
    project.simulator.faults.add(Fault("create", "reset"))
    posts = len(project.simulator.ledger("received"))
    outcomes = [project.submit(video_id)["outcome"]]
    for seconds in (600, 60, 60):
        project.at(seconds)
        outcomes.append(project.submit(video_id)["outcome"])
    assert outcomes == ["uncertain", "uncertain", "absent", "submitted"]
    assert len(project.simulator.ledger("received")) == posts + 2


def test_a_rotated_key_is_read_again_and_a_wrong_one_is_reported_with_its_region(project: Project) -> None:
    first, second = project.started("a fox"), project.started("a cat")
    assert project.submit(first)["outcome"] == "submitted"
    project.stack.write_keys(singapore="sk-of-another-region")
    end_process()
    assert project.submit(second) == {"outcome": "refused"}
    error = project.row(second).error
    assert error is not None
    assert (error.code, "singapore" in error.message) == ("InvalidApiKey", True)
    third = project.started("a dog")
    project.stack.write_keys(singapore=project.simulator.key())
    assert project.submit(third)["outcome"] == "submitted"
    submission = project.row(third).submission
    assert submission is not None
    assert submission.attempt == 2


def test_a_missing_key_is_refused_before_anything_is_sent(project: Project) -> None:
    project.stack.write_keys()
    video_id = project.started("a fox")
    posts = len(project.simulator.ledger("received"))
    assert project.submit(video_id) == {"outcome": "refused"}
    assert project.report_failure(video_id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert notice["data"]["error"]["code"] == "KeyMissing"
    assert len(project.simulator.ledger("received")) == posts


def test_a_poll_without_an_answer_raises_a_named_error_or_continues(project: Project) -> None:
    video_id, task_id = project.finished("a fox")
    project.simulator.faults.add(Fault("query", "reset"))
    with pytest.raises(WanUnavailable):
        project.poll(video_id, task_id)
    assert project.poll(video_id, task_id)["outcome"] == "succeeded"


@pytest.mark.parametrize(
    "fault",
    [{"kind": "reset", "times": 8}, {"kind": "flip"}, {"kind": "xml"}, {"kind": "redirect"}],
    ids=lambda f: str(f["kind"]),
)
def test_an_interrupted_delivery_stores_nothing_and_succeeds_later(project: Project, fault: dict[str, Any]) -> None:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.simulator.faults.add(Fault("result", **fault))
    with pytest.raises(DeliveryInterrupted):
        project.deliver(video_id, task_id)
    project.simulator.faults.clear()
    assert "Contents" not in project.stack.s3.list_objects_v2(Bucket=BUCKET)
    assert project.notices() == []
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}
    assert len(project.notices()) == 1


def test_a_link_to_another_host_is_not_followed(project: Project) -> None:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.simulator.faults.add(Fault("query", "foreign_host"))
    with pytest.raises(DeliveryInterrupted, match="host_refused"):
        project.deliver(video_id, task_id)
    assert project.row(video_id).trouble is not None
    assert project.deliver(video_id, task_id) == {"outcome": "completed"}
