"""ingest: read a prompt file, or a batch that retries failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wan_video import bootstrap, observe
from wan_video.domain.image import FILE_IMAGES

if TYPE_CHECKING:
    from wan_video.services.ingest import Ingested


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any] | None:
    """Read the file of EventBridge's `Object Created`, or new batches that retry failures.

    Such batches come as stream records or as `{batch_id}`. For a file, returns the counts of its rows.
    """
    if "detail" not in event:
        records = event.get("Records", [])
        for batch_id in [record["dynamodb"]["NewImage"]["id"]["S"] for record in records] or [event["batch_id"]]:
            _record(bootstrap.ingest().retry(batch_id))
        return None
    item = event["detail"]["object"]
    # EventBridge does not encode the key, unlike S3's own notifications.
    key = item["key"]
    if key.endswith("/") or key.startswith(FILE_IMAGES):
        return {"batch_id": None}
    ingested = bootstrap.ingest()(event["detail"]["bucket"]["name"], key, item["etag"])
    _record(ingested)
    return {"batch_id": ingested.batch_id, "accepted": ingested.accepted, "refused": ingested.refused}


def _record(ingested: Ingested) -> None:
    observe.record("ingest", batch_id=ingested.batch_id, accepted=ingested.accepted, refused=ingested.refused)
