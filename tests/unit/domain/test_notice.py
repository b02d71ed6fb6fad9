"""The notice of a final video: recognisable when it is repeated, and without prompt or link."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tools.harness import event_schema
from tools.harness.samples import NOW, made, queued, request, running, stored
from wan_video.domain import notice
from wan_video.domain.trouble import TASK_CANCELED, TASK_EXPIRED, Failure
from wan_video.domain.video import Video
from wan_video.errors import WanRefused

SECRETIVE = request(
    prompt="CANARY prompt",
    negative_prompt="CANARY negative",
    audio_url="https://example.com/CANARY.mp3",
    metadata={"case": "7"},
    custom_id="row-1",
)


def ended(code: str) -> Video:
    return running(request=SECRETIVE).ended(NOW, Failure(code, "No.", "poll", True))


COMPLETED = made(request=SECRETIVE).completed(NOW, stored())
ENDS = {
    "completed": COMPLETED,
    "failed": ended("InternalError"),
    "cancelled": ended(TASK_CANCELED),
    "expired": ended(TASK_EXPIRED),
}


def test_the_notice_of_a_completed_video_contains_its_object_and_usage() -> None:
    assert notice.video_event(COMPLETED) == {
        "id": notice.video_event(COMPLETED)["id"],
        "object": "event",
        "type": "video.completed",
        "api_version": "2026-11-01",
        "created_at": NOW,
        "data": {
            "id": "video_1",
            "status": "completed",
            "model": "wan2.6-t2v",
            "size": "1280x720",
            "seconds": "5",
            "s3": {"bucket": "videos", "key": "videos/video_1/video.mp4", "bytes": 4096, "crc64nvme": "0" * 16},
            "usage": {"seconds": 5, "price": "3.669620", "currency": "CNY"},
            "error": None,
            "metadata": {"case": "7"},
            "custom_id": "row-1",
            "batch_id": None,
        },
    }


@pytest.mark.parametrize("status", ENDS)
def test_every_end_has_its_type_and_its_attributes(status: str) -> None:
    event, attributes = notice.video_event(ENDS[status]), notice.video_attributes(ENDS[status])
    assert (event["type"], event["data"]["status"]) == (f"video.{status}", status)
    assert attributes == {
        "type": f"video.{status}",
        "status": status,
        "model": "wan2.6-t2v",
        "owner": "alice",
    }


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired"])
def test_an_end_without_content_says_why(status: str) -> None:
    data: dict[str, Any] = notice.video_event(ENDS[status])["data"]
    assert (data["s3"], data["error"]["message"], data["error"]["retryable"]) == (None, "No.", True)


def test_the_id_depends_only_on_the_video_and_its_end() -> None:
    again = replace(COMPLETED, version=99, announced_at=NOW + 1, updated_at=NOW + 1)
    assert notice.video_event(again) == notice.video_event(COMPLETED)
    ids = {notice.video_event(video)["id"] for video in ENDS.values()}
    other = replace(COMPLETED, id="video_2")
    assert len(ids | {notice.video_event(other)["id"]}) == 5
    assert all(str(event_id).startswith("evt_") for event_id in ids)


@pytest.mark.parametrize("video", [*ENDS.values(), queued().cancelled(NOW)])
def test_every_notice_matches_the_published_schema(video: Video) -> None:
    event_schema.check(json.loads(json.dumps(notice.video_event(video))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "video.failed"},
        {"type": "video.done"},
        {"type": None},
        {"api_version": "2020-01-01"},
        {"created_at": "today"},
        {"prompt": "a fox"},
        {"data": {**notice.video_event(COMPLETED)["data"], "s3": None}},
        {"data": {**notice.video_event(COMPLETED)["data"], "video_url": "https://example.com"}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_published_schema_refuses_anything_else(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        event_schema.check({**notice.video_event(COMPLETED), **wrong})


@pytest.mark.parametrize("status", ENDS)
def test_a_notice_contains_no_prompt_and_no_link(status: str) -> None:
    text = json.dumps([notice.video_event(ENDS[status]), notice.video_attributes(ENDS[status])])
    assert "CANARY" not in text


def test_the_notice_of_a_batch_row_names_its_batch() -> None:
    video = replace(COMPLETED, batch_id="batch_1")
    assert notice.video_event(video)["data"]["batch_id"] == "batch_1"
    assert notice.video_attributes(video)["batch_id"] == "batch_1"
    assert notice.video_event(queued().ended(NOW, Failure("x", "y", "api", False)))["data"]["batch_id"] is None


def test_an_error_of_wan_as_text_contains_only_its_code() -> None:
    """Step Functions keeps the text of an error in its history, and Wan's message may quote a prompt."""
    assert (
        str(WanRefused("DataInspectionFailed", "Input data 'a fox CANARY' is inappropriate.")) == "DataInspectionFailed"
    )
