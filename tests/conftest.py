"""What the kinds of tests share; each is made once a session and only when a test asks for it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests import template as templates
from tests.template import Json
from wan_video_local.log import RunLog
from wan_video_local.sam import Sam
from wan_video_local.stack import PROJECT, WORK


def pytest_configure() -> None:
    """Hear Ctrl-C, and let what tests start hear it: a shell's background jobs are born deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
