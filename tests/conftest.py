"""What the kinds of tests share; each is made once a session and only when a test asks for it."""

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
"""What has stacks of its own and takes long, longest first."""


hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("any machine"), max_examples=20)
hypothesis.settings.load_profile("any machine")


def pytest_configure() -> None:
    """Hear Ctrl-C, and let what tests start hear it: a shell's background jobs are born deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `pytest -n`: what shares the running stack goes to one worker, at once; any other file to whoever is free."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(STACK if shares_the_stack(item) else file_of(item)))
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """The long ones come early, so that no worker is left alone with one at the end."""
    if shares_the_stack(item):
        return 0
    return next((at for at, name in enumerate(LONG, 1) if file_of(item).startswith(name)), len(LONG) + 1)


def file_of(item: pytest.Item) -> str:
    """The path of a test's file below the project."""
    return item.path.relative_to(PROJECT).as_posix()


def shares_the_stack(item: pytest.Item) -> bool:
    """Whether a test runs on the stack of the whole session."""
    return "local" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def source() -> Json:
    """template.yaml as it is written."""
    return templates.source()


@pytest.fixture(scope="session")
def template() -> Json:
    """The template as CloudFormation sees it."""
    return templates.transformed()


@pytest.fixture(scope="session")
def definition() -> Json:
    """The state machine."""
    return templates.state_machine()


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of a real `sam build`, the same that the local stack deploys."""
    WORK.mkdir(exist_ok=True)
    with RunLog(WORK / "test-build.log") as log:
        try:
            Sam(PROJECT, WORK, log.file).build()
        except Exception:
            print(log.tail())
            raise
    return WORK / "build"
