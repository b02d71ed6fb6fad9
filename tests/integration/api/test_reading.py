"""GET /v1/videos/{id} and its content."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.api.client import Api, assert_problem
from tools.harness.lambdas import end_process, event, invoke, warm
from tools.harness.patience import PATIENCE
from tools.harness.samples import made, queued, running, stored
from tools.harness.stack import BUCKET, REGION
from wan_video import bootstrap
from wan_video.adapters.s3.objects import S3Objects
from wan_video.domain.names import metadata_key, thumbnail_key, video_key
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.thumbnail import THUMBNAIL_SECONDS, Thumbnail
from wan_video.domain.trouble import Failure


def test_a_missing_video_and_one_of_another_owner_are_the_same_404(api: Api) -> None:
    api.stack.videos.accept(queued("video_1", owner="bob"))
    nowhere, others = api.get("/v1/videos/video_2"), api.get("/v1/videos/video_1")
    assert_problem(nowhere, 404, "video_not_found")
    assert_problem(others, 404, "video_not_found")
    assert nowhere.text.replace("video_2", "video_1") == others.text
    assert_problem(api.get("/v1/videos/video_1/content"), 404, "video_not_found")


@pytest.mark.parametrize("video_id", ["%20", "a b", "..", "video_1%2Fcontent", "狐", "'; DROP TABLE", "a" * 3000])
def test_an_odd_id_is_a_404(api: Api, video_id: str) -> None:
    answer = api.get(f"/v1/videos/{video_id}")
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_content_of_a_completed_video_is_a_working_link(api: Api) -> None:
    objects = S3Objects(lambda: api.stack.s3, BUCKET)
    api.stack.s3.put_object(Bucket=BUCKET, Key=video_key("video_1"), Body=b"a film")
    objects.put_json(metadata_key("video_1"), {"prompt": "a fox"})
    found = objects.find(video_key("video_1"))
    assert found is not None
    api.stack.videos.accept(made().completed(1, found.object))
    answer = api.get("/v1/videos/video_1/content")
    assert (answer.status, answer.headers["cache-control"]) == (302, "no-store")
    assert requests.get(answer.headers["location"], timeout=PATIENCE).content == b"a film"
    metadata = api.get("/v1/videos/video_1/content", {"variant": "metadata"})
    assert requests.get(metadata.headers["location"], timeout=PATIENCE).json() == {"prompt": "a fox"}
    assert_problem(api.get("/v1/videos/video_1/content", {"variant": "gif"}), 400, "invalid_request")
    assert "retry-after" not in api.get("/v1/videos/video_1").headers


def test_a_thumbnail_is_a_working_link_once_it_is_made(api: Api) -> None:
    now = int(bootstrap.clock().now())
    video = made().completed(now, stored()).announced(now)
    api.stack.videos.accept(video)
    early = api.get("/v1/videos/video_1/content", {"variant": "thumbnail"})
    assert_problem(early, 409, "thumbnail_not_ready")
    assert (early.headers["retry-after"], early.json["retryable"]) == ("5", True)
    assert "x-should-retry" not in early.headers
    assert api.get("/v1/videos/video_1").json["thumbnail"] == "pending"
    api.stack.s3.put_object(Bucket=BUCKET, Key=thumbnail_key("video_1"), Body=b"a picture", ContentType="image/jpeg")
    api.stack.videos.save(video, video.with_thumbnail(now, Thumbnail.READY))
    answer = api.get("/v1/videos/video_1/content", {"variant": "thumbnail"})
    assert (answer.status, answer.headers["cache-control"]) == (302, "no-store")
    picture = requests.get(answer.headers["location"], timeout=PATIENCE)
    assert (picture.content, picture.headers["content-type"]) == (b"a picture", "image/jpeg")
    assert picture.headers["content-disposition"] == 'inline; filename="video_1.jpg"'
    assert [shown["thumbnail"] for shown in api.get("/v1/videos").json["data"]] == ["ready"]


def test_a_thumbnail_that_will_not_come_is_a_404_that_says_why(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(bootstrap.clock().now())
    long_ago = now - THUMBNAIL_SECONDS
    api.stack.videos.accept(made("video_1").completed(long_ago, stored("video_1")).announced(long_ago))
    api.stack.videos.accept(made("video_2").completed(now, stored("video_2")).announced(now))
    assert_problem(api.get("/v1/videos/video_1/content", {"variant": "thumbnail"}), 404, "thumbnail_not_found")
    end_process()
    warm(api.stack, monkeypatch, THUMBNAILS="disabled")
    answer = api.get("/v1/videos/video_2/content", {"variant": "thumbnail"})
    assert_problem(answer, 404, "thumbnail_not_found")
    assert "`Thumbnails`" in answer.json["detail"]
    assert {video["thumbnail"] for video in api.get("/v1/videos").json["data"]} == {None}
    end_process()


def test_a_spritesheet_is_refused_with_the_variants_that_exist(api: Api) -> None:
    api.stack.videos.accept(made().completed(1, stored()))
    answer = api.get("/v1/videos/video_1/content", {"variant": "spritesheet"})
    assert_problem(answer, 400, "invalid_request")
    assert "'video', 'metadata' or 'thumbnail'" in answer.json["detail"]


def test_content_that_is_not_there_yet_says_when_to_ask_again(api: Api) -> None:
    api.stack.videos.accept(running())
    for variant in ("video", "metadata", "thumbnail"):
        answer = api.get("/v1/videos/video_1/content", {"variant": variant})
        assert_problem(answer, 409, "video_not_ready")
        assert answer.headers["retry-after"] == "15"


def test_after_its_term_a_video_has_no_content_even_before_it_is_deleted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(bootstrap.clock().now())
    end_process()
    warm(api.stack, monkeypatch, RETENTION_DAYS="1")
    api.stack.videos.accept(made("video_1").completed(now - DAY_SECONDS, stored("video_1")).announced(now))
    api.stack.videos.accept(made("video_2").completed(now - 60, stored("video_2")).announced(now))
    assert_problem(api.get("/v1/videos/video_1/content"), 410, "video_gone")
    assert_problem(api.get("/v1/videos/video_1/content", {"variant": "metadata"}), 410, "video_gone")
    assert api.get("/v1/videos/video_1").json["expires_at"] == now
    assert api.get("/v1/videos/video_2/content").status == 302
    assert {video["expires_at"] for video in api.get("/v1/videos").json["data"]} == {now, now - 60 + DAY_SECONDS}
    end_process()


def test_a_file_is_shown_with_its_checksums_and_links_to_show_save_and_share_it(api: Api) -> None:
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
    shown, saved = (requests.get(file[name], timeout=PATIENCE) for name in ("url", "download_url"))
    assert (shown.content, saved.content) == (b"a film", b"a film")
    assert shown.headers["content-disposition"] == 'inline; filename="video_1.mp4"'
    assert saved.headers["content-disposition"] == 'attachment; filename="video_1.mp4"'
    lasting = urlsplit(file["lasting_url"])
    assert lasting.path.startswith("/v1/files/video_1/")
    opened = bootstrap.api().content().open_lasting_path("video_1", lasting.path.rpartition("/")[2])
    assert requests.get(opened, timeout=PATIENCE).content == b"a film"


def test_links_use_the_regional_host_because_the_global_one_redirects_for_new_buckets(api: Api) -> None:
    api.stack.videos.accept(made().completed(1, stored()))
    location = api.get("/v1/videos/video_1/content").headers["location"]
    assert urlsplit(location).netloc == f"{BUCKET}.s3.{REGION}.amazonaws.com"
    assert bootstrap.api().content().origin() == f"https://{BUCKET}.s3.{REGION}.amazonaws.com"


def test_content_that_does_not_exist_yet_is_a_409_and_content_that_never_will_is_a_410(api: Api) -> None:
    api.stack.videos.accept(running("video_1"))
    api.stack.videos.accept(running("video_2").ended(1, Failure("x", "y", "poll", False)))
    early = api.get("/v1/videos/video_1/content")
    assert_problem(early, 409, "video_not_ready")
    assert "retry-after" in early.headers
    assert "x-should-retry" not in early.headers
    assert_problem(api.get("/v1/videos/video_2/content"), 410, "video_gone")
    assert_problem(api.get("/v1/videos/video_1/file"), 409, "video_not_ready")
    assert_problem(api.get("/v1/videos/video_2/file"), 410, "video_gone")


# --- dialects of `/v1/videos` ----------------------------------------------------------------------------------------

OPENAI_VIDEO = {
    "id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt", "size",
    "seconds", "remixed_from_video_id", "error",
}  # fmt: skip
"""Fields that OpenAI's published schema `VideoResource` requires; some of them may be null."""


def test_a_video_has_all_fields_that_openais_schema_requires(api: Api) -> None:
    for video in (api.post({"prompt": "a fox"}).json, api.get("/v1/videos").json["data"][0]):
        assert video.keys() >= OPENAI_VIDEO
        assert video["remixed_from_video_id"] is None


def test_a_video_contains_its_own_url(api: Api) -> None:
    created = api.post({"prompt": "a fox"}).json
    path = f"/v1/videos/{created['id']}"
    assert urlsplit(created["polling_url"]).path.endswith(path)
    assert urlsplit(created["polling_url"]).scheme == "https"
    assert api.get(path).json["polling_url"] == created["polling_url"]
    assert api.get("/v1/videos").json["data"][0]["polling_url"] == created["polling_url"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/videos", 200), ("/healthz", 200), ("/v1/videos/video_9", 404), ("/v1/videos?x=1", 400)],
)
def test_every_answer_has_the_id_of_its_request(api: Api, path: str, status: int) -> None:
    name, _, query = path.partition("?")
    answer = api.get(name, dict([query.split("=")]) if query else None)
    assert answer.status == status
    assert answer.headers["x-request-id"]
    if status >= 400:
        assert answer.headers["x-request-id"] == answer.json["instance"]


def test_a_body_that_is_refused_before_it_is_read_has_the_id_of_its_request(api: Api) -> None:
    answer = api.post("{")
    assert (answer.status, answer.headers["x-request-id"]) == (400, answer.json["instance"])


OPENROUTER = "speakeasy-sdk/typescript 1.3.19 2.914.0 1.0.0 @openrouter/sdk"


def to_openrouter(method: str, path: str, body: object = None) -> dict[str, Any]:
    """Return what OpenRouter's SDK gets; the API's description covers the answers to all other callers."""
    given = event("api_post" if body is not None else "api_get")
    given |= {"httpMethod": method, "path": path, "body": json.dumps(body) if body is not None else None}
    given["headers"] = {**given["headers"], "User-Agent": OPENROUTER}
    document: dict[str, Any] = json.loads(invoke("api", given)["body"])
    return document


def test_openrouters_sdk_gets_no_nulls_and_an_error_as_text(api: Api) -> None:
    """Its schema has no nulls: it would raise an error on ours, and its caller would request, and pay, again."""
    created = to_openrouter("POST", "/v1/videos", {"prompt": "a fox"})
    assert (created["status"], type(created["polling_url"])) == ("queued", str)
    assert None not in created.values()
    api.stack.videos.accept(running("video_1").ended(1, Failure("DataInspectionFailed", "No.", "poll", False)))
    assert to_openrouter("GET", "/v1/videos/video_1")["error"] == "No."
    api.stack.videos.accept(made("video_2").completed(1, stored("video_2")))
    done = to_openrouter("GET", "/v1/videos/video_2")
    assert done["unsigned_urls"] == [f"{done['polling_url']}/content"]
    assert api.get("/v1/videos/video_2").json["error"] is None
    assert to_openrouter("GET", "/v1/videos/video_9")["error"]["code"] == "video_not_found"


def test_content_can_be_requested_by_the_index_of_its_only_file(api: Api) -> None:
    api.stack.videos.accept(made("video_1").completed(1, stored("video_1")))
    assert api.get("/v1/videos/video_1/content", {"index": "0"}).status == 302
    assert_problem(api.get("/v1/videos/video_1/content", {"index": "1"}), 400, "invalid_request")
