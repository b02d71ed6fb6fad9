"""Every promise of the README that can be checked without running the whole stack."""

from __future__ import annotations

import os
import re
import subprocess

from tools.readme import README, blocks
from tools.template import Json
from wan_video.domain.models import MODELS, Region, Tier
from wan_video_local.money import CNY_PER_USD
from wan_video_local.stack import PROJECT

MAKES_OWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
TEXT = README.read_text(encoding="utf-8")


def test_the_documented_settings_of_make_run_are_those_of_the_makefile() -> None:
    documented = set(re.findall(r"`([A-Z_]{3,})`", TEXT[TEXT.index("`make run` also takes") :].split("\n\n")[0]))
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert documented
    assert all(re.search(rf"^SETTINGS := .*\b{name}\b", makefile, re.MULTILINE) for name in documented)


def test_a_misspelt_setting_is_refused_with_the_existing_ones() -> None:
    done = subprocess.run(["make", "help", "FLIE=x"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Unknown setting FLIE; the settings are PROMPT FILE IMAGE" in done.stderr


def test_the_configuration_table_has_every_parameter_with_its_default(template: Json) -> None:
    table = TEXT[TEXT.index("## Configuration") : TEXT.index("## Further reading")]
    documented: dict[str, str] = {}
    for line in table.splitlines():
        cells = line.split("|")[1:-1]
        if len(cells) == 3 and (names := re.findall(r"`(\w+)`", cells[0])):
            defaults = re.findall(r"`([^`]*)`", cells[1]) or [""] * len(names)
            documented |= dict(zip(names, defaults, strict=True))
    parameters = template["Parameters"]
    inner = {"WanEndpoints", "ImageOrigins", "ReconcileIntervalSeconds", "PollsPerExecution", "Clock"}
    assert set(documented) == set(parameters) - inner
    assert {name: str(parameters[name].get("Default", "")) for name in documented} == documented


def test_the_readme_names_exactly_the_models_of_the_registry() -> None:
    paragraph = TEXT[TEXT.index("Models: ") :].split("\n\n")[0]
    assert set(re.findall(r"`(wanx?\d[\w.-]*)`", paragraph)) == set(MODELS)


def test_exactly_the_existing_alarms_are_explained(template: Json) -> None:
    page = (PROJECT / "docs/operations.md").read_text(encoding="utf-8")
    alarms = {name for name, found in template["Resources"].items() if found["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"`(\w+Alarm)`", page)) == alarms


def test_the_real_service_is_called_only_with_a_key_and_after_a_confirmation() -> None:
    key, run = next(block.commands for block in blocks() if block.kind == "wan")
    assert key.startswith("export DASHSCOPE_API_KEY=")
    without = {name: value for name, value in os.environ.items() if name not in {"DASHSCOPE_API_KEY", *MAKES_OWN}}
    refused = subprocess.run(["bash", "-c", run], cwd=PROJECT, env=without, capture_output=True, text=True, check=False)
    assert "WAN=singapore calls the real service and needs its key in DASHSCOPE_API_KEY." in refused.stderr
    asked = subprocess.run(
        ["bash", "-c", f"{key}\n{run}"],
        cwd=PROJECT,
        env=without,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "This requests 5 s of video from the real service in singapore: 3.67 CNY (about 0.50 USD)" in asked.stdout
    assert "No terminal is connected to confirm this" in asked.stderr


def test_the_prices_are_those_of_the_registry() -> None:
    table = TEXT[TEXT.index("### What a video costs") : TEXT.index("## The console")]
    rows = re.findall(r"^\| (`.*`) in (\w+)(, unconfirmed)?(?:, with sound)? \|(.*)\|$", table, re.MULTILINE)
    assert len(rows) == 8
    for names, region, unconfirmed, cells in rows:
        for name in re.findall(r"`([\w.-]+)`", names):
            offer = MODELS[name].regions[Region(region.lower())]
            prices = offer.prices
            assert offer.confirmed is not bool(unconfirmed), name
            for tier, cell in zip(("480P", "720P", "1080P"), cells.split("|"), strict=True):
                listed = prices.get(Tier(tier))
                shown = re.search(r"CNY ([\d.]+) \((?:about )?USD ([\d.]+)\)", cell)
                if shown is None:
                    assert listed is None, (name, tier)
                    continue
                assert listed is not None, (name, tier)
                assert (f"{listed:.2f}", f"{listed / CNY_PER_USD:.2f}") == shown.groups()
