"""The notices of the ends of videos and batches: small and versioned, without prompts and links.

The id of a notice is a function of what has ended and of its final status, so a notice that is sent twice can be
recognized.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from wan_video.domain.batch import MANIFEST, Batch, report_key
from wan_video.domain.digests import id_digest
from wan_video.domain.document import money, request_counts
from wan_video.domain.video import Video

API_VERSION: Final = "2026-11-01"
BATCH_COMPLETED: Final = "batch.completed"


def video_event(video: Video) -> dict[str, Any]:
    """Return the event of a video that has ended."""
    request, stored, usage, error = video.request, video.object, video.usage, video.error
    return {
        "id": _event_id(video.id, video.status),
        "object": "event",
        "type": f"video.{video.status}",
        "api_version": API_VERSION,
        "created_at": video.ended_at,
        "data": {
            "id": video.id,
            "status": str(video.status),
            "model": request.model,
            "size": str(request.size) if request.size else None,
            "seconds": str(request.seconds),
            "s3": {
                "bucket": stored.bucket,
                "key": stored.key,
                "bytes": stored.bytes,
                "crc64nvme": stored.crc64nvme,
            }
            if stored is not None
            else None,
            "usage": money(usage) if usage is not None else None,
            "error": {
                "code": error.code,
                "message": error.message,
                "stage": error.stage,
                "retryable": error.retryable,
            }
            if error is not None
            else None,
            "metadata": dict(request.metadata),
            "custom_id": request.custom_id,
            "batch_id": video.batch_id,
        },
    }


def video_attributes(video: Video) -> dict[str, str]:
    """Return the message attributes that filter policies can match."""
    common = {
        "type": f"video.{video.status}",
        "status": str(video.status),
        "model": video.request.model,
        "owner": video.owner,
    }
    return common if video.batch_id is None else {**common, "batch_id": video.batch_id}


def batch_event(batch: Batch, bucket: str) -> dict[str, Any]:
    """Return the event of a batch that has ended; `bucket` holds its reports."""
    return {
        "id": _event_id(batch.id, batch.status),
        "object": "event",
        "type": BATCH_COMPLETED,
        "api_version": API_VERSION,
        "created_at": batch.ended_at,
        "data": {
            "id": batch.id,
            "status": str(batch.status),
            "name": batch.name,
            "retry_of": batch.retry_of,
            "request_counts": request_counts(batch),
            "error": asdict(batch.error) if batch.error else None,
            "manifest": {"bucket": bucket, "key": report_key(batch.id, MANIFEST)},
        },
    }


def batch_attributes(batch: Batch) -> dict[str, str]:
    """Return the message attributes that filter policies can match."""
    return {"type": BATCH_COMPLETED, "status": str(batch.status), "owner": batch.owner, "batch_id": batch.id}


def _event_id(ended_id: str, status: str) -> str:
    return f"evt_{id_digest(ended_id, status)}"
