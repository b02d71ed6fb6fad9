"""sweep: run the repairs on a schedule, and repair a video whose execution ended without a report."""

from __future__ import annotations

from collections import Counter
from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Run all repairs for a scheduled event, or those for the video of a failed execution or a stream record.

    Stream records are of videos that were cancelled while they were waiting, or whose submission Wan answered with 429.
    Returns the number of repairs by name.
    """
    sweep = bootstrap.sweep()
    repairs: Counter[str]
    if "Records" in event:
        rows = [record["dynamodb"]["NewImage"] for record in event["Records"]]
        ended = [row["id"]["S"] for row in rows if "throttled_at" not in row]
        repairs = sum((sweep.video(video_id) for video_id in ended), Counter())
        throttled = sorted({row["pool"]["S"] for row in rows if "throttled_at" in row})
        if throttled:
            repairs += bootstrap.live_quotas().after_429(throttled)
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
