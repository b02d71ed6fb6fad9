"""sweep: repair, on a schedule and whenever an execution ended without a report."""

from __future__ import annotations

from collections import Counter
from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Take a scheduled event (look everywhere), stream records of cancelled videos, or an execution that ended badly.

    Answers the counted repairs.
    """
    sweep = bootstrap.sweep()
    repairs: Counter[str]
    if "Records" in event:
        cancelled = [record["dynamodb"]["NewImage"]["id"]["S"] for record in event["Records"]]
        repairs = sum((sweep.video(video_id) for video_id in cancelled), Counter())
    elif event.get("detail-type") == "Step Functions Execution Status Change":
        video_id, _, _ = event["detail"]["name"].rpartition("-")
        repairs = sweep.video(video_id)
    else:
        try:
            repairs = sweep()
        except ExceptionGroup as group:
            for error in group.exceptions:
                observe.unforeseen(error)
            raise
    return dict(repairs)
