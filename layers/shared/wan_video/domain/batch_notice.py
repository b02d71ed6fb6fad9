"""The notice of a batch's end: thin like that of a video, and recognisable when it comes again."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any, Final

from wan_video.domain.batch import MANIFEST, Batch, report_key
from wan_video.domain.batch_document import request_counts
from wan_video.domain.notice import API_VERSION

BATCH_COMPLETED: Final = "batch.completed"


def batch_event(batch: Batch, bucket: str) -> dict[str, Any]:
    """The event of a batch that has ended; `bucket` is where its reports are."""
    digest = hashlib.sha256(f"{batch.id}\0{batch.status}".encode()).hexdigest()
    return {
        "id": f"evt_{digest[:32]}",
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
    """The message attributes that filter policies can match."""
    return {"type": BATCH_COMPLETED, "status": str(batch.status), "owner": batch.owner, "batch_id": batch.id}
