"""Videos and batches as users see them: in the REST API, in `metadata.json`, and in the manifest of a batch."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wan_video.domain.batch_status import BatchStatus
from wan_video.domain.budget import Usage, next_day
from wan_video.domain.image import Image
from wan_video.domain.price import Estimate
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.thumbnail import Thumbnail
from wan_video.domain.video import Status, StoredObject, Video

if TYPE_CHECKING:
    from wan_video.domain.batch import Batch


def video_document(
    video: Video, now: float, retention: Retention = FOR_EVER, *, over_budget: bool = False
) -> dict[str, Any]:
    """Return the public form of a video, ready for JSON: times are Unix seconds, money and `seconds` are text.

    `over_budget` says that the day's budget has no room for this video while it is queued.
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
        "size": str(request.size) if request.size else None,
        "resolution": str(request.tier),
        "aspect_ratio": request.ratio,
        "negative_prompt": request.negative_prompt,
        "audio_url": request.audio_url,
        "audio": request.audio,
        "prompt_extend": request.prompt_extend,
        "watermark": request.watermark,
        "seed": request.seed,
        "shot_type": request.shot_type,
        "input_reference": _image(request.first_frame),
        "last_frame": _image(request.last_frame),
        "region": str(request.region),
        "actual_prompt": task.actual_prompt if task else None,
        "created_at": video.created_at,
        "started_at": video.started_at,
        "completed_at": video.ended_at if video.status is Status.COMPLETED else None,
        "expires_at": retention.expires_at(video.ended_at),
        "error": asdict(video.error) if video.error and video.status.final else None,
        "estimate": estimate_document(video.estimate),
        "usage": _usage(video, video.usage) if video.usage else None,
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


def stored_document(video: Video, stored: StoredObject, now: float, retention: Retention = FOR_EVER) -> dict[str, Any]:
    """Return the content of `metadata.json`, which is beside a completed video: its public form, and its file."""
    return {
        **video_document(video, now, retention),
        "thumbnail": Thumbnail.READY if video.thumbnail is Thumbnail.READY else None,
        "bytes": stored.bytes,
        "etag": stored.etag,
        "checksums": {"crc64nvme": stored.crc64nvme, "crc64xz": stored.crc64xz},
    }


def _image(image: Image | None) -> dict[str, Any] | None:
    """Return what is known of an image; an image that was never read has no digest."""
    if image is None:
        return None
    return {
        "id": image.input_id,
        "sha256": image.digest if image.header is not None else None,
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "bytes": image.bytes,
    }


def batch_document(batch: Batch, retention: Retention = FOR_EVER) -> dict[str, Any]:
    """Return the public form of a batch, ready for JSON; times are Unix seconds."""
    source = batch.source
    return {
        "id": batch.id,
        "object": "batch",
        "status": str(batch.status),
        "name": batch.name,
        "file": {"bucket": source.bucket, "key": source.key, "etag": source.etag} if source else None,
        "retry_of": batch.retry_of,
        "request_counts": request_counts(batch),
        "error": asdict(batch.error) if batch.error else None,
        "created_at": batch.created_at,
        "in_progress_at": batch.started_at,
        "cancel_requested_at": batch.cancel_requested_at,
        "completed_at": batch.ended_at if batch.status is BatchStatus.COMPLETED else None,
        "ended_at": batch.ended_at,
        "expires_at": retention.expires_at(batch.ended_at),
    }


def request_counts(batch: Batch) -> dict[str, int]:
    """Return how many requests the file has, and how many of them have each status."""
    return {
        "total": batch.total,
        "queued": batch.queued,
        "in_progress": batch.in_progress,
        "completed": batch.completed,
        "failed": batch.failed,
        "cancelled": batch.cancelled,
        "expired": batch.expired,
        "refused": batch.refused,
    }


def money(amount: Estimate | Usage) -> dict[str, Any]:
    """Return seconds and their price, as users see them; the price is null if it is not known."""
    price = None if amount.price is None else str(amount.price)
    return {"seconds": amount.seconds, "price": price, "currency": amount.currency}


def estimate_document(estimate: Estimate) -> dict[str, Any] | None:
    """Return an estimate, as users see it; None if no price is known."""
    if estimate.price is None:
        return None
    return {
        **money(estimate),
        "priced_on": estimate.priced_on or None,
        "confirmed": not estimate.unconfirmed,
    }


def _usage(video: Video, usage: Usage) -> dict[str, Any]:
    """Return what Wan bills, and what was estimated."""
    return {
        **money(usage),
        "stated_seconds": str(usage.stated),
        "estimated_seconds": video.estimate.seconds,
        "differs": video.bill_differs,
        "aspect_ratio": usage.aspect_ratio,
    }
