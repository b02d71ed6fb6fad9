"""finish_batch: finish batches; invoked by the stream of `Ledger` and by sweep."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Finish the batches in stream records, which are cancelled or have no open requests, or that of `{batch_id}`."""
    records = event.get("Records", [])
    named = [record["dynamodb"]["NewImage"]["id"]["S"] for record in records] or [event["batch_id"]]
    for batch_id in dict.fromkeys(named):
        batch = bootstrap.finish_batch()(batch_id)
        observe.record("finish_batch", batch_id=batch.id, status=batch.status)
