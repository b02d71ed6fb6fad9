"""Create `.venv` with the locked packages of a group, `local` or `dev`, once for each lock.

It runs before anything is installed, so it needs only the standard library. A new environment is created beside `.venv`
and renamed when it is complete, so that an interrupted run leaves no incomplete one. Two runs in one checkout take
turns.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PROJECT = Path(__file__).resolve().parents[2]
MEGABYTES = {"local": 490, "dev": 880}
"""The approximate size of each group in `.venv`, in megabytes; the dev group includes the local one."""
COMPILED: dict[str, tuple[str, ...]] = {"local": (), "dev": ("--compile-bytecode",)}
"""Options of uv that put a .pyc file beside each source at once.

The tests start hundreds of processes, and each would compile its imports if Python may not write .pyc files
(PYTHONDONTWRITEBYTECODE): boto3 takes three times as long to import, and the SAM CLI four times. The few processes of
one video do not save as much time as compiling everything takes, so the first `make run` skips it.
"""
TAIL_LINES = 20

DISK_FULL = ("No space left on device", "Disk quota exceeded")
OFFLINE = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "Failed to establish a new connection",
    "dns error",
    "error sending request",
    "Could not connect",
    "Connection refused",
    "Network is unreachable",
    "tcp connect error",
    "No matching distribution found for uv",
)
"""The texts in the output of pip and uv that mean that no package index can be reached."""


class BootstrapError(Exception):
    """Raised when the environment cannot be created; the message says why and what would help."""


def main(group: str, project: Path = PROJECT) -> int:
    """Install the group if it is missing; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    installer = Installer(project, group)
    try:
        check_modules()
        with installer.alone():
            if not any(installer.is_installed(each) for each in (group, "dev")):
                installer.install()
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(installer.disk_full if error.errno in (errno.ENOSPC, errno.EDQUOT) else error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was installed.", file=sys.stderr)
        return 130
    return 0


def check_modules() -> None:
    """Raise BootstrapError unless this interpreter can create virtual environments."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise BootstrapError(
            "{} cannot create virtual environments: its venv module is not installed"
            " (on Debian and Ubuntu: apt install python{}.{}-venv).".format(sys.executable, *sys.version_info[:2])
        )


class Installer:
    """Installs a group into the environment `.venv` of one checkout."""

    def __init__(self, project: Path, group: str) -> None:
        self._project = project
        self._group = group
        self.venv = project / ".venv"
        self._work = project / ".run"
        self._beside = self._work / "venv"
        """The folder in which a new environment is created and the replaced one is removed."""
        self._changing = self.venv / ".changing"
        """The file that exists while packages are added to an environment in use."""
        self._log = self._work / "install.log"

    @property
    def disk_full(self) -> str:
        """Return the message for a full disk."""
        return f"The disk is full: .venv needs about {MEGABYTES[self._group]} MB. Free some space and run this again."

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the checkout; other runs wait."""
        self._work.mkdir(exist_ok=True)
        with (self._work / "install.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another run is installing into .venv; waiting for it.", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def is_installed(self, group: str) -> bool:
        """Return whether the environment is complete and matches the group's current lock."""
        stamp = self._stamp(self.venv, group)
        return stamp.exists() and stamp.read_text() == self._wanted(group) and self._is_whole()

    def install(self) -> None:
        """Install the lock, every package checked against its hash. Raises BootstrapError and OSError.

        A complete environment only receives what it lacks, since a stack may be running from it; any other is replaced.
        """
        size = MEGABYTES[self._group]
        print(f"Installing about {size} MB of Python packages into .venv; this happens once.", flush=True)
        self._log.write_bytes(b"")
        _remove(self._beside)
        if self._is_whole():
            self._changing.touch()
            self._fill(self.venv)
            self._changing.unlink()
            return
        self._beside.mkdir()
        try:
            made = self._make()
            self._fill(made)
            if self.venv.exists():
                self.venv.rename(self._beside / "old")
            made.rename(self.venv)
        finally:
            _remove(self._beside)

    def _make(self) -> Path:
        """Create a relocatable environment that contains uv."""
        first, made = self._beside / "first", self._beside / "made"
        purpose = "create a virtual environment"
        self.run(purpose, [sys.executable, "-m", "venv", str(first)])
        self.run("install uv", [str(_python(first)), "-m", "pip", "install", "--disable-pip-version-check", "uv"])
        # `sam build` looks for a Python with pip, and this may be the only one: --seed.
        self.run(purpose, [str(_uv(first)), "venv", "--relocatable", "--seed", "--python", sys.executable, str(made)])
        self.run("install uv", [str(_uv(first)), "pip", "install", "--python", str(_python(made)), "uv"])
        return made

    def _fill(self, venv: Path) -> None:
        install = [str(_uv(venv)), "pip", "install", "--python", str(_python(venv)), *COMPILED[self._group]]
        lock = str(self._project / "requirements" / f"{self._group}.txt")
        self.run("install the locked packages", [*install, "--require-hashes", "--requirement", lock])
        self.run("install the project itself", [*install, "--no-deps", "--editable", str(self._project)])
        self._stamp(venv, self._group).write_text(self._wanted(self._group))

    def _is_whole(self) -> bool:
        """Return whether `.venv` was completed and its interpreter has this version and runs."""
        stamps = (self._stamp(self.venv, each) for each in MEGABYTES)
        if self._changing.exists() or not any(stamp.exists() for stamp in stamps) or not _python(self.venv).exists():
            return False
        version = "import sys; print(*sys.version_info[:2])"
        command = [str(_python(self.venv)), "-c", version]
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return answer.split() == [str(part) for part in sys.version_info[:2]] and _uv(self.venv).exists()

    def _wanted(self, group: str) -> str:
        digest = hashlib.sha256()
        for path in (self._project / "requirements" / f"{group}.txt", self._project / "pyproject.toml"):
            digest.update(path.read_bytes())
        return f"{digest.hexdigest()} {self._project}\n"

    def _stamp(self, venv: Path, group: str) -> Path:
        return venv / f".installed-{group}"

    def run(self, purpose: str, command: list[str]) -> None:
        """Run a command of the installation, with its output in the log. Raises BootstrapError."""
        with self._log.open("ab") as log:
            env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")}
            code = subprocess.run(
                command, cwd=self._project, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            ).returncode
        if not code:
            return
        said = self._log.read_text(errors="replace")
        if any(words in said for words in DISK_FULL):
            raise BootstrapError(self.disk_full)
        log_name = self._log.relative_to(self._project)
        if any(words in said for words in OFFLINE):
            raise BootstrapError(
                f"Could not {purpose}: the package index cannot be reached."
                f" Check the network connection and run this again; {log_name} has the details."
            )
        tail = "\n".join(said.splitlines()[-TAIL_LINES:])
        raise BootstrapError(f"Could not {purpose}. The end of {log_name}:\n{tail}")


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _uv(venv: Path) -> Path:
    return venv / "bin" / "uv"


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
