"""A notice of SNS becomes a thumbnail in the bucket, with the rights of the role and without touching the video."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import av
import pytest
import requests

from tests.integration.handlers.project import Project
from tools.harness.lambdas import Event, event, invoke
from tools.harness.patience import PATIENCE
from tools.harness.stack import BUCKET, VIDEOS
from wan_video.adapters.s3.objects import S3Objects
from wan_video.bootstrap import clients
from wan_video.domain.names import thumbnail_key, video_key
from wan_video.domain.thumbnail import Thumbnail
from wan_video.errors import VideoNotAnnounced
from wan_video.services.delete_video import delete_video


def completed(project: Project) -> str:
    video_id, task_id = project.finished("a fox")
    project.poll(video_id, task_id)
    project.deliver(video_id, task_id)
    return video_id


def notice(project: Project, video_id: str) -> Event:
    """Return the event that SNS sends for what was published about a video."""
    given = event("sns_notification")
    (published,) = [
        found for found in project.stack.notices() if json.loads(found["Message"])["data"]["id"] == video_id
    ]
    given["Records"][0]["Sns"]["Message"] = published["Message"]
    return given


def asked(project: Project, video_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = invoke(
        "api",
        event("api_get")
        | {"path": f"/v1/videos/{video_id}/content", "multiValueQueryStringParameters": {"variant": ["thumbnail"]}},
    )
    return answer


def test_the_notice_of_a_video_makes_its_thumbnail(project: Project) -> None:
    video_id = completed(project)
    assert asked(project, video_id)["statusCode"] == 409
    given = notice(project, video_id)
    invoke("thumbnail", given)
    answer = asked(project, video_id)
    assert answer["statusCode"] == 302
    picture = requests.get(answer["multiValueHeaders"]["Location"][0], timeout=PATIENCE)
    assert picture.headers["content-type"] == "image/jpeg"
    with av.open(BytesIO(picture.content), "r", format="mjpeg") as container:
        (frame,) = container.decode(video=0)
    assert max(frame.width, frame.height) == 640
    row = project.stack.videos.get(video_id)
    invoke("thumbnail", given)
    assert project.stack.videos.get(video_id) == row


def test_a_file_that_is_no_video_is_counted_and_the_video_stays_as_it_is(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    video_id = completed(project)
    project.stack.s3.put_object(Bucket=BUCKET, Key=video_key(video_id), Body=bytes(1000))
    found = S3Objects(lambda: project.stack.s3, BUCKET).find(video_key(video_id))
    assert found is not None
    row = project.stack.videos.get(video_id)
    row = project.stack.videos.save(row, replace(row, object=found.object))
    capsys.readouterr()
    invoke("thumbnail", notice(project, video_id))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["reason"] for line in lines if line.get("message") == "no thumbnail"] == ["InvalidDataError"]
    assert [line["ThumbnailImpossible"] for line in lines if "_aws" in line] == [[1.0]]
    after = project.stack.videos.get(video_id)
    assert (after.thumbnail, after.status) == (Thumbnail.IMPOSSIBLE, row.status)
    assert asked(project, video_id)["statusCode"] == 404
    assert project.get(video_id, "/content")["statusCode"] == 302


def test_an_event_that_overtakes_the_row_is_repeated(project: Project) -> None:
    video_id = completed(project)
    row = project.stack.videos.get(video_id)
    table = project.stack.dynamodb.Table(VIDEOS)
    table.update_item(Key={"id": video_id}, UpdateExpression="REMOVE announced_at")
    given = notice(project, video_id)
    with pytest.raises(VideoNotAnnounced):
        invoke("thumbnail", given)
    project.stack.s3.head_object(Bucket=BUCKET, Key=thumbnail_key(video_id))
    assert project.stack.videos.get(video_id).version == row.version


def test_a_video_that_is_deleted_while_its_thumbnail_is_made_leaves_nothing(project: Project) -> None:
    video_id = completed(project)
    given = notice(project, video_id)
    objects = S3Objects(lambda: project.stack.s3, BUCKET)

    def delete(**_: object) -> None:
        delete_video(project.stack.videos.get(video_id), project.stack.videos, objects, 0)

    clients.s3().meta.events.register_first("before-call.s3.PutObject", delete)
    invoke("thumbnail", given)
    listed = project.stack.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"videos/{video_id}/")
    assert listed["KeyCount"] == 0
