"""A batch as users see it: the `Batch` object of the REST API, and of the manifest beside its reports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wan_video.domain.batch import Batch, BatchStatus
from wan_video.domain.retention import FOR_EVER, Retention


def batch_document(batch: Batch, retention: Retention = FOR_EVER) -> dict[str, Any]:
    """The public form of a batch, ready for JSON; times are Unix seconds."""
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
    """How many requests the file has, and how many of them stand where."""
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
