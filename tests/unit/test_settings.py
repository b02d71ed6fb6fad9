"""The environment of a function, and the error if a variable is missing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from wan_video.domain.endpoints import Endpoints
from wan_video.domain.models import Region, Size, Tier
from wan_video.domain.price import Prices
from wan_video.domain.request import Defaults
from wan_video.domain.retention import Retention
from wan_video.settings import Settings

ENVIRONMENT = {
    "DAILY_SECONDS": "3600",
    "RETENTION_DAYS": "30",
    "STARTS": "enabled",
    "DEFAULT_MODEL": "wan2.6-t2v",
    "DEFAULT_SIZE": "1280x720",
    "DEFAULT_SECONDS": "5",
    "DEFAULT_REGION": "singapore",
    "WAN_REGIONS": "singapore, beijing",
    "WAN_PRICES": "singapore/wan3.0-video/720P=0.7",
    "WAN_ENDPOINTS": "singapore=http://127.0.0.1:9000/singapore/api/v1, beijing=https://example.com/api/v1?a=b",
}
SETTINGS = Settings(ENVIRONMENT)


def test_every_setting_is_read_as_the_template_writes_it() -> None:
    assert SETTINGS.daily_seconds == 3600
    assert SETTINGS.starts_enabled
    assert SETTINGS.retention == Retention(30)
    assert SETTINGS.defaults == Defaults(
        "wan2.6-t2v",
        Size(1280, 720),
        5,
        Region.SINGAPORE,
        (Region.SINGAPORE, Region.BEIJING),
        SETTINGS.endpoints,
        SETTINGS.prices,
    )
    assert SETTINGS.prices == Prices({(Region.SINGAPORE, "wan3.0-video", Tier.P720): Decimal("0.7")})
    assert {pool.partition("#")[0] for pool in SETTINGS.pools} == {"singapore", "beijing"}
    assert SETTINGS.endpoints.shared == {
        Region.SINGAPORE: "http://127.0.0.1:9000/singapore/api/v1",
        Region.BEIJING: "https://example.com/api/v1?a=b",
    }


def test_a_budget_of_0_means_no_budget_and_empty_endpoints_replace_nothing() -> None:
    assert Settings({"DAILY_SECONDS": "0"}).daily_seconds is None
    assert Settings({"WAN_ENDPOINTS": ""}).endpoints == Endpoints()
    assert Settings({}).endpoints == Endpoints()


@pytest.mark.parametrize("word", ["disabled", "Enabled", "true", ""])
def test_only_the_exact_word_enables_starts(word: str) -> None:
    assert not Settings({"STARTS": word}).starts_enabled


@pytest.mark.parametrize("name", ["daily_seconds", "retention", "starts_enabled", "defaults"])
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(KeyError) as caught:
        getattr(Settings({}), name)
    assert caught.value.args[0] in ENVIRONMENT


def test_a_region_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="mars"):
        _ = Settings({**ENVIRONMENT, "WAN_REGIONS": "mars"}).defaults
    with pytest.raises(ValueError, match="mars"):
        _ = Settings({"WAN_ENDPOINTS": "mars=http://127.0.0.1"}).endpoints


def test_the_environment_is_read_on_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_environment()
    monkeypatch.setenv("STARTS", "enabled")
    assert settings.starts_enabled
    monkeypatch.setenv("STARTS", "disabled")
    assert not settings.starts_enabled
    assert settings.optional("NO_SUCH_SETTING") == ""
