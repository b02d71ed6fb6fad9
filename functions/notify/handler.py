"""notify: send events to webhook endpoints; invoked by its queue."""

from __future__ import annotations

import json
from typing import Any

from wan_video import bootstrap, observe
from wan_video.domain.delivery import Task


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, list[dict[str, str]]]:
    """Create the deliveries of events that the topic sends, or make the attempts that messages ask for.

    Returns the messages that are to come again.
    """
    failures = []
    for record in event["Records"]:
        task = Task.of(json.loads(record["body"]))
        if task is None:
            owner = record["messageAttributes"]["owner"]["stringValue"]
            made = bootstrap.notify().announce(record["body"], owner)
            observe.record("notify", deliveries=made)
            continue
        pause = bootstrap.notify().deliver(task)
        received = int(record["attributes"]["ApproximateReceiveCount"])
        if pause is not None and bootstrap.notify_queue().again(task, record["receiptHandle"], received, pause):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
