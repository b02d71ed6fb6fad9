"""What belongs together goes to one worker: xdist passes over groups that it does not see without a word."""

from __future__ import annotations

import pytest


def test_xdist_sees_which_tests_belong_together(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("loadgroup", False):
        pytest.skip("`make test` alone has workers and groups")
    mark = request.node.get_closest_marker("xdist_group")
    assert request.node.nodeid.endswith(f"@{mark.args[0]}")
