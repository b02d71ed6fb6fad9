"""`webhook` against the real API."""

from __future__ import annotations

import pytest

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import Served, lose_answer
from wan_video.domain.delivery import DeliveryStatus
from wan_video_cli.errors import ExitCode

URL = "https://hooks.example.com/wan"
ROOT = "/v1/v1/webhook_endpoints"


def added(cli: Cli, *arguments: str) -> str:
    """Create an endpoint, and return its id."""
    return str(cli.good("webhook", "add", *(arguments or (URL,)), "--json").json["id"])


def test_an_endpoint_is_created_and_only_its_secret_is_on_standard_output(api: Served, cli: Cli) -> None:
    run = cli.good("webhook", "add", URL, "--event", "video.failed", "--event", "video.expired", "--description", "x")
    assert run.out.startswith("whsec_")
    assert run.out.count("\n") == 1
    (endpoint,) = api.webhooks.endpoints.of("alice")
    assert endpoint.id in run.err
    assert (endpoint.url, endpoint.description) == (URL, "x")
    assert endpoint.event_types == frozenset({"video.failed", "video.expired"})


def test_endpoints_are_listed_without_their_secrets(api: Served, cli: Cli) -> None:
    mine = added(cli)
    api.webhooks.clock.advance(1)
    signer = added(cli, "--description", "callbacks")
    rows = [line.split("\t") for line in cli.good("webhook", "list").out.splitlines()]
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        (mine, "enabled", "all", URL),
        (signer, "enabled", "all", "(signs callbacks)"),
    ]
    listed = cli.good("webhook", "list", "--json")
    assert [endpoint["id"] for endpoint in listed.json["data"]] == [mine, signer]
    assert "whsec_" not in listed.out


def test_an_empty_list_says_how_to_create_an_endpoint(api: Served, cli: Cli) -> None:
    assert "`wan-video webhook add URL`" in cli.good("webhook", "list").err


def test_a_rotation_shows_another_secret(api: Served, cli: Cli) -> None:
    made = cli.good("webhook", "add", URL, "--json").json
    secret = cli.good("webhook", "rotate", made["id"]).out.strip()
    assert secret.startswith("whsec_")
    assert secret != made["secret"]


def test_an_endpoint_that_a_410_disabled_is_enabled(api: Served, cli: Cli) -> None:
    endpoint = added(cli)
    (known,) = api.webhooks.endpoints.of("alice")
    api.webhooks.endpoints.save(known, known.disabled(known.created_at))
    assert "\tdisabled\t" in cli.good("webhook", "list").out
    assert cli("webhook", "test", endpoint).code == ExitCode.REFUSED

    assert f"{endpoint} is enabled" in cli.good("webhook", "enable", endpoint).out

    assert cli.good("webhook", "enable", endpoint, "--json").json["status"] == "enabled"
    cli.good("webhook", "test", endpoint)


def test_a_test_event_is_a_delivery(api: Served, cli: Cli) -> None:
    endpoint = added(cli)
    run = cli.good("webhook", "test", endpoint)
    (row,) = [line.split("\t") for line in cli.good("webhook", "deliveries", endpoint).out.splitlines()]
    assert (row[1], row[3], row[4]) == ("pending", "webhook.test", "0")
    (delivery,) = cli.good("webhook", "deliveries", endpoint, "--json").json["data"]
    assert delivery["event_id"] in run.out


def test_a_delivery_is_replayed_by_its_id_and_failures_by_their_time(api: Served, cli: Cli) -> None:
    endpoint = added(cli)
    made = cli.good("webhook", "test", endpoint, "--json").json
    (kept,) = api.webhooks.deliveries.list(endpoint, 1)
    failed = api.webhooks.deliveries.save(kept, kept.failed(kept.created_at, "attempts_exhausted"))
    assert failed.status is DeliveryStatus.FAILED
    (replayed,) = cli.good("webhook", "replay", endpoint, "--failed-since", "0", "--json").json["data"]
    assert (replayed["id"], replayed["status"]) == (made["id"], "pending")
    assert cli.good("webhook", "replay", endpoint, "--delivery", made["id"]).out.startswith(made["id"])
    assert cli("webhook", "replay", endpoint).code == ExitCode.NOT_USABLE


def test_an_endpoint_is_removed(api: Served, cli: Cli) -> None:
    endpoint = added(cli)
    assert endpoint in cli.good("webhook", "remove", endpoint).out
    assert api.webhooks.endpoints.of("alice") == []
    assert cli("webhook", "remove", endpoint).code == ExitCode.REFUSED


@pytest.mark.parametrize("command", ["rotate", "enable", "test", "remove", "deliveries"])
def test_an_id_that_would_lead_elsewhere_is_never_sent(api: Served, cli: Cli, command: str) -> None:
    run = cli("webhook", command, "../usage")
    assert run.code == ExitCode.NOT_USABLE
    assert "`wan-video webhook list`" in run.err
    assert api.requests == []


def test_a_lost_answer_is_not_repeated_and_says_where_to_look(api: Served, cli: Cli) -> None:
    api.mishaps += [lose_answer]
    run = cli("webhook", "add", URL)
    assert run.code == ExitCode.UNREACHABLE
    assert "`wan-video webhook list`" in run.err
    assert len(api.webhooks.endpoints.of("alice")) == 1


def test_a_url_that_is_not_public_is_the_apis_answer(api: Served, cli: Cli) -> None:
    assert cli("webhook", "add", "https://127.0.0.1/wan").code == ExitCode.REFUSED


def test_a_callback_needs_a_secret(api: Served, cli: Cli) -> None:
    refused = cli("generate", "a fox", "--callback-url", f"{URL}?token=secret")
    assert refused.code == ExitCode.REFUSED
    assert "token=secret" not in refused.err
    added(cli, "--description", "callbacks")
    cli.good("generate", "a fox", "--callback-url", f"{URL}?token=secret")
    assert api.the_video().request.callback_url == f"{URL}?token=secret"
