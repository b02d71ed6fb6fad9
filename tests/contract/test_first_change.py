"""CONTRIBUTING.md's first change, followed exactly in a clone: red, red in another place, green."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.readme import blocks
from wan_video_local.stack import PROJECT

pytestmark = pytest.mark.slow

PAGE = PROJECT / "CONTRIBUTING.md"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a fresh clone."""
    subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(tmp_path / "clone")], check=True)
    return tmp_path / "clone"


def test_the_first_change_is_red_twice_and_then_green(clone: Path) -> None:
    def run(command: str) -> tuple[int, set[str]]:
        """Return the exit code, and the tests that failed."""
        roots = (clone, *(clone / part for part in ("layers/shared", "local", "cli")))
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots)), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
        line = command.replace(".venv/bin/python", sys.executable)
        done = subprocess.run(["bash", "-c", line], cwd=clone, env=env, capture_output=True, text=True, check=False)
        return done.returncode, set(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE))

    text = PAGE.read_text(encoding="utf-8")
    advise, know = re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (first,), (again,) = (block.commands for block in blocks(PAGE) if len(block.commands) == 1)
    (write, last) = next(block.commands for block in blocks(PAGE) if len(block.commands) == 2)

    def apply(change: str) -> None:
        subprocess.run(["git", "apply", "-"], cwd=clone, input=change, text=True, check=True)

    def named_after(after: str) -> set[str]:
        """Return the test that the page names as red after some words."""
        return set(re.findall(r"`(test_\w+)`", text[text.index(after) :])[:1])

    apply(advise)
    assert run(first) == (1, named_after("See it red"))
    apply(know)
    assert run(again) == (1, named_after("One test is left"))
    assert run(write)[0] == 0
    assert run(last) == (0, set())
