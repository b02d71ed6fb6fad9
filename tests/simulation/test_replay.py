"""A seed replays identically: under every hash seed, and on other versions of Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.simulation.replay import played

PROJECT: Final = Path(__file__).parents[2]
SEEDS: Final = 8
"""The histories that are compared, in each mode."""


def run(command: Sequence[str], hash_seed: str) -> Any:
    """Run a program of Python's under a hash seed; return the JSON document that it prints."""
    ours = [path for path in sys.path if Path(path).is_relative_to(PROJECT) and "site-packages" not in path]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([str(PROJECT), *ours])}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def played_by(python: Path | str, hash_seed: str, seeds: int) -> tuple[list[int], list[Any]]:
    """Return the version of an interpreter, and what came out of the first histories in it, in both modes."""
    found = run([str(python), "-m", "tests.simulation.replay", str(seeds)], hash_seed)
    return found["version"], found["played"]


def orders(hash_seed: str) -> dict[str, str]:
    """Return the exact traces of histories with and without orders that depend on the hash seed, by what has them."""
    found: dict[str, str] = run([sys.executable, "-m", "tests.simulation.orders"], hash_seed)
    return found


def interpreter(version: str) -> Path | None:
    """Return an interpreter of a version: one of pyenv, or on PATH if it is not a shim of pyenv."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for found in sorted(root.glob(f"versions/{version}.*/bin/python{version}")):
        return found
    path = os.pathsep.join(name for name in os.environ["PATH"].split(os.pathsep) if not name.endswith("shims"))
    on_path = shutil.which(f"python{version}", path=path)
    return None if on_path is None else Path(on_path)


def test_a_history_is_the_same_under_every_hash_seed() -> None:
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    _, there = played_by(sys.executable, other, 3)
    assert there == played(3)


UNSEEN: Final = frozenset({"functions.api.app", "wan_video.domain.submission"})
"""Modules whose sorted sets no history shows: the methods in `Allow`, and more than MAX_CANDIDATES candidates."""


@pytest.mark.slow
def test_every_order_that_depends_on_the_hash_seed_is_noticed() -> None:
    traces = [orders(hash_seed) for hash_seed in ("0", "4")]
    # What the calls say, and not only which there are, is the same.
    assert traces[0].pop("as it is") == traces[1].pop("as it is")
    assert traces[0].keys() == traces[1].keys() > UNSEEN
    unnoticed = {name for name, trace in traces[0].items() if trace == traces[1][name]}
    assert unnoticed == UNSEEN
    assert traces[0].keys() - UNSEEN == {
        "functions.dispatch.handler",
        "wan_video.adapters.dynamodb.plain_values",
        "wan_video.domain.failures",
        "wan_video.domain.video",
        "wan_video.services.api.documents",
        "wan_video.services.dispatch",
        "wan_video.services.repairs.places",
        "the keys of BatchGetItem",
        "the answer of BatchGetItem",
        "the items of an index",
    }


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_history_is_the_same_on_another_version_of_python(version: str, tmp_path: Path) -> None:
    base, uv = interpreter(version), Path(sys.executable).with_name("uv")
    if base is None:
        pytest.skip(f"needs Python {version} on PATH or among the versions of pyenv")
    if not uv.exists():
        pytest.skip("needs uv beside this Python, as `make test` puts it there")
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
    version_played, there = played_by(made / "bin/python", "0", SEEDS)
    _, here = played_by(sys.executable, "0", SEEDS)
    assert ".".join(map(str, version_played)) == version
    assert there == here
