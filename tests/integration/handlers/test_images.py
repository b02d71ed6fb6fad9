"""A request with an image passes through the functions, and its image goes to Wan and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

import pytest

from tests.integration import raw_server
from tests.integration.handlers.project import Project
from tools.harness.images import image_bytes
from tools.harness.lambdas import end_process, event, invoke
from tools.harness.samples import ALICE, fields
from tools.harness.stack import INPUTS, PROMPTS
from wan_video.bootstrap import api_services
from wan_video.domain.image import Image
from wan_video.domain.video import Video

MODEL: Final = "wan2.7-i2v"
FOX: Final = image_bytes()


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def post(project: Project, **more: Any) -> Video:
    given = event("api_post")
    given["body"] = json.dumps({"model": MODEL, "seconds": 2, "resolution": "720P", **more})
    answer = invoke("api", given)
    assert answer["statusCode"] == 202, answer["body"]
    invoke("dispatch", event("schedule"))
    return project.row(json.loads(answer["body"])["id"])


def received(project: Project) -> int:
    return len(project.simulator.ledger("received"))


def test_an_image_without_a_prompt_becomes_a_video_and_is_stored_nowhere_else(project: Project) -> None:
    video = post(project, input_reference=data_url(FOX))
    task_id = str(project.submit(video.id)["task_id"])
    project.simulator.finish(task_id)
    assert project.poll(video.id, task_id)["outcome"] == "succeeded"
    assert project.deliver(video.id, task_id) == {"outcome": "completed"}
    stored = project.everything_stored()
    assert base64.b64encode(FOX).decode()[:40] not in stored
    assert "X-Amz-Signature" not in stored


def test_a_deleted_image_ends_its_video_before_anything_is_sent(project: Project) -> None:
    before = received(project)
    video = post(project, input_reference=data_url(FOX))
    (image,) = video.request.images
    project.stack.s3.delete_object(Bucket=INPUTS, Key=image.source)
    assert project.submit(video.id)["outcome"] == "refused"
    assert project.report_failure(video.id) == {"outcome": "failed"}
    (notice,) = project.notices()
    assert (notice["type"], notice["data"]["error"]["code"]) == ("video.failed", "image_gone")
    assert (received(project), project.row(video.id).spent_seconds) == (before, 0)


def test_a_large_image_that_was_deleted_is_noticed_too(project: Project) -> None:
    before = received(project)
    made = json.loads(invoke("api", event("api_post") | {"path": "/v1/inputs", "body": "{}"})["body"])
    where = made["upload"]["url"].partition("?")[0].partition(f"/{INPUTS}/")[2]
    project.stack.s3.put_object(Bucket=INPUTS, Key=where, Body=FOX + bytes(7_000_000))
    video = post(project, input_reference=made["id"])
    project.stack.s3.delete_object(Bucket=INPUTS, Key=where)
    project.submit(video.id)
    error = project.row(video.id).error
    assert error is not None
    assert (error.code, received(project)) == ("image_gone", before)


def test_the_url_of_a_prompt_file_is_fetched_by_submit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [raw_server.answer("200 OK", FOX), raw_server.answer("403 Forbidden", b"expired")]
    with raw_server.raw_server(lambda connection, _: connection.sendall(answers.pop(0))) as server:
        monkeypatch.setenv("IMAGE_ORIGINS", server.url)
        end_process()
        good, bad = (row_with(project, f"{server.url}/{name}.png?token=CANARY-LINK", name) for name in ("good", "bad"))
        before = received(project)
        invoke("dispatch", event("schedule"))
        assert project.submit(good.id)["outcome"] == "submitted"
        assert project.submit(bad.id)["outcome"] == "refused"
    error = project.row(bad.id).error
    assert error is not None
    assert (error.code, error.stage, "answers 403" in error.message) == ("image_unavailable", "submit", True)
    assert "CANARY" not in error.message
    assert received(project) == before + 1


def test_a_large_image_of_a_prompt_files_url_is_copied_before_it_is_sent(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = FOX + bytes(7_000_000)
    with raw_server.raw_server(raw_server.say(raw_server.answer("200 OK", large))) as server:
        monkeypatch.setenv("IMAGE_ORIGINS", server.url)
        end_process()
        video = row_with(project, f"{server.url}/large.png", "large")
        invoke("dispatch", event("schedule"))
        assert project.submit(video.id)["outcome"] == "submitted"

    copied = project.stack.s3.get_object(Bucket=INPUTS, Key=f"fetched/{hashlib.sha256(large).hexdigest()}")
    assert (copied["Body"].read() == large, copied["ContentType"]) == (True, "image/png")


def test_a_prompt_file_names_an_image_in_its_bucket(project: Project) -> None:
    project.stack.s3.put_object(Bucket=PROMPTS, Key="images/fox.png", Body=FOX)
    good, gone = (row_with(project, f"s3://{PROMPTS}/images/{name}.png", name) for name in ("fox", "owl"))
    before = received(project)
    invoke("dispatch", event("schedule"))
    assert project.submit(good.id)["outcome"] == "submitted"
    assert project.submit(gone.id)["outcome"] == "refused"
    error = project.row(gone.id).error
    assert error is not None
    assert error.code == "image_gone"
    assert received(project) == before + 1


def row_with(project: Project, url: str, name: str) -> Video:
    """Store the row of a prompt file that names an image by its URL."""
    wanted = fields(model=MODEL, resolution="720P", seconds=2, first_frame=Image.unread(url))
    video = api_services.intake().video(ALICE, wanted, new_id=f"video_{name}", body_hash="x")
    project.stack.videos.accept(video)
    return video
