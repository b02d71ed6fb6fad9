"""Write rows without the services, for tests that need many rows and generate nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wan_video.adapters.dynamodb.rows import row_item
from wan_video.domain.video import Video

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource


def put_rows(dynamodb: DynamoDBServiceResource, table: str, videos: Iterable[Video]) -> None:
    """Write rows without queue items, so that they are never started."""
    with dynamodb.Table(table).batch_writer() as batch:
        for video in videos:
            batch.put_item(Item=row_item(video))
