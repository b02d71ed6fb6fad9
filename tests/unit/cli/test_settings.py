"""The API that a command calls, and the token that it uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from wan_video_cli.errors import NotUsable
from wan_video_cli.profiles import Profile, Profiles, config_path
from wan_video_cli.settings import Settings, check_url, resolve

HOME, WORK, LOCAL = "https://home.example/live", "https://work.example/live", "http://127.0.0.1:4000/live"
ENVIRON = {"WAN_VIDEO_API_URL": LOCAL, "WAN_VIDEO_TOKEN": "wv_env"}


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    kept = Profiles(tmp_path / "config.toml")
    kept.save("default", Profile(HOME, "wv_home"))
    kept.save("work", Profile(WORK, "wv_work"))
    return kept


def test_the_default_profile_is_used_if_nothing_is_set(profiles: Profiles) -> None:
    assert resolve(profiles, {}) == Settings(HOME, "wv_home", "profile 'default'")


def test_the_environment_takes_precedence_over_the_default_profile(profiles: Profiles) -> None:
    assert resolve(profiles, ENVIRON) == Settings(LOCAL, "wv_env", "WAN_VIDEO_TOKEN")


def test_a_profile_named_by_the_environment_supplies_what_the_environment_does_not(profiles: Profiles) -> None:
    assert resolve(profiles, {"WAN_VIDEO_PROFILE": "work"}).api_url == WORK
    found = resolve(profiles, {"WAN_VIDEO_PROFILE": "work", "WAN_VIDEO_TOKEN": "wv_env"})
    assert (found.api_url, found.token) == (WORK, "wv_env")


def test_a_profile_given_as_an_option_takes_precedence_over_the_environment(profiles: Profiles) -> None:
    assert resolve(profiles, ENVIRON, profile="work") == Settings(WORK, "wv_work", "profile 'work'")


def test_an_address_given_as_an_option_takes_precedence_over_everything(profiles: Profiles) -> None:
    assert resolve(profiles, ENVIRON, api_url=WORK) == Settings(WORK, "wv_env", "WAN_VIDEO_TOKEN")


def test_the_token_of_a_profile_is_sent_only_to_its_address(profiles: Profiles) -> None:
    assert resolve(profiles, {}, api_url=HOME + "/").token == "wv_home"
    for given in ({"api_url": WORK}, {"api_url": WORK, "profile": "default"}):
        with pytest.raises(NotUsable, match="no token for"):
            resolve(profiles, {}, **given)
    with pytest.raises(NotUsable, match="no token for"):
        resolve(profiles, {"WAN_VIDEO_API_URL": LOCAL})


def test_an_empty_variable_counts_as_not_set(profiles: Profiles) -> None:
    empty = dict.fromkeys(("WAN_VIDEO_API_URL", "WAN_VIDEO_TOKEN", "WAN_VIDEO_PROFILE"), "")
    assert resolve(profiles, empty).api_url == HOME


def test_an_unknown_profile_is_reported_with_the_names_of_the_others(profiles: Profiles) -> None:
    with pytest.raises(NotUsable) as caught:
        resolve(profiles, ENVIRON, profile="play")
    assert "default, work" in caught.value.remedy
    assert "login --profile play" in caught.value.remedy


def test_a_token_with_a_line_break_is_neither_sent_nor_shown(profiles: Profiles) -> None:
    with pytest.raises(NotUsable) as caught:
        resolve(profiles, {**ENVIRON, "WAN_VIDEO_TOKEN": "wv_a\r\nHost: b"})
    assert "wv_a" not in caught.value.what + caught.value.remedy


def test_a_token_is_in_no_repr(profiles: Profiles) -> None:
    assert "wv_home" not in repr(resolve(profiles, {}))
    assert "wv_home" not in repr(profiles.read())


@pytest.mark.parametrize("text", [HOME, f" {HOME}/ ", LOCAL, "http://localhost:1/x", "http://[::1]:1/live"])
def test_addresses_that_a_token_may_be_sent_to(text: str) -> None:
    assert check_url(text) == text.strip().rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "home.example/live",
        "http://home.example/live",
        "ftp://home.example",
        "https://",
        "https://a@home.example",
        "https://home.example/live?a=b",
        "https://home.example/#a",
        "https://home.example:port/",
        "https://[1/",
    ],
)
def test_addresses_that_a_token_is_never_sent_to(text: str) -> None:
    with pytest.raises(NotUsable):
        check_url(text)


def test_profiles_are_where_the_xdg_specification_puts_them() -> None:
    assert config_path({"XDG_CONFIG_HOME": "/etc/me"}) == Path("/etc/me/wan-video/config.toml")
    for environ in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert config_path(environ) == Path.home() / ".config/wan-video/config.toml"


def test_a_file_that_cannot_be_written_is_reported() -> None:
    with pytest.raises(NotUsable, match="cannot be written"):
        Profiles(Path("/proc/nowhere/config.toml")).save("default", Profile(HOME, "wv_home"))
