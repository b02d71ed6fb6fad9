"""The functions that process batches; they are invoked asynchronously."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from wan_video.domain.batch import Batch


class LambdaWorkers:
    """The port `Workers`; its fields are the names of the two functions."""

    def __init__(self, client: LambdaClient, *, ingest: str, finish_batch: str) -> None:
        self._client = client
        self._ingest = ingest
        self._finish_batch = finish_batch

    def ingest(self, batch: Batch) -> None:
        source = batch.source
        if source is None:
            self._invoke(self._ingest, {"batch_id": batch.id})
        else:
            item = {"key": source.key, "etag": source.etag}
            self._invoke(self._ingest, {"detail": {"bucket": {"name": source.bucket}, "object": item}})

    def finish(self, batch_id: str) -> None:
        self._invoke(self._finish_batch, {"batch_id": batch_id})

    def _invoke(self, function: str, event: dict[str, Any]) -> None:
        self._client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
