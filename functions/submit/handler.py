"""submit: create the Wan task of a video, at most once."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Submit the video of `{video_id, n}`; returns `{outcome, task_id?}`."""
    submitted = bootstrap.submit()(event["video_id"])
    observe.record("submit", video_id=event["video_id"], outcome=submitted.outcome, task_id=submitted.task_id)
    answer: dict[str, Any] = {"outcome": str(submitted.outcome)}
    return answer if submitted.task_id is None else {**answer, "task_id": submitted.task_id}
