"""Fixtures that all kinds of tests share; each is created once in a session, when a test first needs it."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import pytest

from tools import template as templates
from tools.template import Json
from wan_video_local.log import RunLog
from wan_video_local.sam import Sam
from wan_video_local.stack import PROJECT, WORK

STACK = "the stack"
"""The group of all tests that share the running stack."""

LONG = ("tests/chaos/", "tests/contract/test_first_run.py", "tests/e2e/")
"""Tests that start their own stacks and take long, the longest first."""


hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("any machine"), max_examples=20)
hypothesis.settings.load_profile("any machine")


def pytest_configure() -> None:
    """Handle Ctrl-C, also in processes that tests start: background jobs of a shell ignore it by default."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `pytest -n`: send tests that share the running stack to one worker, and any other file to a free worker."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(STACK if shares_the_stack(item) else file_of(item)))
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """Return the place of a test in the order; long tests start early, so that none is left for the end."""
    if shares_the_stack(item):
        return 0
    return next((at for at, name in enumerate(LONG, 1) if file_of(item).startswith(name)), len(LONG) + 1)


def file_of(item: pytest.Item) -> str:
    """Return the path of a test's file relative to the project."""
    return item.path.relative_to(PROJECT).as_posix()


def shares_the_stack(item: pytest.Item) -> bool:
    """Whether a test uses the stack that the whole session shares."""
    return "local" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def source() -> Json:
    """Return template.yaml as it is written."""
    return templates.source()


@pytest.fixture(scope="session")
def template() -> Json:
    """Return the template as CloudFormation sees it."""
    return templates.transformed()


@pytest.fixture(scope="session")
def definition() -> Json:
    """Return the definition of the state machine."""
    return templates.state_machine()


@pytest.fixture(scope="session")
def built() -> Path:
    """Return the output folder of a real `sam build`, which the local stack deploys too."""
    WORK.mkdir(exist_ok=True)
    with RunLog(WORK / "test-build.log") as log:
        try:
            Sam(PROJECT, WORK, log.file).build()
        except Exception:
            print(log.tail())
            raise
    return WORK / "build"
