"""`usage`, `models`, `login`, `logout` and `profiles`, and errors of addresses and tokens."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import THROTTLED, TOKEN, Served, answer_instead
from tools.harness.samples import NOW
from wan_video.domain.quota import Quota
from wan_video.domain.token import Token
from wan_video_cli.api import TRIES
from wan_video_cli.errors import ExitCode
from wan_video_cli.settings import API_URL, BEARER

KEPT = Path("config/wan-video/config.toml")


@pytest.fixture
def logged_out(api: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The API, and a user without its address."""
    monkeypatch.delenv(API_URL)
    monkeypatch.delenv(BEARER)
    return api


def login(cli: Cli, api: Served, *arguments: str) -> None:
    cli.good("login", *arguments, stdin=f"{api.api_url}/\n{TOKEN}\n")


# --- usage and models ------------------------------------------------------------------------------------------------


def test_usage_shows_running_videos_and_what_was_spent(api: Served, cli: Cli) -> None:
    cli.good("generate", "a fox")
    api.start()
    shown = cli.good("usage").out
    assert "owner         alice" in shown
    assert "0 s of video, 0.00 CNY, 5 s more reserved" in shown
    assert cli.good("usage", "--json").json["today"]["reserved_seconds"] == 5


def test_models_are_listed_with_their_prices_and_one_with_its_sizes(api: Served, cli: Cli) -> None:
    listed = cli.good("models").out.splitlines()
    (row,) = [line.split("\t") for line in listed if line.startswith("wan2.6-t2v\t")]
    assert row[1:4] == ["720P 1080P", "2-15", "yes"]
    assert row[4].endswith("-1.10 CNY")
    one = cli.good("models", "wan2.6-t2v").out
    assert "1280x720 (16:9)" in one
    assert "720P 0.73, 1080P 1.10 CNY a second" in one
    assert cli.good("models", "wan2.6-t2v", "--json").json["id"] == "wan2.6-t2v"
    assert len(cli.good("models", "--json").json["data"]) == len(listed)
    assert cli("models", "sora").code == ExitCode.NOT_USABLE


def test_a_model_shows_which_images_it_takes_and_what_silence_costs(api: Served, cli: Cli) -> None:
    def shown(model: str) -> str:
        return " ".join(cli.good("models", model).out.split())

    assert "first frame, or first and last frame (required); sides of 240 to 8000 pixels, up to 20 MB" in shown(
        "wan2.7-i2v"
    )
    flash = shown("wan2.6-i2v-flash")
    assert "first frame (required); sides of 360 to 2000 pixels, up to 10 MB" in flash
    assert "720P 0.37, 1080P 0.55 CNY a second" in flash
    assert "singapore silent 720P 0.18, 1080P 0.28 CNY a second" in flash
    assert "limit in singapore 5 at once" in flash
    assert " image " not in shown("wan2.6-t2v")


def test_limits_and_retirements_are_shown_with_the_model_and_retirements_with_the_list(api: Served, cli: Cli) -> None:
    assert "5 at once (registry)" in cli.good("models", "wan2.6-t2v").out
    api.store.keep_quota("singapore#wan2.6-t2v", Quota(20), NOW)
    api.store.keep_retirement("singapore#wan2.6-t2v", 1_798_646_400)
    one = cli.good("models", "wan2.6-t2v").out
    assert "20 at once (account)" in one
    assert "2026-12-30" in one
    assert "retires" not in cli.good("models", "wan2.7-t2v").out
    assert cli.good("models").err.count("wan2.6-t2v goes offline in singapore on 2026-12-30.") == 1


# --- login -----------------------------------------------------------------------------------------------------------


def test_a_login_is_checked_and_stored_in_a_private_file(logged_out: Served, cli: Cli, home: Path) -> None:
    run = cli.good("login", stdin=f"{logged_out.api_url}/\n{TOKEN}\n")
    assert "Logged in as 'alice'; kept as profile 'default'" in run.out
    assert (home / KEPT).stat().st_mode & 0o777 == 0o600
    assert (home / KEPT.parent).stat().st_mode & 0o777 == 0o700
    assert "alice" in cli.good("usage").out


def test_profiles_exist_side_by_side_and_are_removed_one_by_one(logged_out: Served, cli: Cli) -> None:
    login(cli, logged_out)
    assert cli.good("login", "--profile", "work", "--api-url", logged_out.api_url, "--json", stdin=TOKEN).json == {
        "profile": "work",
        "api_url": logged_out.api_url,
        "owner": "alice",
    }
    assert [one["profile"] for one in cli.good("profiles", "--json").json] == ["default", "work"]
    assert cli.good("profiles").out == f"default\t{logged_out.api_url}\nwork\t{logged_out.api_url}\n"
    assert cli.good("logout").out.startswith("Profile 'default' is removed")
    assert cli("usage").code == ExitCode.NOT_USABLE
    cli.good("usage", "--profile", "work")
    assert cli("logout", "--profile", "default").code == ExitCode.NOT_USABLE


def test_the_rest_of_the_file_is_kept(logged_out: Served, cli: Cli, home: Path) -> None:
    login(cli, logged_out)
    (home / KEPT).write_text("# mine\n" + (home / KEPT).read_text())
    login(cli, logged_out, "--profile", "work")
    assert (home / KEPT).read_text().startswith("# mine\n")


def test_a_wrong_token_is_not_stored(logged_out: Served, cli: Cli, home: Path) -> None:
    run = cli("login", stdin=f"{logged_out.api_url}\nwv_wrong\n")
    assert run.code == ExitCode.REFUSED
    assert "wan-video token create" in run.err
    assert not (home / KEPT).exists()
    # The advice is never to repeat what was just done.
    assert "wan-video login" not in run.err
    assert "wan-video token create" in run.err


def test_a_token_with_only_the_scope_to_write_can_log_in(logged_out: Served, cli: Cli) -> None:
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    logged_out.tokens.by_digest[digest] = Token("alice", frozenset({"write"}))
    run = cli.good("login", stdin=f"{logged_out.api_url}\n{TOKEN}\n")
    assert run.out.startswith("Logged in; kept as")
    refused = cli("list")
    assert refused.code == ExitCode.REFUSED
    assert "does not have the scope 'read'" in refused.err


@pytest.mark.parametrize(
    "given", ["", "\n", "https://a.example\n", "https://a.example\nnot a token\n", "ftp://a.example\n"]
)
def test_an_impossible_login_sends_nothing(home: Path, cli: Cli, given: str) -> None:
    run = cli("login", stdin=given)
    assert run.code == ExitCode.NOT_USABLE
    assert not (home / KEPT).exists()


def test_a_token_that_others_can_read_causes_a_warning(logged_out: Served, cli: Cli, home: Path) -> None:
    login(cli, logged_out)
    (home / KEPT).chmod(0o644)
    assert "chmod 600" in cli.good("usage").err


def test_an_invalid_configuration_file_is_reported_without_its_text(logged_out: Served, cli: Cli, home: Path) -> None:
    (home / KEPT).parent.mkdir(parents=True)
    (home / KEPT).write_text(f"token {TOKEN}")
    run = cli("usage")
    assert run.code == ExitCode.NOT_USABLE
    assert "log in again" in run.err


# --- no address, no token, no server ---------------------------------------------------------------------------------


def test_without_any_settings_the_command_says_how_to_begin(home: Path, cli: Cli) -> None:
    run = cli("list")
    assert run.code == ExitCode.NOT_USABLE
    assert "wan-video login" in run.err
    assert API_URL in run.err


def test_an_address_without_a_token_says_how_to_make_one(
    api: Served, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BEARER)
    run = cli("list")
    assert run.code == ExitCode.NOT_USABLE
    assert "wan-video token create" in run.err
    assert api.requests == []


def test_a_wrong_token_is_reported_with_its_source(api: Served, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BEARER, "wv_wrong")
    run = cli("list", "--json")
    assert run.code == ExitCode.REFUSED
    assert f"does not know the token of {BEARER}" in run.err
    assert run.json["error"] == {
        "code": "unauthorized",
        "message": f"The API does not know the token of {BEARER}.",
        "remedy": run.json["error"]["remedy"],
        "status": 401,
        "details": [],
    }
    assert "wv_wrong" not in run.out + run.err


def test_an_unreachable_address_is_reported_with_the_reason(api: Served, cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run = cli("list", "--api-url", f"http://127.0.0.1:{port}/v1", "--json")
    assert run.code == ExitCode.UNREACHABLE
    assert "cannot be reached: connection refused." in run.err
    assert run.json["error"]["code"] == "unreachable"


def test_an_address_without_its_stage_is_reported(api: Served, cli: Cli) -> None:
    run = cli("list", "--api-url", f"{api.api_url}/v1")
    assert run.code == ExitCode.REFUSED
    assert "ApiUrl" in run.err


@pytest.mark.parametrize("body", [b"<html>Log in to our Wi-Fi</html>", b"[]", b""])
def test_another_server_is_not_taken_for_the_api(api: Served, cli: Cli, body: bytes) -> None:
    api.mishaps.append(answer_instead(200, body))
    run = cli("list")
    assert run.code == ExitCode.UNREACHABLE
    assert "not a Wan Video API" in run.err


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_reading_is_retried_if_the_api_asks_for_it(api: Served, cli: Cli, status: int) -> None:
    api.mishaps += [answer_instead(status, THROTTLED, Retry_After="0")] * (TRIES - 1)
    cli.good("list")
    assert len(api.requests) == TRIES


def test_a_failing_api_is_reported_after_some_attempts(api: Served, cli: Cli) -> None:
    broken = b'{"detail": "An internal error occurred.", "instance": "request-1"}'
    api.mishaps += [answer_instead(500, broken, Retry_After="0")] * TRIES
    run = cli("list")
    assert run.code == ExitCode.UNREACHABLE
    assert "The API is not working: An internal error occurred. (request request-1)" in run.err
    assert len(api.requests) == TRIES


def test_a_pause_that_is_too_long_is_reported_and_not_waited_for(api: Served, cli: Cli) -> None:
    api.mishaps.append(answer_instead(429, THROTTLED, Retry_After="3600"))
    run = cli("list")
    assert run.code == ExitCode.REFUSED
    assert "Try again in 3600 s." in run.err
