"""The simulator's README names every option, fault and route of the simulator, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import wan_simulator
from wan_simulator.__main__ import parser
from wan_simulator.faults import KINDS, Route

README = (Path(str(wan_simulator.__file__)).parent / "README.md").read_text()


def test_the_table_contains_exactly_the_options_of_the_command() -> None:
    documented = {option for line in README.splitlines() if line.startswith("| `--") for option in _options(line)}
    known = {option for action in parser()._actions for option in action.option_strings if option.startswith("--")}

    assert documented == {re.sub(r"^--(rate-limits|queue)$", r"--no-\1", option) for option in known} - {"--help"}


def _options(line: str) -> list[str]:
    return re.findall(r"`(--[a-z-]+)", line.split("|")[1])


def test_the_table_contains_exactly_the_kinds_of_fault() -> None:
    table = README.partition("| kind |")[2].partition("\n\n")[0]

    assert set(re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE)) == KINDS.keys()


@pytest.mark.parametrize("route", get_args(Route))
def test_every_route_that_a_fault_can_affect_is_named(route: str) -> None:
    assert f"`{route}`" in README.partition("**By a queued fault.**")[2].partition("```")[0]
