"""deliver: store a generated video and publish its completion."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Deliver the video of `{video_id, task_id}`; returns `{outcome}`."""
    seconds = context.get_remaining_time_in_millis() / 1000
    outcome = bootstrap.deliver()(event["video_id"], event["task_id"], seconds)
    observe.record("deliver", video_id=event["video_id"], outcome=outcome)
    return {"outcome": str(outcome)}
