"""The notice of a video's end: thin, versioned, without prompt or link.

Its id is a function of the video and its final status, so a notice that is sent twice can be recognised.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from wan_video.domain.document import money
from wan_video.domain.video import Video

API_VERSION: Final = "2026-11-01"


def event(video: Video) -> dict[str, Any]:
    """The event of a video that has ended."""
    digest = hashlib.sha256(f"{video.id}\0{video.status}".encode()).hexdigest()
    request, stored, usage, error = video.request, video.object, video.usage, video.error
    return {
        "id": f"evt_{digest[:32]}",
        "object": "event",
        "type": f"video.{video.status}",
        "api_version": API_VERSION,
        "created_at": video.ended_at,
        "data": {
            "id": video.id,
            "status": str(video.status),
            "model": request.model,
            "size": str(request.size),
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


def attributes(video: Video) -> dict[str, str]:
    """The message attributes that filter policies can match."""
    common = {
        "type": f"video.{video.status}",
        "status": str(video.status),
        "model": video.request.model,
        "owner": video.owner,
    }
    return common if video.batch_id is None else {**common, "batch_id": video.batch_id}
