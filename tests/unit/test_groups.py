"""Tests of one group run on one worker; xdist silently ignores groups that it does not see."""

from __future__ import annotations

import re

import pytest

from wan_video_local.stack import PROJECT


def test_xdist_sees_the_groups_of_tests(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("loadgroup", False):
        pytest.skip("only `make test` has workers and groups")
    mark = request.node.get_closest_marker("xdist_group")
    assert request.node.nodeid.endswith(f"@{mark.args[0]}")


def test_each_test_is_run_by_one_verb_and_ci_skips_the_long_ones() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    defaults = re.findall(r"-m '([^']+)'", (PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    recipes = dict(
        re.findall(r"^(test-slow|test-long):.*\n.*\n\t@\$\(PYTEST\) -m '?([a-z ]+?)'? -rs$", makefile, re.MULTILINE)
    )
    assert (defaults, recipes) == (["not slow and not long"], {"test-slow": "slow and not long", "test-long": "long"})
    run = re.findall(r"^make (\S+)$", (PROJECT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"check", "test", "test-slow"} <= set(run)
    assert "test-long" not in run


@pytest.mark.parametrize("value", ["\N{SNOWMAN}" * 1000, b"\x89PNG" * 1000])
def test_the_name_of_a_test_with_a_long_value_is_short(request: pytest.FixtureRequest, value: str | bytes) -> None:
    assert len(value) >= 1000
    assert len(request.node.nodeid) < 300
    assert f"value-of-{len(value)}" in request.node.name
