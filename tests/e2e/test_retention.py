"""A video whose retention has ended, on the running stack: it is refused at once, and soon deleted with its files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Local
from tests.e2e.steps import NOTICE_SECONDS, await_that, make, objects
from wan_video_local.client import RequestRefusedError

DAY_SECONDS = 24 * 3600


@pytest.fixture
def a_day(local: Local) -> Iterator[None]:
    """Keep videos for a day, as a new deployment with that parameter would."""
    local.set_variable(["api", "sweep"], "RETENTION_DAYS", "1")
    yield
    local.set_variable(["api", "sweep"], "RETENTION_DAYS", "0")


def end_earlier(local: Local, video_id: str, seconds: int) -> None:
    """Move the end of a video, and its notice, into the past."""
    table = local.stack.aws.dynamodb.Table(local.stack.outputs["VideosTableName"])
    table.update_item(
        Key={"id": video_id},
        UpdateExpression="ADD ended_at :less, announced_at :less, updated_at :less",
        ExpressionAttributeValues={":less": -seconds},
    )


@pytest.mark.usefixtures("a_day")
def test_a_video_whose_days_are_over_is_deleted_with_its_files_and_a_newer_one_stays(local: Local) -> None:
    old, new = (make(local, f"a fox is forgotten in {time}")["id"] for time in ("time", "no time"))
    for video_id in (old, new):
        local.notices.await_about(video_id, within=NOTICE_SECONDS)
    assert local.client.video(new)["expires_at"] == local.client.video(new)["completed_at"] + DAY_SECONDS
    end_earlier(local, old, DAY_SECONDS)

    local.stack.aws.functions.invoke(FunctionName="wan-video-sweep", Payload=b"{}")

    await_that(lambda: None if objects(local, old) else True, "the end of the old video's files")
    with pytest.raises(RequestRefusedError, match="does not exist"):
        local.client.video(old)
    assert sorted(objects(local, new)) == ["metadata.json", "video.mp4"]
    assert local.client.video(new)["status"] == "completed"
