"""Fixtures that all kinds of tests share; each is created once in a session, when a test first needs it."""

from __future__ import annotations

import gc
import signal
from pathlib import Path

import hypothesis
import pytest

from tools import template as templates
from tools.harness.descriptions import read_descriptions_once
from tools.template import Json
from wan_video_local.log import RunLog
from wan_video_local.sam import Sam
from wan_video_local.stack import PROJECT, WORK

STACKS = {
    "tests/e2e/clients/": "the stack of the clients",
    "tests/e2e/": "the stack",
}
"""Groups of tests that share a running stack, by their folder; the first match counts. A worker has one stack, and the
tests of a group run one after another, so two groups wait for two stacks at the same time."""

LONG = (
    "tests/chaos/",
    "tests/contract/test_first_run.py",
    "tests/e2e/",
    "tests/simulation/",
    "tests/contract/",
    "tests/integration/upgrade/",
)
"""Tests whose files take long or start their own stacks and engines, the longest first."""

LONGEST_NAME = 100
"""The most characters or bytes of a parameter that the name of its test contains."""

hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("quick", hypothesis.settings.get_profile("any machine"), max_examples=20)
hypothesis.settings.load_profile("any machine")


def pytest_configure() -> None:
    """Handle Ctrl-C, also in processes that tests start: background jobs of a shell ignore it by default.

    Nothing that is imported or collected becomes garbage, and to look for some takes a third of the collection's time.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()
    read_descriptions_once()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Let the garbage collector run again; it does not visit the modules and the tests, which stay until the end."""
    gc.freeze()
    gc.enable()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long value by its length: as text, one of 20 MB takes 80 MB in each process."""
    if isinstance(val, str | bytes) and len(val) > LONGEST_NAME:
        return f"{argname}-of-{len(val)}"
    return None


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `pytest -n`: send tests that share a running stack to one worker, and any other file to a free worker."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    items.sort(key=turn)


def group_of(item: pytest.Item) -> str:
    """Return the name of the group of tests that run one after another on one worker."""
    file = file_of(item)
    if not shares_a_stack(item):
        return file
    return next(group for folder, group in STACKS.items() if file.startswith(folder))


def turn(item: pytest.Item) -> int:
    """Return the place of a test in the order; long tests start early, so that none is left for the end."""
    first = (*STACKS.values(), *LONG)
    group = group_of(item)
    return next((at for at, name in enumerate(first) if group.startswith(name)), len(first))


def file_of(item: pytest.Item) -> str:
    """Return the path of a test's file relative to the project."""
    return item.path.relative_to(PROJECT).as_posix()


def shares_a_stack(item: pytest.Item) -> bool:
    """Whether a test uses a stack that other files use too."""
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
