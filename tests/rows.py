"""Rows written past the services, where a test needs many and nothing is to be generated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wan_video.adapters.dynamodb.rows import row_item
from wan_video.domain.video import Video

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource


def put_rows(dynamodb: DynamoDBServiceResource, table: str, videos: Iterable[Video]) -> None:
    """Write rows without queue items: nobody will ever start them."""
    with dynamodb.Table(table).batch_writer() as batch:
        for video in videos:
            batch.put_item(Item=row_item(video))
