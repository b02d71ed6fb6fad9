"""A seed replays identically: under every hash seed, and on other versions of Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parents[2]
SEEDS: Final = 8
"""The histories that are compared, in each mode."""

PLAY: Final = """
import json, sys
from hashlib import sha256
from tests.simulation.history import Options, play
from tests.simulation.wiring import wired
played = []
for mode in ("resend", "hold"):
    with wired(mode):
        for seed in range(int(sys.argv[1])):
            result = play(Options(seed, mode, story=True))
            story = sha256(result.story.encode()).hexdigest()
            counts = [result.videos, result.calls, result.workers, result.conflicts, result.hours]
            ends = [result.violations, dict(result.verdict.failures)]
            played.append([mode, seed, result.trace, story, counts, result.met, ends])
print(json.dumps({"version": sys.version_info[:2], "played": played}))
"""


def played(python: Path | str, hash_seed: str, seeds: int) -> tuple[list[int], list[object]]:
    """Return the version of an interpreter, and what came out of the first seeds in both modes."""
    ours = [path for path in sys.path if Path(path).is_relative_to(PROJECT) and "site-packages" not in path]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([str(PROJECT), *ours])}
    command = [str(python), "-c", PLAY, str(seeds)]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["version"], found["played"]


def interpreter(version: str) -> Path | None:
    """Return an interpreter of a version: one of pyenv, or on PATH if it is not a shim of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for found in sorted(root.glob(f"versions/{version}.*/bin/python{version}")):
        return found
    path = os.pathsep.join(name for name in os.environ["PATH"].split(os.pathsep) if not name.endswith("shims"))
    on_path = shutil.which(f"python{version}", path=path)
    return None if on_path is None else Path(on_path)


def test_a_history_is_the_same_under_every_hash_seed() -> None:
    assert played(sys.executable, "0", 3) == played(sys.executable, "1", 3)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_history_is_the_same_on_another_version_of_python(version: str, tmp_path: Path) -> None:
    base, uv = interpreter(version), Path(sys.executable).with_name("uv")
    if base is None:
        pytest.skip(f"needs Python {version} on PATH or among the versions of pyenv")
    if not uv.exists():
        pytest.skip("needs uv beside this Python, as `make install` puts it there")
    made = tmp_path / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", base, made], check=True)
    lock = PROJECT / "requirements/dev.txt"
    install: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        made / "bin/python",
        "--require-hashes",
        "-r",
        lock,
    ]
    subprocess.run(install, check=True)
    version_played, there = played(made / "bin/python", "0", SEEDS)
    _, here = played(sys.executable, "0", SEEDS)
    assert ".".join(map(str, version_played)) == version
    assert there == here
