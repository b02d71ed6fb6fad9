"""The routes of webhook endpoints."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.api.client import Api, assert_problem
from tools.harness.lambdas import end_process
from tools.harness.samples import NOW
from wan_video.bootstrap import adapters
from wan_video.domain.delivery import Task
from wan_video.domain.webhook import MAX_ENDPOINTS

PATH = "/v1/webhook_endpoints"
ORIGIN = "http://127.0.0.1:9"
URL = f"{ORIGIN}/hook"
UNKNOWN = "whe_" + 32 * "0"


@pytest.fixture(name="api")
def with_an_exempt_origin(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The function of a stack in whose tests one origin is exempt."""
    monkeypatch.setenv("WEBHOOK_ORIGINS", ORIGIN)
    end_process()
    return api


def create(api: Api, body: Any = None, owner: str = "alice") -> dict[str, Any]:
    """Create an endpoint."""
    answer = api.post({"url": URL} if body is None else body, path=PATH, owner=owner)
    assert answer.status == 201, answer.text
    return answer.json


def messages(api: Api) -> list[Task]:
    """Return the messages in the queue of `notify`."""
    received = api.stack.clients.sqs.receive_message(QueueUrl=api.stack.notify_queue_url, MaxNumberOfMessages=10)
    found = [Task.of(json.loads(message["Body"])) for message in received.get("Messages", [])]
    return [task for task in found if task is not None]


def test_an_endpoint_is_created_with_a_secret_that_is_never_shown_again(api: Api) -> None:
    made = create(api, {"url": URL, "event_types": ["video.failed"], "description": "failures"})

    assert made["secret"].startswith("whsec_")
    shown = {**made, "secret": None}
    assert (made["status"], made["event_types"], made["failures"]) == ("enabled", ["video.failed"], 0)
    assert api.get(f"{PATH}/{made['id']}").json == shown
    assert api.get(PATH).json == {"object": "list", "data": [shown]}
    table = json.dumps(api.stack.dynamodb.Table("ledger").scan()["Items"], default=str)
    assert made["secret"].removeprefix("whsec_") not in table


def test_a_repeated_request_with_a_key_creates_one_endpoint_and_shows_its_secret(api: Api) -> None:
    key = {"Idempotency-Key": "one"}
    first, again = (api.post({"url": URL}, key, path=PATH) for _ in range(2))

    assert first.status == again.status == 201
    assert first.json == again.json
    assert len(api.get(PATH).json["data"]) == 1
    assert_problem(api.post({"url": f"{URL}/2"}, key, path=PATH), 422, "idempotency_key_reused")
    assert api.post({"url": URL}, key, path=PATH, owner="bob").json["id"] != first.json["id"]
    signers = [api.post({}, {"Idempotency-Key": "two"}, path=PATH) for _ in range(2)]
    assert signers[0].json == signers[1].json
    api.post(path=f"{PATH}/{first.json['id']}/rotate")
    assert_problem(api.post({"url": URL}, key, path=PATH), 422, "idempotency_key_reused")


def test_a_rotation_returns_another_secret_and_says_until_when_the_previous_one_is_valid(api: Api) -> None:
    made = create(api)

    rotated = api.post(path=f"{PATH}/{made['id']}/rotate").json

    assert rotated["secret"] not in (None, made["secret"])
    assert made["previous_secret_valid_until"] is None
    assert rotated["previous_secret_valid_until"] - rotated["created_at"] >= 24 * 3600


def test_an_owner_has_at_most_ten_endpoints_and_a_deleted_one_makes_room(api: Api) -> None:
    ids = [create(api)["id"] for _ in range(MAX_ENDPOINTS)]
    assert_problem(api.post({"url": URL}, path=PATH), 409, "too_many_webhook_endpoints")
    create(api, owner="bob")

    assert api.delete(f"{PATH}/{ids[3]}").json == {"id": ids[3], "object": "webhook_endpoint.deleted", "deleted": True}
    create(api)

    assert_problem(api.post({"url": URL}, path=PATH), 409, "too_many_webhook_endpoints")
    assert len(api.get(PATH).json["data"]) == MAX_ENDPOINTS


def test_another_owners_endpoint_does_not_exist(api: Api) -> None:
    path = f"{PATH}/{create(api, owner='bob')['id']}"

    assert api.get(PATH).json["data"] == []
    for answer in (
        api.get(path),
        api.delete(path),
        api.get(f"{path}/deliveries"),
        api.post(path=f"{path}/rotate"),
        api.post(path=f"{path}/enable"),
        api.post(path=f"{path}/test"),
        api.post({"failed_since": 0}, path=f"{path}/replay"),
        api.get(f"{PATH}/{UNKNOWN}"),
        api.get(f"{PATH}/endpoints"),
    ):
        assert_problem(answer, 404, "webhook_endpoint_not_found")
    assert api.get(path, owner="bob").status == 200


def test_only_a_token_that_may_write_changes_endpoints(api: Api) -> None:
    path = f"{PATH}/{create(api)['id']}"

    for answer in (
        api.post({"url": URL}, path=PATH, scopes="read"),
        api.delete(path, scopes="read"),
        api.post(path=f"{path}/rotate", scopes="read"),
        api.post(path=f"{path}/enable", scopes="read"),
        api.post(path=f"{path}/test", scopes="read"),
        api.post({"failed_since": 0}, path=f"{path}/replay", scopes="read"),
        api.get(PATH, scopes="write"),
        api.get(path, scopes="write"),
        api.get(f"{path}/deliveries", scopes="write"),
    ):
        assert_problem(answer, 403, "forbidden")
    for readable in (PATH, path, f"{path}/deliveries"):
        assert api.get(readable, scopes="read").status == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://example.com/hook"}, "/url"),
        ({"url": "https://example.com:8443/hook"}, "/url"),
        ({"url": "https://user@example.com/hook"}, "/url"),
        ({"url": "https://example.com/hook#part"}, "/url"),
        ({"url": "https://10.0.0.1/"}, "/url"),
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url"),
        ({"url": "https://[::1]/"}, "/url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url"),
        ({"url": "https://[64:ff9b::a00:1]/"}, "/url"),
        ({"url": "https://[2002:a00:1::1]/"}, "/url"),
        ({"url": "https://[fd00:ec2::254]/"}, "/url"),
        ({"url": "https://2130706433/"}, "/url"),
        ({"url": "https://metadata.google.internal/"}, "/url"),
        ({"url": "http://127.0.0.1:10/hook"}, "/url"),
        ({"url": "not a link"}, "/url"),
        ({"url": f"https://example.com/{2048 * 'a'}"}, "/url"),
        ({"url": URL, "event_types": ["video.done"]}, "/event_types"),
        ({"url": URL, "event_types": []}, "/event_types"),
        ({"event_types": ["video.failed"]}, "/event_types"),
        ({"url": URL, "description": 257 * "a"}, "/description"),
        ({"url": URL, "secret": "mine"}, "/secret"),
    ],
)
def test_a_body_that_is_wrong_is_refused_with_a_pointer_and_nothing_is_stored(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    answer = api.post(body, path=PATH)

    assert_problem(answer, 400, "invalid_request")
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert api.get(PATH).json["data"] == []


def test_a_test_event_becomes_a_delivery_with_a_message(api: Api) -> None:
    made = create(api, {"url": URL, "event_types": ["video.failed"]})

    answer = api.post(path=f"{PATH}/{made['id']}/test")

    assert (answer.status, answer.json["event_type"], answer.json["status"]) == (202, "webhook.test", "pending")
    assert messages(api) == [Task(made["id"], answer.json["id"])]
    assert api.get(f"{PATH}/{made['id']}/deliveries").json["data"] == [answer.json]
    assert_problem(api.post({"url": URL}, path=f"{PATH}/{made['id']}/test"), 400, "invalid_request")


def test_a_delivery_is_replayed_by_its_id(api: Api) -> None:
    made = create(api)
    delivery = api.post(path=f"{PATH}/{made['id']}/test").json
    messages(api)

    answer = api.post({"delivery_id": delivery["id"]}, path=f"{PATH}/{made['id']}/replay")

    assert (answer.status, [one["id"] for one in answer.json["data"]]) == (202, [delivery["id"]])
    path = f"{PATH}/{made['id']}/replay"
    for unknown in ("whd_000000000001_evt_" + 32 * "0", "whd_1", delivery["event_id"]):
        assert_problem(api.post({"delivery_id": unknown}, path=path), 404, "delivery_not_found")
    for wrong in ({}, {"delivery_id": delivery["id"], "failed_since": 0}):
        assert_problem(api.post(wrong, path=path), 400, "invalid_request")
    assert api.post({"failed_since": 0}, path=path).json["data"] == []


def test_an_endpoint_that_a_410_disabled_can_be_enabled(api: Api) -> None:
    made = create(api)
    path = f"{PATH}/{made['id']}"
    endpoints, lanes = adapters.webhook_endpoints(), adapters.lanes()
    known, lane = endpoints.get("alice", made["id"]), lanes.get(made["id"])
    lanes.save(lane, replace(lane, failures=20, paused_at=NOW), NOW)
    endpoints.save(known, known.disabled(NOW))
    assert api.get(path).json["status"] == "disabled"
    refused = api.post(path=f"{path}/test")
    assert_problem(refused, 409, "webhook_endpoint_disabled")
    assert "enable the endpoint first" in refused.text

    enabled = api.post(path=f"{path}/enable")

    assert enabled.status == 200
    assert enabled.json == api.get(path).json == {**made, "secret": None}
    assert api.post(path=f"{path}/test").status == 202
    assert api.post(path=f"{path}/enable").json == enabled.json, "it stays as it is"
    assert_problem(api.post({"status": "enabled"}, path=f"{path}/enable"), 400, "invalid_request")


def test_an_endpoint_without_a_url_signs_callbacks_and_there_is_one(api: Api) -> None:
    body = {"prompt": "a fox", "callback_url": f"{ORIGIN}/done?token=secret"}
    refused = api.post(body)
    assert_problem(refused, 400, "invalid_request")
    assert [error["pointer"] for error in refused.json["errors"]] == ["/callback_url"]
    assert "POST /v1/webhook_endpoints" in refused.text
    batch = {"name": "foxes.jsonl", "callback_url": f"{ORIGIN}/batch"}
    assert_problem(api.post(batch, path="/v1/batches"), 400, "invalid_request")

    signer = create(api, {})

    assert (signer["url"], signer["secret"][:6]) == (None, "whsec_")
    assert_problem(api.post({}, path=PATH), 409, "callback_secret_exists")
    assert_problem(api.post(path=f"{PATH}/{signer['id']}/test"), 409, "webhook_endpoint_disabled")
    assert_problem(api.post(body, owner="bob"), 400, "invalid_request")
    made = api.post(body)
    assert made.status == 202
    assert "token" not in made.text
    row = api.stack.videos.get(made.json["id"])
    assert row.request.callback_url == body["callback_url"]
    assert "token" not in repr(row)
    stored = api.post(batch, path="/v1/batches")
    assert stored.status == 202
    assert api.stack.batches.get(stored.json["id"]).callback_url == batch["callback_url"]
    assert api.delete(f"{PATH}/{signer['id']}").status == 200
    assert_problem(api.post(body), 400, "invalid_request")
    create(api, {})


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://example.com:444/", "ftp://x/"])
def test_a_callback_url_that_is_not_public_https_is_refused(api: Api, url: str) -> None:
    create(api, {})

    for path, body in (("/v1/videos", {"prompt": "a fox"}), ("/v1/batches", {"name": "foxes.jsonl"})):
        answer = api.post({**body, "callback_url": url}, path=path)
        assert_problem(answer, 400, "invalid_request")
        assert [error["pointer"] for error in answer.json["errors"]] == ["/callback_url"]


def test_a_host_that_cannot_be_looked_up_is_refused_when_an_endpoint_is_created(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", nowhere)
    answer = api.post({"url": "https://hooks.example.com/"}, path=PATH)

    assert_problem(answer, 400, "invalid_request")
    assert "cannot be looked up" in answer.json["detail"]
