"""Webhooks of the running stack: a receiver on loopback gets the events of its owner, signed, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from openai import OpenAI
from standardwebhooks import Webhook

from tests.e2e.clients import node
from tests.e2e.conftest import Local
from tests.e2e.receiver import Received, Receiver
from tests.e2e.steps import NOTICE_SECONDS, request
from tools.harness.patience import PATIENCE, until
from wan_video_local.stack import create_token

FUNCTIONS = ("api", "ingest", "notify")


@pytest.fixture
def receiver(local: Local, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver over HTTPS, whose origin is exempt and whose certificate is accepted while the test runs."""
    with Receiver(tmp_path) as receiver:
        local.set_variable(FUNCTIONS, "WEBHOOK_ORIGINS", receiver.origin)
        local.set_variable(["notify"], "SSL_CERT_FILE", receiver.ca_file)
        yield receiver
        local.set_variable(["notify"], "SSL_CERT_FILE", "")
        local.set_variable(FUNCTIONS, "WEBHOOK_ORIGINS", "")


def test_a_certificate_of_an_unknown_authority_is_not_accepted(local: Local, receiver: Receiver) -> None:
    local.set_variable(["notify"], "SSL_CERT_FILE", "")
    endpoint = call(local, "POST", "", {"url": receiver.url("strange")})
    try:
        call(local, "POST", f"/{endpoint['id']}/test")

        def refused() -> bool:
            (delivery,) = call(local, "GET", f"/{endpoint['id']}/deliveries")["data"]
            return bool(delivery["last_attempt"]) and delivery["last_attempt"]["error"] == "tls_failed"

        until(refused, "the refusal of the certificate")
        assert receiver.received == []
    finally:
        call(local, "DELETE", f"/{endpoint['id']}")


def call(local: Local, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
    """Call the API, and return its answer."""
    answer = requests.request(
        method,
        f"{local.stack.api_url}/v1/webhook_endpoints{path}",
        headers={"Authorization": f"Bearer {token or local.stack.token}"},
        json=body,
        timeout=PATIENCE,
    )
    assert answer.ok, answer.text
    return answer.json()


def verified(received: Received, secret: str) -> Any:
    """Return the event of a request whose signature two official libraries accept."""
    unwrapped = OpenAI(api_key="unused").webhooks.unwrap(received.body.decode(), received.headers, secret=secret)
    event = Webhook(secret).verify(received.body, received.headers)
    assert unwrapped.id == event["id"]
    return event


def test_a_video_is_announced_to_its_owners_endpoint_and_callback_and_to_no_other(
    local: Local, receiver: Receiver
) -> None:
    stranger = create_token(local.stack.aws, "stranger")
    mine = call(local, "POST", "", {"url": receiver.url("mine")})
    signer = call(local, "POST", "", {})
    theirs = call(local, "POST", "", {"url": receiver.url("theirs")}, stranger)
    try:
        asked = {**request("a fox with a doorbell"), "callback_url": receiver.url("callback?token=secret")}
        video = local.client.await_final(local.client.create(asked)["id"], within=NOTICE_SECONDS)
        until(lambda: len(receiver.received) >= 2, "both requests")
        event = local.notices.await_about(video["id"], within=NOTICE_SECONDS)

        by_path = {received.path: received for received in receiver.received}
        assert set(by_path) == {"/mine", "/callback?token=secret"}
        assert verified(by_path["/mine"], mine["secret"]) == event
        assert verified(by_path["/callback?token=secret"], signer["secret"]) == event
        assert by_path["/mine"].headers["webhook-id"] == event["id"]
        until(
            lambda: [one["status"] for one in call(local, "GET", f"/{mine['id']}/deliveries")["data"]] == ["delivered"],
            "the state of the delivery",
        )
        assert call(local, "GET", f"/{theirs['id']}/deliveries", token=stranger)["data"] == []
        assert "token=secret" not in local.log.text()
    finally:
        for endpoint, token in ((mine, None), (signer, None), (theirs, stranger)):
            call(local, "DELETE", f"/{endpoint['id']}", token=token)


def test_an_event_is_sent_again_until_the_receiver_accepts_it_and_again_on_request(
    local: Local, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302]
    endpoint = call(local, "POST", "", {"url": receiver.url("flaky"), "event_types": ["video.completed"]})
    try:
        test = call(local, "POST", f"/{endpoint['id']}/test")
        until(lambda: len(receiver.received) >= 3, "the third attempt")
        assert {json.loads(received.body)["id"] for received in receiver.received} == {test["event_id"]}
        assert {received.headers["webhook-id"] for received in receiver.received} == {test["event_id"]}

        def delivered() -> bool:
            (delivery,) = call(local, "GET", f"/{endpoint['id']}/deliveries")["data"]
            return (delivery["status"], delivery["attempts"]) == ("delivered", 3)

        until(delivered, "the state of the delivery")
        call(local, "POST", f"/{endpoint['id']}/replay", {"delivery_id": test["id"]})
        until(lambda: len(receiver.received) >= 4, "the replay")
        rotated = call(local, "POST", f"/{endpoint['id']}/rotate")
        call(local, "POST", f"/{endpoint['id']}/test")
        until(lambda: len(receiver.received) >= 5, "an event after the rotation")
        for secret in (endpoint["secret"], rotated["secret"]):
            verified(receiver.received[4], secret)
    finally:
        call(local, "DELETE", f"/{endpoint['id']}")


@pytest.mark.slow
def test_the_libraries_of_npm_accept_an_event(local: Local, receiver: Receiver) -> None:
    endpoint = call(local, "POST", "", {"url": receiver.url("npm")})
    try:
        call(local, "POST", f"/{endpoint['id']}/test")
        until(lambda: len(receiver.received) >= 1, "the event")
        received = receiver.received[0]
        asked = {"secret": endpoint["secret"], "body": received.body.decode(), "headers": received.headers}
        event = json.loads(received.body)
        assert node.run("webhooks.mjs", asked) == {"standardwebhooks": event, "openai": event}
    finally:
        call(local, "DELETE", f"/{endpoint['id']}")
