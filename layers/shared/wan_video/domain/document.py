"""A video as users see it: the `Video` object of the REST API and of the stored `metadata.json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wan_video.domain.budget import Usage, next_day
from wan_video.domain.price import Estimate
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.video import Status, Video


def document(video: Video, now: float, retention: Retention = FOR_EVER, *, over_budget: bool = False) -> dict[str, Any]:
    """The public form of a video, ready for JSON: times are Unix seconds, money is text, `seconds` is text.

    `over_budget` says of a queued one that the day's budget has no room for it.
    """
    request, task = video.request, video.task
    waits = video.status.public is Status.QUEUED and video.task is None
    return {
        "id": video.id,
        "object": "video",
        "status": str(video.status.public),
        "condition": asdict(video.condition) if video.condition else None,
        "waiting_for": ("budget" if over_budget else "place") if waits else None,
        "waiting_until": next_day(now) if waits and over_budget else None,
        "progress": video.progress(now),
        "model": request.model,
        "prompt": request.prompt,
        "seconds": str(request.seconds),
        "size": str(request.size),
        "negative_prompt": request.negative_prompt,
        "audio_url": request.audio_url,
        "prompt_extend": request.prompt_extend,
        "watermark": request.watermark,
        "seed": request.seed,
        "shot_type": request.shot_type,
        "region": str(request.region),
        "actual_prompt": task.actual_prompt if task else None,
        "created_at": video.created_at,
        "started_at": video.started_at,
        "completed_at": video.ended_at if video.status is Status.COMPLETED else None,
        "expires_at": retention.expires_at(video.ended_at),
        "error": asdict(video.error) if video.error and video.status.final else None,
        "estimate": {**money(video.estimate), "priced_on": video.estimate.priced_on},
        "usage": money(video.usage) if video.usage else None,
        "metadata": dict(request.metadata),
        "custom_id": request.custom_id,
        "batch_id": video.batch_id,
        "remixed_from_video_id": None,
        "upstream": {
            "task_id": task.id,
            "request_id": task.request_id,
            "status": task.status,
            "region": str(request.region),
            "submit_time": task.submit_time,
            "scheduled_time": task.scheduled_time,
            "end_time": task.end_time,
        }
        if task
        else None,
    }


def money(amount: Estimate | Usage) -> dict[str, Any]:
    """Seconds and their price, as users see them."""
    return {"seconds": amount.seconds, "price": str(amount.price), "currency": amount.currency}
