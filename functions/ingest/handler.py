"""ingest: take in one prompt file."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take EventBridge's `Object Created` of the prompts bucket; answer the counts of its rows."""
    item = event["detail"]["object"]
    # EventBridge gives the key as it is, not URL-encoded as S3's own notifications do.
    key = item["key"]
    if key.endswith("/"):
        return {"batch_id": None}
    ingested = bootstrap.ingest()(event["detail"]["bucket"]["name"], key, item["etag"], item["size"])
    observe.record("ingest", batch_id=ingested.batch_id, accepted=ingested.accepted, refused=ingested.refused)
    return {"batch_id": ingested.batch_id, "accepted": ingested.accepted, "refused": ingested.refused}
