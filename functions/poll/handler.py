"""poll: poll one Wan task."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Poll the task of `{video_id, task_id, n}`; returns `{outcome, task_status}`."""
    polled = bootstrap.poll()(event["video_id"], event["task_id"], event["n"])
    observe.record("poll", video_id=event["video_id"], outcome=polled.outcome, task_status=polled.task_status)
    return {"outcome": str(polled.outcome), "task_status": polled.task_status}
