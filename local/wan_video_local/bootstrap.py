"""`python3 bootstrap.py local|dev`: makes `.venv` with the locked packages of that group, once for each lock.

It runs before anything is installed, on whatever `python3` is, so it needs the standard library alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = PROJECT / ".run" / "install.log"
OLDEST = (3, 11)
NEWEST = (3, 14)
"""The Python versions that AWS Lambda runs, of those this project supports."""
MEGABYTES = {"local": 490, "dev": 880}
"""What each group takes up in `.venv`, roughly; the dev group holds the local one."""
TAIL_LINES = 20


class BootstrapError(Exception):
    """The environment cannot be made; the message says why, and what would help."""


def main(group: str) -> int:
    """Make sure the group is installed; gives the exit code."""
    try:
        check_interpreter()
        if not any(is_installed(each) for each in (group, "dev")):
            install(group)
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the next run goes on from here.", file=sys.stderr)
        return 130
    return 0


def check_interpreter() -> None:
    """Raise BootstrapError unless this interpreter is one that works here and can make virtual environments."""
    found = sys.version_info[:2]
    if not OLDEST <= found <= NEWEST:
        raise BootstrapError(
            "This needs Python {}.{} to {}.{}, and {} is {}.{};"
            " name another one, as in `make run PYTHON=python3.12`.".format(*OLDEST, *NEWEST, sys.executable, *found)
        )
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise BootstrapError(
            "{} cannot make virtual environments: its venv module is not installed"
            " (on Debian and Ubuntu: apt install python{}.{}-venv).".format(sys.executable, *found)
        )


def is_installed(group: str) -> bool:
    """Whether the virtual environment works and holds what the group's lock says now."""
    stamp = _stamp(group)
    return stamp.exists() and stamp.read_text() == _wanted(group) and _works()


def install(group: str) -> None:
    """Make the environment and install the lock, every package checked against its hash. Raises BootstrapError."""
    print(f"Installing about {MEGABYTES[group]} MB of Python packages into .venv; this happens once.", flush=True)
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_bytes(b"")
    if not _works():
        _run("make a virtual environment", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    _run("install uv", [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "uv"])
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(PYTHON)]
    lock = str(PROJECT / "requirements" / f"{group}.txt")
    _run("install the locked packages", [*uv, "--require-hashes", "--requirement", lock])
    _run("install the project itself", [*uv, "--no-deps", "--editable", str(PROJECT)])
    _stamp(group).write_text(_wanted(group))


def _works() -> bool:
    """Whether `.venv` has an interpreter of this very version that runs."""
    if not PYTHON.exists():
        return False
    version = "import sys; print(*sys.version_info[:2])"
    answer = subprocess.run([str(PYTHON), "-c", version], capture_output=True, text=True, check=False).stdout
    return answer.split() == [str(part) for part in sys.version_info[:2]]


def _wanted(group: str) -> str:
    digest = hashlib.sha256()
    for path in (PROJECT / "requirements" / f"{group}.txt", PROJECT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()} {PROJECT}\n"


def _stamp(group: str) -> Path:
    return VENV / f".installed-{group}"


def _run(purpose: str, command: list[str]) -> None:
    with LOG.open("ab") as log:
        env = {**os.environ, "VIRTUAL_ENV": str(VENV)}
        code = subprocess.run(command, cwd=PROJECT, env=env, stdout=log, stderr=log, check=False).returncode
    if code:
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        raise BootstrapError(f"Could not {purpose}. The end of {LOG.relative_to(PROJECT)}:\n{tail}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
