"""Real installations: interrupted at any time, twice at once, offline, and at a path with a space and an umlaut."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wan_video_local.stack import PROJECT

pytestmark = pytest.mark.slow

BOUND_SECONDS = 300.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a checkout with an empty lock, so that only the installer itself is installed."""
    folder = tmp_path / "wän video"
    local = folder / "local" / "wan_video_local"
    local.mkdir(parents=True)
    for name in ("bootstrap.py", "interpreter.py"):
        shutil.copy(PROJECT / "local" / "wan_video_local" / name, local)
    (folder / "requirements").mkdir()
    (folder / "requirements" / "dev.txt").touch()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "nothing"\nversion = "1"\n[project.scripts]\nnothing = "nothing:main"\n'
        "[tool.hatch.build.targets.wheel]\nbypass-selection = true\n"
    )
    return folder


def start(project: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, project / "local" / "wan_video_local" / "interpreter.py", "dev"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_nothing_is_left(project: Path) -> None:
    assert not (project / ".venv").exists()
    assert not (project / ".run" / "venv").exists()


def assert_it_works(project: Path) -> None:
    # `sam build` needs pip beside the interpreter: it may find no other Python of that version.
    for command in (["python", "-m", "pip", "--version"], ["uv", "--version"], ["nothing", "--help"]):
        done = subprocess.run([project / ".venv" / "bin" / command[0], *command[1:]], capture_output=True, text=True)
        # The project's script starts with this environment's Python, which has no module of its name.
        assert done.returncode == 0 or "No module named 'nothing'" in done.stderr, done.stderr


@pytest.mark.parametrize("moment", [".run/venv", ".run/venv/first/bin/python", ".run/venv/made/bin/python"])
def test_an_interrupt_leaves_nothing_and_the_next_run_succeeds(project: Path, moment: str) -> None:
    process = start(project)
    deadline = time.monotonic() + BOUND_SECONDS
    while not os.path.lexists(project / moment):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=BOUND_SECONDS)
    assert (process.returncode, said) == (130, "Interrupted; nothing was installed.\n")
    assert_nothing_is_left(project)
    process = start(project)
    said = process.communicate(timeout=BOUND_SECONDS)[1]
    assert process.returncode == 0, said
    assert_it_works(project)


def test_two_runs_at_once_take_turns(project: Path) -> None:
    processes = [start(project) for _ in range(2)]
    said = [process.communicate(timeout=BOUND_SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("Installing about" in one for one in said) == 1
    assert_it_works(project)


def test_without_a_network_it_says_so_in_one_sentence_and_leaves_nothing(project: Path) -> None:
    closed = "http://127.0.0.1:9"
    process = start(project, https_proxy=closed, http_proxy=closed, HTTPS_PROXY=closed, HTTP_PROXY=closed,
                    PIP_NO_CACHE_DIR="1", PIP_RETRIES="0")  # fmt: skip
    _, said = process.communicate(timeout=BOUND_SECONDS)
    assert process.returncode == 1
    assert said == (
        "Could not install uv: the package index cannot be reached."
        " Check the network connection and run this again; .run/install.log has the details.\n"
    )
    assert_nothing_is_left(project)
