"""The console's own logic in Node: the renderer, the store and what is derived from it, the form, and its programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PATIENCE = 300
"""Seconds that one file of tests may take, because this machine may be busy."""


@pytest.mark.parametrize("file", sorted(HERE.glob("*.test.mjs")), ids=lambda file: file.name)
def test_every_test_in_node_passes(file: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed; on Debian: apt install nodejs")
    command = [node, "--experimental-default-type=module", "--test", "--test-reporter=tap", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "# pass 0" not in run.stdout
