"""report_failure: end a video without content and publish that."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """End the video of `{video_id}`; returns the final status as `{outcome}`, or `over` if the video was deleted."""
    status = bootstrap.report_failure()(event["video_id"]) or "over"
    observe.record("report_failure", video_id=event["video_id"], outcome=status)
    return {"outcome": str(status)}
