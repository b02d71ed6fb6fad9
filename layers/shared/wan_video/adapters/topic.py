"""Final notices, published to SNS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sns import SNSClient


class SnsTopic:
    """The port `Topic`."""

    def __init__(self, client: SNSClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, event: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        self._client.publish(
            TopicArn=self._arn,
            Message=to_text(event),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )


def to_text(event: Mapping[str, Any]) -> str:
    """Return an event as the topic publishes it."""
    # ASCII: SQS refuses some characters that a message of SNS may have, such as U+FFFE.
    return json.dumps(event)
