"""thumbnail: make the thumbnails of completed videos; invoked by the topic."""

from __future__ import annotations

import json
from typing import Any

from wan_video import bootstrap, observe


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """Make the thumbnail of the video in a notice `video.completed`; SNS sends one notice in each event."""
    for record in event["Records"]:
        video_id = json.loads(record["Sns"]["Message"])["data"]["id"]
        outcome = bootstrap.thumbnail()(video_id)
        observe.record("thumbnail", video_id=video_id, outcome=outcome)
