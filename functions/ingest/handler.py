"""ingest: take in one prompt file, or a batch that makes failures anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wan_video import bootstrap, observe

if TYPE_CHECKING:
    from wan_video.services.ingest import Ingested


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any] | None:
    """Take EventBridge's `Object Created` of the prompts bucket, or new batches: stream records, or `{batch_id}`.

    Answers the counts of a file's rows.
    """
    if "detail" not in event:
        records = event.get("Records", [])
        for batch_id in [record["dynamodb"]["NewImage"]["id"]["S"] for record in records] or [event["batch_id"]]:
            _note(bootstrap.ingest().retry(batch_id))
        return None
    item = event["detail"]["object"]
    # EventBridge gives the key as it is, not URL-encoded as S3's own notifications do.
    key = item["key"]
    if key.endswith("/"):
        return {"batch_id": None}
    ingested = bootstrap.ingest()(event["detail"]["bucket"]["name"], key, item["etag"])
    _note(ingested)
    return {"batch_id": ingested.batch_id, "accepted": ingested.accepted, "refused": ingested.refused}


def _note(ingested: Ingested) -> None:
    observe.record("ingest", batch_id=ingested.batch_id, accepted=ingested.accepted, refused=ingested.refused)
