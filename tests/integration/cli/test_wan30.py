"""wan3.0 on the command line: what can be requested, how it is shown, and what is known about its price."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Cli
from tests.integration.cli.served import TOKEN, WITH_WORKSPACE, Served, served
from tools.harness.samples import DEFAULTS
from wan_video.domain.models import Region, Tier
from wan_video_cli.checks import api as checks
from wan_video_cli.words import expected_price, price

WAN30 = ("generate", "a fox", "--model", "wan3.0-video")


def rows(text: str) -> dict[str, str]:
    pairs = (re.split(r"  +", line, maxsplit=1) for line in text.splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def test_every_new_option_of_wan30_can_be_requested(api: Served, cli: Cli) -> None:
    cli.good(*WAN30, "--resolution", "480P", "--aspect-ratio", "adaptive", "--seconds", "-1", "--no-sound")
    asked = api.the_video().request
    assert (asked.resolution, asked.aspect_ratio, asked.size) == (Tier.P480, "adaptive", None)
    assert (asked.seconds, asked.most_seconds, asked.audio) == (-1, 30, False)
    api.clock.advance(1)
    cli.good(*WAN30, "--size", "720x1280", "--seconds", "30", "--sound")
    asked = api.the_video().request
    assert (asked.resolution, asked.aspect_ratio, str(asked.size), asked.audio) == (Tier.P720, "9:16", "720x1280", True)


def test_a_video_without_a_size_is_shown_by_its_shape(api: Served, cli: Cli) -> None:
    cli.good(*WAN30, "--resolution", "720P", "--aspect-ratio", "adaptive", "--seconds", "-1")
    (line,) = cli.good("list").out.splitlines()
    assert line.split("\t")[2:4] == ["wan3.0-video 720P adaptive any length", "22.02 CNY, unconfirmed"]
    shown = rows(cli.good("show", api.the_video().id).out)
    assert shown["made of"].startswith("wan3.0-video, 720P adaptive, any length, seed ")
    assert (shown["sound"], shown["price"]) == ("yes", "22.02 CNY, unconfirmed (estimate)")


def test_a_bill_that_differs_from_the_estimate_is_shown(api: Served, cli: Cli) -> None:
    cli.good(*WAN30)
    api.start()
    api.complete()
    video = api.the_video()
    assert "billed" not in rows(cli.good("show", video.id).out)
    assert video.usage is not None
    billed = replace(video.usage, seconds=6, exact=Decimal("5.042"))
    api.store.add(replace(video, usage=billed))
    assert rows(cli.good("show", video.id).out)["billed"] == "5.042 s, and 5 s were estimated"


@pytest.mark.parametrize(
    ("arguments", "price", "basis"),
    [
        ((), "3.67 CNY, unconfirmed", "5 s by a third party's prices of 2026-09-16"),
        (("--seconds", "-1"), "22.02 CNY, unconfirmed", "30 s by a third party's prices"),
        (("--model", "wan2.6-t2v"), "3.67 CNY", "5 s by the price list of 2026-06-01"),
    ],
)
def test_a_dry_run_says_where_its_price_comes_from(
    api: Served, cli: Cli, arguments: tuple[str, ...], price: str, basis: str
) -> None:
    run = cli.good(*WAN30, *arguments, "--dry-run")
    assert run.out.strip() == price
    assert basis in run.err


def test_its_models_are_listed_with_the_known_prices(api: Served, cli: Cli) -> None:
    run = cli.good("models")
    line = next(line for line in run.out.splitlines() if line.startswith("wan3.0-video\t"))
    assert line.split("\t")[1:] == ["480P 720P 1080P", "2-30 or -1 (any)", "yes", "0.37-1.47 CNY, unconfirmed"]
    assert "third parties" in run.err
    details = rows(cli.good("models", "wan3.0-video").out)
    assert details["720P"] == "1280x720 (16:9), 720x1280 (9:16), 960x960 (1:1)"
    assert details["720P shapes"] == "4:3, 3:4, 21:9, adaptive"
    assert details["sound"] == "can be left out"
    assert details["singapore"] == "480P 0.37, 720P 0.73, 1080P 1.47 CNY a second"


def test_a_stack_without_a_workspace_says_why_it_lists_no_models_of_wan30(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAN_VIDEO_TOKEN", TOKEN)
    with served(DEFAULTS) as api:
        listed = cli.good("models", "--api-url", api.api_url)
        assert "wan3.0" not in listed.out
        assert "wan3.0-video is not listed. In singapore, wan3.0-video is available only on the host" in listed.err
        refused = cli(*WAN30, "--api-url", api.api_url)
        assert (refused.code != 0, "WanWorkspaceId" in refused.err) == (True, True)
        assert api.store.rows() == []


def test_a_model_whose_price_is_not_known_has_no_estimate_and_keeps_no_max_price(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAN_VIDEO_TOKEN", TOKEN)
    hongkong = replace(WITH_WORKSPACE, region=Region.HONGKONG, regions=(Region.HONGKONG,))
    with served(hongkong) as api:
        where = ("--api-url", api.api_url)
        assert "price unknown" in cli.good("models", *where).out
        assert rows(cli.good("models", "wan3.0-video", *where).out)["hongkong"] == "price unknown"
        quote = cli.good(*WAN30, "--dry-run", *where)
        assert (quote.out.strip(), "No price of this model is known" in quote.err) == ("price unknown", True)
        assert "price unknown" in cli.good(*WAN30, *where).err
        refused = cli(*WAN30, "--max-price", "1000", *where)
        assert (refused.code != 0, "WanPrices" in refused.err) == (True, True)
        assert len(api.store.rows()) == 1


def test_the_cheapest_video_is_never_one_whose_price_is_unconfirmed() -> None:
    wan26 = {"id": "wan2.6-t2v", "seconds": [2], "sizes": {"720P": {"16:9": "1280x720"}}}
    wan30 = {"id": "wan3.0-video", "seconds": [2], "sizes": {"480P": {"16:9": "832x480"}}}
    models = {
        "data": [
            {**wan30, "regions": {"singapore": {"480P": "0.01"}}, "unconfirmed": {"singapore": ["480P"]}},
            {**wan26, "regions": {"singapore": {"720P": "0.73"}}},
            {**wan30, "regions": {"hongkong": {}}, "unconfirmed": {}},
        ]
    }
    assert checks.cheapest(models)["model"] == "wan2.6-t2v"


def test_prices_in_words() -> None:
    assert expected_price(None) == "price unknown"
    assert price({"price": None, "currency": "CNY"}) == "price unknown"
    assert expected_price({"price": "1", "currency": "CNY"}) == "1.00 CNY"
