"""Node and the clients of npm, as `js/package-lock.json` pins them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

FOLDER: Final = Path(__file__).with_name("js")
INSTALL_SECONDS: Final = 600
RUN_SECONDS: Final = 1800


def node() -> Path:
    """Return the pinned Node, installed with everything that the lock names; skip the test if npm is missing."""
    modules, lock = FOLDER / "node_modules", (FOLDER / "package-lock.json").read_bytes()
    command, stamp, digest = modules / ".bin" / "node", modules / ".lock-digest", hashlib.sha256(lock).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed")
        subprocess.run([npm, "ci"], cwd=FOLDER, check=True, capture_output=True, timeout=INSTALL_SECONDS)
        stamp.write_text(digest)
    return command


def run(script: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Run a script of the folder with a JSON object as its input, and return the JSON object that it writes."""
    done = subprocess.run(
        [node(), script], cwd=FOLDER, input=json.dumps(asked), capture_output=True, text=True, timeout=RUN_SECONDS
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
