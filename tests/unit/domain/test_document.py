"""A video as users see it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tools.harness.samples import (
    LINK,
    NOW,
    PROMPT,
    known_task,
    made,
    queued,
    request,
    request30,
    running,
    starting,
    stored,
    submitting,
)
from wan_video.domain.document import video_document
from wan_video.domain.image import Image, ImageFormat, ImageHeader
from wan_video.domain.retention import Retention
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Video

FAILURE = Failure("DataInspectionFailed", "Input data may contain inappropriate content.", "submit", False)


def test_a_queued_video_shows_its_request_with_defaults_and_no_results() -> None:
    assert video_document(queued(), NOW) == {
        "id": "video_1",
        "object": "video",
        "status": "queued",
        "condition": None,
        "waiting_for": "place",
        "waiting_until": None,
        "progress": 0,
        "model": "wan2.6-t2v",
        "prompt": PROMPT,
        "seconds": "5",
        "size": "1280x720",
        "resolution": "720P",
        "aspect_ratio": "16:9",
        "negative_prompt": None,
        "audio_url": None,
        "audio": None,
        "prompt_extend": True,
        "watermark": False,
        "seed": 7,
        "shot_type": None,
        "input_reference": None,
        "last_frame": None,
        "region": "singapore",
        "actual_prompt": None,
        "created_at": NOW,
        "started_at": None,
        "completed_at": None,
        "expires_at": None,
        "error": None,
        "estimate": {
            "seconds": 5,
            "price": "3.669620",
            "currency": "CNY",
            "priced_on": "2026-06-01",
            "confirmed": True,
        },
        "usage": None,
        "metadata": {},
        "custom_id": None,
        "batch_id": None,
        "remixed_from_video_id": None,
        "upstream": None,
    }


def test_an_image_is_shown_by_its_id_and_digest_and_without_a_link() -> None:
    known = Image.stored("inputs/owner/input_1", "ab" * 32, ImageHeader(ImageFormat.PNG, 640, 360, 1000))
    document = video_document(queued(request=request30(first_frame=known, last_frame=Image.unread(LINK))), NOW)
    assert document["input_reference"] == {
        "id": "input_1",
        "sha256": "ab" * 32,
        "format": "png",
        "width": 640,
        "height": 360,
        "bytes": 1000,
    }
    assert set(document["last_frame"].values()) == {None}


@pytest.mark.parametrize(
    ("video", "status", "waiting_for"),
    [
        (queued(), "queued", "place"),
        (starting(), "queued", "place"),
        (submitting(), "in_progress", None),
        (running(), "in_progress", None),
        (made(), "in_progress", None),
        (made().completed(NOW, stored()), "completed", None),
        (running().ended(NOW, FAILURE), "failed", None),
    ],
)
def test_the_status_and_the_reason_for_waiting_are_shown(video: Video, status: str, waiting_for: str | None) -> None:
    shown = video_document(video, NOW)
    assert (shown["status"], shown["waiting_for"]) == (status, waiting_for)


def test_a_video_that_waits_for_budget_shows_when_the_next_day_begins() -> None:
    shown = video_document(queued(), NOW, over_budget=True)
    assert (shown["waiting_for"], shown["waiting_until"]) == ("budget", 1_780_012_800)
    assert video_document(queued(), NOW)["waiting_until"] is None


def test_a_problem_that_may_still_be_solved_is_a_condition_and_not_an_error() -> None:
    shown = video_document(submitting().submission_uncertain(NOW), NOW)
    assert shown["condition"]["code"] == "submission_uncertain"
    assert shown["condition"]["since"] == NOW
    assert shown["error"] is None


def test_an_error_is_shown_once_it_is_final() -> None:
    refused = submitting().refused(NOW, FAILURE)
    assert video_document(refused, NOW)["error"] is None
    assert video_document(refused.ended(NOW, FAILURE), NOW)["error"] == {
        "code": "DataInspectionFailed",
        "message": "Input data may contain inappropriate content.",
        "stage": "submit",
        "retryable": False,
    }


def test_a_completed_video_shows_wans_own_times_its_usage_and_its_end() -> None:
    video = made()
    task = replace(known_task(video), submit_time="2026-05-29 04:26:40.000", actual_prompt="a fox, slowly")
    shown = video_document(replace(video, task=task).completed(NOW + 9, stored()), NOW + 10)
    assert shown["upstream"] == {
        "task_id": "task-of-video_1",
        "request_id": None,
        "status": "SUCCEEDED",
        "region": "singapore",
        "submit_time": "2026-05-29 04:26:40.000",
        "scheduled_time": None,
        "end_time": None,
    }
    assert (shown["completed_at"], shown["progress"], shown["actual_prompt"]) == (NOW + 9, 100, "a fox, slowly")
    assert shown["usage"] == {
        "seconds": 5,
        "price": "3.669620",
        "currency": "CNY",
        "stated_seconds": "5",
        "estimated_seconds": 5,
        "differs": False,
        "aspect_ratio": None,
    }


def test_a_failed_video_was_never_completed() -> None:
    assert video_document(running().ended(NOW + 9, FAILURE), NOW + 10)["completed_at"] is None


@pytest.mark.parametrize("ended", [made().completed(NOW + 9, stored()), running().ended(NOW + 9, FAILURE)])
def test_every_final_video_shows_until_when_it_is_kept(ended: Video) -> None:
    assert video_document(ended, NOW + 10, Retention(2))["expires_at"] == NOW + 9 + 2 * 24 * 3600
    assert video_document(running(), NOW + 10, Retention(2))["expires_at"] is None
    assert video_document(ended, NOW + 10)["expires_at"] is None


@pytest.mark.parametrize("video", [queued(), running(request=request(prompt="狐 🦊 </script>")), made()])
def test_every_document_is_json(video: Video) -> None:
    assert json.loads(json.dumps(video_document(video, NOW))) == video_document(video, NOW)
