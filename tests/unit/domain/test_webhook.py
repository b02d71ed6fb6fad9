"""Webhook endpoints: their secrets, what they take, and the origins that are exempt from the rules for addresses."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks import Webhook, WebhookVerificationError

from tools.harness.samples import NOW
from wan_video.adapters.signatures import sign
from wan_video.domain.hosts import NO_ORIGINS, WebhookOrigins
from wan_video.domain.video import InvalidTransition
from wan_video.domain.webhook import BOTH_SECRETS_SECONDS, WebhookEndpoint, origin_of

ENDPOINT = WebhookEndpoint("whe_1", "alice", NOW, "https://example.com/")
SECRET = ENDPOINT.secrets("stack", NOW)[0]
OPENAI = OpenAI(api_key="unused", webhook_secret=SECRET)  # each client reads the certificates of the system


def test_a_secret_is_derived_and_differs_by_stack_endpoint_and_rotation() -> None:
    secrets = [
        SECRET,
        ENDPOINT.secrets("another stack", NOW)[0],
        replace(ENDPOINT, id="whe_2").secrets("stack", NOW)[0],
        ENDPOINT.rotated(NOW).secrets("stack", NOW)[0],
    ]

    assert len(set(secrets)) == len(secrets)
    assert ENDPOINT.secrets("stack", NOW + 99) == (SECRET,)
    for secret in secrets:
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_after_a_rotation_the_previous_secret_is_valid_for_a_day() -> None:
    rotated = ENDPOINT.rotated(NOW)

    assert rotated.secrets("stack", NOW + BOTH_SECRETS_SECONDS - 1)[1:] == (SECRET,)
    assert len(rotated.secrets("stack", NOW + BOTH_SECRETS_SECONDS)) == 1
    assert rotated.previous_until(NOW) == NOW + BOTH_SECRETS_SECONDS
    assert rotated.previous_until(NOW + BOTH_SECRETS_SECONDS) is None
    twice = rotated.rotated(NOW + 60)
    assert SECRET not in twice.secrets("stack", NOW + 60)
    assert twice.secrets("stack", NOW + 60)[1] == rotated.secrets("stack", NOW)[0]


@given(body=st.text(max_size=200), event_id=st.from_regex(r"evt_[0-9a-f]{32}", fullmatch=True))
def test_public_libraries_accept_our_signatures_and_refuse_them_for_any_other_body(body: str, event_id: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,AAAA {sign(SECRET, event_id, now, body)}",
    }

    Webhook(SECRET).verify(body, headers, json_parse=False)
    OPENAI.webhooks.verify_signature(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(f"{body}.", headers, json_parse=False)
    with pytest.raises(InvalidWebhookSignatureError):
        OPENAI.webhooks.verify_signature(f"{body}.", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, {**headers, "webhook-timestamp": str(now + 1)}, json_parse=False)


def test_an_endpoint_takes_the_types_that_it_selects_while_it_is_enabled() -> None:
    some = replace(ENDPOINT, event_types=frozenset({"video.failed"}))

    assert ENDPOINT.takes("video.completed")
    assert some.takes("video.failed")
    assert not some.takes("video.completed")
    assert not ENDPOINT.disabled(NOW).takes("video.completed")
    assert not replace(ENDPOINT, url=None).takes("video.completed")
    assert ENDPOINT.disabled(NOW).disabled(NOW + 1).disabled_at == NOW
    assert ENDPOINT.disabled(NOW).enabled() == ENDPOINT
    with pytest.raises(InvalidTransition):
        replace(ENDPOINT, url=None).disabled(NOW)


@pytest.mark.parametrize(
    "text",
    ["http://127.0.0.1", "ftp://a:1", "127.0.0.1:80", "http://a:1/", "http://u@a:1", "http://a:1/x", "*", "http://a:x"],
)
def test_an_exempt_origin_is_exact_or_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        WebhookOrigins.parse(text)


def test_only_exactly_an_exempt_origin_is_exempt() -> None:
    origins = WebhookOrigins.parse("http://127.0.0.1:8000, https://hooks.test:4443")

    for url in ("http://127.0.0.1:8000/hook?a=b", "https://hooks.test:4443"):
        assert origins.problem(url) is None
        assert NO_ORIGINS.problem(url) is not None
    for url in ("http://127.0.0.1:8001/", "https://127.0.0.1:8000/", "http://x@127.0.0.1:8000/", "http://127.0.0.1/"):
        assert origins.problem(url) is not None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://example.com/hook", None),
        ("https://example.com:443/hook?token=1", None),
        ("https://93.184.215.14/hook", None),
        ("http://example.com/hook", "HTTPS"),
        ("https://example.com:8443/", "443"),
        ("https://example.com/#fragment", "fragment"),
        ("https://user@example.com/", "user"),
        ("https://10.1.2.3/", "public"),
        ("https://[::ffff:169.254.169.254]/", "public"),
        ("https://[64:ff9b::169.254.169.254]/", "public"),
        ("https://localhost/", "public"),
        ("https://hooks.internal/", "public"),
        ("https://0x7f.1/", "public"),
        ("https://exa mple.com/", "link"),
        ("https://example.com\\@10.0.0.1/", "link"),
    ],
)
def test_a_receiver_is_public_and_uses_https_on_its_own_port(url: str, problem: str | None) -> None:
    found = NO_ORIGINS.problem(url)

    assert found is None if problem is None else problem in str(found)


def test_the_origin_of_a_url_names_its_receiver() -> None:
    assert origin_of("https://Example.com/a?b") == origin_of("https://example.com/c") == "https://example.com"
