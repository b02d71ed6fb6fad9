"""sweep: repair, on a schedule and whenever an execution ended without a report."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe
from wan_video.domain.models import POOLS


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Take a scheduled event (look everywhere) or one of an execution that ended badly; answer the counted repairs."""
    sweep = bootstrap.sweep()
    if event.get("detail-type") == "Step Functions Execution Status Change":
        video_id, _, _ = event["detail"]["name"].rpartition("-")
        repairs = sweep.video(video_id)
    else:
        repairs = sweep(POOLS)
        observe.measure("DeliveryDelayed", repairs.pop("delivery_delayed", 0))
    for repair, count in repairs.items():
        observe.record("sweep", repair=repair, count=count)
    return dict(repairs)
