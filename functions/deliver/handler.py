"""deliver: store one finished video and publish its completion."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take `{video_id, task_id}`; answer `{outcome}`."""
    outcome = bootstrap.deliver()(event["video_id"], event["task_id"])
    observe.record("deliver", video_id=event["video_id"], outcome=outcome)
    return {"outcome": str(outcome)}
