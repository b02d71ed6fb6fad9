"""GET /v1/videos/{id} and its content."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests

from tests.fakes.samples import DAY_SECONDS, made, queued, running, stored
from tests.integration.api.client import Api, assert_problem
from tests.integration.lambdas import forget, warm
from tests.integration.stack import BUCKET, REGION
from wan_video import bootstrap
from wan_video.adapters.objects import S3Objects
from wan_video.domain.names import metadata_key, video_key
from wan_video.domain.trouble import Failure


def test_a_video_that_is_not_there_and_one_of_another_owner_are_the_same_404(api: Api) -> None:
    api.stack.videos.accept(queued("video_1", owner="bob"))
    nowhere, others = api.get("/v1/videos/video_2"), api.get("/v1/videos/video_1")
    assert_problem(nowhere, 404, "video_not_found")
    assert_problem(others, 404, "video_not_found")
    assert nowhere.text.replace("video_2", "video_1") == others.text
    assert_problem(api.get("/v1/videos/video_1/content"), 404, "video_not_found")


@pytest.mark.parametrize("video_id", ["%20", "a b", "..", "video_1%2Fcontent", "狐", "'; DROP TABLE", "a" * 3000])
def test_a_strange_id_is_a_404(api: Api, video_id: str) -> None:
    answer = api.get(f"/v1/videos/{video_id}")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_content_of_a_completed_video_is_a_link_that_works(api: Api) -> None:
    objects = S3Objects(lambda: api.stack.s3, BUCKET)
    api.stack.s3.put_object(Bucket=BUCKET, Key=video_key("video_1"), Body=b"a film")
    objects.put_json(metadata_key("video_1"), {"prompt": "a fox"})
    found = objects.find(video_key("video_1"))
    assert found is not None
    api.stack.videos.accept(made().completed(1, found.object))
    answer = api.get("/v1/videos/video_1/content")
    assert (answer.status, answer.headers["cache-control"]) == (302, "no-store")
    assert requests.get(answer.headers["location"], timeout=5).content == b"a film"
    metadata = api.get("/v1/videos/video_1/content", {"variant": "metadata"})
    assert requests.get(metadata.headers["location"], timeout=5).json() == {"prompt": "a fox"}
    assert_problem(api.get("/v1/videos/video_1/content", {"variant": "gif"}), 400, "invalid_request")
    assert "retry-after" not in api.get("/v1/videos/video_1").headers


def test_a_video_that_was_kept_long_enough_has_no_content_even_before_it_is_deleted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(bootstrap.clock().now())
    forget()
    warm(api.stack, monkeypatch, RETENTION_DAYS="1")
    api.stack.videos.accept(made("video_1").completed(now - DAY_SECONDS, stored("video_1")).announced(now))
    api.stack.videos.accept(made("video_2").completed(now - 60, stored("video_2")).announced(now))
    assert_problem(api.get("/v1/videos/video_1/content"), 410, "video_gone")
    assert_problem(api.get("/v1/videos/video_1/content", {"variant": "metadata"}), 410, "video_gone")
    assert api.get("/v1/videos/video_1").json["expires_at"] == now
    assert api.get("/v1/videos/video_2/content").status == 302
    assert {video["expires_at"] for video in api.get("/v1/videos").json["data"]} == {now, now - 60 + DAY_SECONDS}
    forget()


def test_a_file_is_told_with_its_checksums_and_links_to_show_it_save_it_and_pass_it_on(api: Api) -> None:
    api.stack.s3.put_object(Bucket=BUCKET, Key=video_key("video_1"), Body=b"a film")
    found = S3Objects(lambda: api.stack.s3, BUCKET).find(video_key("video_1"))
    assert found is not None
    api.stack.videos.accept(made(link_key="ab" * 16).completed(1, found.object))
    answer = api.get("/v1/videos/video_1/file")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    file = answer.json
    assert (file["bucket"], file["key"], file["bytes"], file["etag"]) == (
        BUCKET,
        found.object.key,
        6,
        found.object.etag,
    )
    shown, saved = (requests.get(file[name], timeout=5) for name in ("url", "download_url"))
    assert (shown.content, saved.content) == (b"a film", b"a film")
    assert shown.headers["content-disposition"] == 'inline; filename="video_1.mp4"'
    assert saved.headers["content-disposition"] == 'attachment; filename="video_1.mp4"'
    lasting = urlsplit(file["lasting_url"])
    assert lasting.path.startswith("/v1/files/video_1/")
    opened = bootstrap.dashscope().open_link("video_1", lasting.path.rpartition("/")[2])
    assert requests.get(opened, timeout=5).content == b"a film"


def test_links_name_the_host_of_the_region_for_the_global_one_redirects_while_a_bucket_is_new(api: Api) -> None:
    api.stack.videos.accept(made().completed(1, stored()))
    location = api.get("/v1/videos/video_1/content").headers["location"]
    assert urlsplit(location).netloc == f"{BUCKET}.s3.{REGION}.amazonaws.com"
    assert bootstrap.api().objects.origin() == f"https://{BUCKET}.s3.{REGION}.amazonaws.com"


def test_content_that_is_not_yet_is_a_409_and_content_that_will_never_be_a_410(api: Api) -> None:
    api.stack.videos.accept(running("video_1"))
    api.stack.videos.accept(running("video_2").ended(1, Failure("x", "y", "poll", False)))
    assert_problem(api.get("/v1/videos/video_1/content"), 409, "video_not_ready")
    assert_problem(api.get("/v1/videos/video_2/content"), 410, "video_gone")
    assert_problem(api.get("/v1/videos/video_1/file"), 409, "video_not_ready")
    assert_problem(api.get("/v1/videos/video_2/file"), 410, "video_gone")
