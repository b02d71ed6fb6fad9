"""POST cancel and retry, and DELETE: when each of them is allowed, and what remains of a video."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.api.client import Answer, Api, assert_problem
from tools.harness.lambdas import event, invoke
from tools.harness.samples import NOW, made, queued, request, running, starting, stored, submitting
from tools.harness.stack import BUCKET
from wan_video.domain.names import object_keys
from wan_video.domain.request import UNKNOWN_PROMPT
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video

POOL = "singapore#wan2.6-t2v"
FAILURE = Failure("InternalError", "Wan broke.", "poll", True)


def cancel(api: Api, video_id: str, **authorizer: str) -> Answer:
    return api.post(None, None, path=f"/v1/videos/{video_id}/cancel", query=None, **authorizer)


def retry(api: Api, video_id: str, key: str | None = None, **authorizer: str) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    return api.post(None, headers, path=f"/v1/videos/{video_id}/retry", query=None, **authorizer)


def completed(video_id: str, **wanted: Any) -> Video:
    return made(video_id, **wanted).completed(NOW, stored(video_id))


def cancelled_record(video_id: str) -> dict[str, Any]:
    """Return the stream record of a row that changed from queued to cancelled."""
    given = event("stream_modify")
    (record,) = given["Records"]
    for image, status in (("OldImage", "queued"), ("NewImage", "cancelled")):
        record["dynamodb"][image] |= {"id": {"S": video_id}, "status": {"S": status}}
    return given


# --- cancel ----------------------------------------------------------------------------------------------------------


def test_a_queued_video_is_cancelled_for_free_and_leaves_its_queue(api: Api) -> None:
    video_id = api.post({"prompt": "a fox"}).json["id"]
    answer = cancel(api, video_id)
    assert (answer.status, answer.json["status"], answer.json["usage"]) == (200, "cancelled", None)
    assert (answer.json["queue_position"], answer.json["waiting_for"]) == (None, None)
    assert "retry-after" not in answer.headers
    assert api.stack.pools.head(POOL, "alice") is None
    invoke("dispatch", event("schedule"))
    assert api.stack.executions() == {}
    assert api.stack.pools.read([POOL])[0].running == frozenset()
    assert api.get("/v1/usage").json["today"]["reserved_seconds"] == 0


def test_cancelling_again_changes_nothing(api: Api) -> None:
    video_id = api.post({"prompt": "a fox"}).json["id"]
    first = cancel(api, video_id)
    assert cancel(api, video_id).json == first.json
    assert api.stack.videos.get(video_id).version == 1


def test_sweep_announces_a_cancelled_video_once(api: Api) -> None:
    video_id = api.post({"prompt": "a fox"}).json["id"]
    cancel(api, video_id)
    assert api.stack.notices() == []
    assert invoke("sweep", cancelled_record(video_id)) == {"notice_published": 1}
    assert invoke("sweep", cancelled_record(video_id)) == {}
    (notice,) = api.stack.notices()
    event = json.loads(notice["Message"])
    assert (event["type"], event["data"]["id"], event["data"]["error"]) == ("video.cancelled", video_id, None)


@pytest.mark.parametrize("state", [starting, submitting, running, made, completed], ids=lambda state: state.__name__)
def test_a_video_that_was_sent_to_wan_is_not_cancelled(api: Api, state: Callable[[str], Video]) -> None:
    api.stack.videos.accept(state("video_1"))
    answer = cancel(api, "video_1")
    assert_problem(answer, 409, "video_not_cancellable")
    assert (answer.json["retryable"], answer.headers["x-should-retry"]) == (False, "false")
    assert api.stack.videos.get("video_1") == state("video_1")


def test_a_dispatched_video_can_no_longer_be_cancelled(api: Api) -> None:
    video_id = api.post({"prompt": "a fox"}).json["id"]
    invoke("dispatch", event("schedule"))
    assert_problem(cancel(api, video_id), 409, "video_not_cancellable")
    assert api.get(f"/v1/videos/{video_id}").json["status"] == "queued"


def test_an_unexpected_body_is_not_read(api: Api) -> None:
    api.stack.videos.accept(queued("video_1"))
    assert api.post("{not json", {"Content-Type": "text/plain"}, path="/v1/videos/video_1/cancel").status == 200


# --- retry -----------------------------------------------------------------------------------------------------------


def test_a_failed_video_is_retried_with_the_same_request(api: Api) -> None:
    asked = request(
        negative_prompt="rain", metadata={"case": "7"}, custom_id="row-1", watermark=True, shot_type="multi"
    )
    api.stack.videos.accept(running("video_1", request=asked).ended(NOW, FAILURE))
    answer = retry(api, "video_1")
    old, new = api.get("/v1/videos/video_1").json, answer.json
    assert (answer.status, new["status"], new["error"], new["upstream"]) == (202, "queued", None, None)
    assert new["id"] != old["id"]
    same = (
        "model",
        "prompt",
        "seconds",
        "size",
        "negative_prompt",
        "seed",
        "shot_type",
        "watermark",
        "metadata",
        "custom_id",
    )
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    assert api.stack.videos.get(new["id"]).request == asked


def test_a_retry_is_one_video_for_each_key(api: Api) -> None:
    api.stack.videos.accept(running("video_1").ended(NOW, FAILURE))
    ids = [retry(api, "video_1", key).json["id"] for key in ("k", "k", None, None)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert_problem(api.post({"prompt": "a"}, {"Idempotency-Key": "k"}), 422, "idempotency_key_reused")


def test_the_dry_run_of_a_retry_returns_the_price_and_stores_nothing(api: Api) -> None:
    api.stack.videos.accept(running("video_1").ended(NOW, FAILURE))
    path, dry = "/v1/videos/video_1/retry", {"dry_run": "true"}
    answer = api.post(None, path=path, query=dry)
    assert (answer.status, answer.json["estimate"]["price"]) == (200, "3.669620")
    assert_problem(api.post({"max_price": "0.01"}, path=path, query=dry), 402, "budget_exceeded")
    assert api.stored == 1


@pytest.mark.parametrize("max_price", ["0.01", 0.01, 0])
def test_a_retry_above_max_price_is_refused(api: Api, max_price: object) -> None:
    api.stack.videos.accept(running("video_1").ended(NOW, FAILURE))
    path = "/v1/videos/video_1/retry"
    assert_problem(api.post({"max_price": max_price}, path=path), 402, "budget_exceeded")
    assert api.stored == 1
    assert api.post({"max_price": "3.669620"}, path=path).status == 202


@pytest.mark.parametrize(
    "body", [{"maxprice": "1"}, {"prompt": "a"}, {"max_price": "cheap"}, '{"max_price": 1, "max_price": 2}', "[]"]
)
def test_an_invalid_retry_is_a_400_and_creates_nothing(api: Api, body: object) -> None:
    api.stack.videos.accept(running("video_1").ended(NOW, FAILURE))
    assert_problem(api.post(body, path="/v1/videos/video_1/retry"), 400, "invalid_request")
    assert api.stored == 1


def test_a_limit_in_another_content_type_is_refused_and_not_ignored(api: Api) -> None:
    api.stack.videos.accept(running("video_1").ended(NOW, FAILURE))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = api.post("max_price=1", form, path="/v1/videos/video_1/retry")
    assert_problem(answer, 415, "unsupported_media_type")
    assert api.post("", form, path="/v1/videos/video_1/retry").status == 202


def test_the_key_of_a_retry_also_covers_its_limit(api: Api) -> None:
    api.stack.videos.accept(running("video_1").ended(NOW, FAILURE))
    key, path = {"Idempotency-Key": "k"}, "/v1/videos/video_1/retry"
    first = api.post({"max_price": "5"}, key, path=path)
    assert api.post({"max_price": "5"}, key, path=path).json["id"] == first.json["id"]
    assert_problem(api.post(None, key, path=path), 422, "idempotency_key_reused")


def test_a_retry_that_an_sdk_repeats_without_a_key_is_one_video(api: Api) -> None:
    api.stack.videos.accept(running("video_1").ended(NOW, FAILURE))
    first, again = (
        api.post(None, {"x-stainless-retry-count": str(count)}, path="/v1/videos/video_1/retry") for count in (0, 1)
    )
    assert first.json["id"] == again.json["id"]


@pytest.mark.parametrize("state", [queued, starting, running, made], ids=lambda state: state.__name__)
def test_a_video_that_has_not_ended_is_not_retried(api: Api, state: Callable[[str], Video]) -> None:
    api.stack.videos.accept(state("video_1"))
    answer = retry(api, "video_1")
    assert_problem(answer, 409, "video_not_retryable")
    assert (answer.json["retryable"], api.stored) == (True, 1)


def test_an_imported_task_without_a_known_prompt_is_not_retried(api: Api) -> None:
    api.stack.videos.accept(running("video_1", request=request(prompt=UNKNOWN_PROMPT)).ended(NOW, FAILURE))
    assert_problem(retry(api, "video_1"), 400, "invalid_request")
    assert api.stored == 1


# --- delete ----------------------------------------------------------------------------------------------------------


def finished_by_key(api: Api, key: str) -> str:
    """Store a completed, announced video that was created with a key, with its objects, and return its id."""
    video_id: str = api.post({"prompt": "a fox"}, {"Idempotency-Key": key}).json["id"]
    invoke("dispatch", event("schedule"))
    video = api.stack.videos.get(video_id)
    video = api.stack.videos.save(video, video.submitting(NOW))
    video = api.stack.videos.save(video, video.completed(NOW, stored(video_id)))
    api.stack.videos.save(video, video.announced(NOW))
    for name in (*object_keys(video_id), "videos/video_other/video.mp4"):
        api.stack.s3.put_object(Bucket=BUCKET, Key=name, Body=b"x")
    return video_id


def test_a_deleted_video_is_gone_with_its_objects_and_its_key_creates_no_other(api: Api) -> None:
    video_id = finished_by_key(api, "k")
    assert api.get(f"/v1/videos/{video_id}/content").status == 302
    answer = api.delete(f"/v1/videos/{video_id}")
    assert (answer.status, answer.json) == (200, {"id": video_id, "object": "video.deleted", "deleted": True})
    listed = api.stack.s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [entry["Key"] for entry in listed] == ["videos/video_other/video.mp4"]
    assert_problem(api.get(f"/v1/videos/{video_id}"), 404, "video_not_found")
    assert_problem(api.get(f"/v1/videos/{video_id}/content"), 410, "video_gone")
    assert_problem(api.post({"prompt": "a fox"}, {"Idempotency-Key": "k"}), 410, "video_gone")
    assert_problem(api.delete(f"/v1/videos/{video_id}"), 404, "video_not_found")
    assert_problem(retry(api, video_id), 404, "video_not_found")
    assert_problem(cancel(api, video_id), 404, "video_not_found")
    assert api.get("/v1/videos").json["data"] == []


def test_another_owner_does_not_learn_that_a_video_was_deleted(api: Api) -> None:
    video_id = finished_by_key(api, "k")
    api.delete(f"/v1/videos/{video_id}")
    assert_problem(api.get(f"/v1/videos/{video_id}/content", owner="bob"), 404, "video_not_found")
    assert_problem(api.get("/v1/videos", {"after": video_id}, owner="bob"), 400, "invalid_request")


@pytest.mark.parametrize("state", [queued, starting, running, made, completed], ids=lambda state: state.__name__)
def test_a_video_that_has_not_been_announced_is_not_deleted(api: Api, state: Callable[[str], Video]) -> None:
    api.stack.videos.accept(state("video_1"))
    answer = api.delete("/v1/videos/video_1")
    assert_problem(answer, 409, "video_not_deletable")
    assert api.stack.videos.get("video_1") == state("video_1")


# --- owners and scopes -----------------------------------------------------------------------------------------------


def test_another_owners_video_can_be_neither_cancelled_nor_retried_nor_deleted(api: Api) -> None:
    api.stack.videos.accept(queued("video_1", owner="bob"))
    api.stack.videos.accept(completed("video_2", owner="bob").announced(NOW))
    assert_problem(cancel(api, "video_1"), 404, "video_not_found")
    assert_problem(retry(api, "video_2"), 404, "video_not_found")
    assert_problem(api.delete("/v1/videos/video_2"), 404, "video_not_found")
    assert api.stack.videos.get("video_1").status is Status.QUEUED
    assert api.stored == 2


def test_a_token_with_only_the_scope_to_read_changes_nothing(api: Api) -> None:
    api.stack.videos.accept(queued("video_1"))
    api.stack.videos.accept(completed("video_2").announced(NOW))
    assert_problem(cancel(api, "video_1", scopes="read"), 403, "forbidden")
    assert_problem(retry(api, "video_2", scopes="read"), 403, "forbidden")
    assert_problem(api.delete("/v1/videos/video_2", scopes="read"), 403, "forbidden")
    assert api.stack.videos.get("video_1").status is Status.QUEUED
    assert api.stored == 2
