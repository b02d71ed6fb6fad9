"""report_failure: end one video without content and publish that."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take `{video_id}`; answer `{outcome}`, the final status, or `over` where the video was deleted."""
    status = bootstrap.report_failure()(event["video_id"]) or "over"
    observe.record("report_failure", video_id=event["video_id"], outcome=status)
    return {"outcome": str(status)}
