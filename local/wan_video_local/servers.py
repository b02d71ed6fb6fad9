"""Start and stop the local stack's server processes, each under a guard (see `guard.py`)."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import requests

from wan_video_local.guard import DETACH, GRACE_SECONDS

READY_SECONDS = 300.0
"""Seconds for a server to start, enough for a busy machine; one that ends while it starts is noticed at once."""
END_SECONDS = GRACE_SECONDS * 12
"""Seconds for a server to end, enough for a busy machine: it may have many files to remove."""

POLL_SECONDS = 0.05
SERVER_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH")
"""The only variables that a server inherits: no proxy, credential or Python setting of the caller."""


class ServerError(Exception):
    """Raised when a server of the local stack has ended or does not answer; carries its `name` and the `reason`."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The {name} {reason}.")
        self.name = name
        self.reason = reason


@dataclass(frozen=True)
class GuardRecord:
    """What a later command needs to stop a detached one: the guard's process id and its folder, which identifies it."""

    pid: int
    temp_dir: str

    def is_ours(self) -> bool:
        """Return whether the process is still this guard, and not another one with a reused id."""
        return self.temp_dir in _command_line(self.pid)


def new_temp_dir(name: str) -> Path:
    """Make a folder for the temporary files of one guarded command."""
    return Path(tempfile.mkdtemp(prefix=f"wan-video-{name}-"))


class Guarded:
    """One command that this process owns through a guard."""

    def __init__(
        self, temp_dir: Path, command: Sequence[str], *, log: IO[bytes], env: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        """Start `command`, with all its temporary files in `temp_dir`, which ends with it; its output goes to `log`."""
        self.temp_dir = temp_dir
        self._detached = False
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "wan_video_local.guard", str(self.temp_dir), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=env,
            cwd=cwd,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self) -> int:
        """Wait until the command has ended by itself and return its exit code."""
        return self._guard.wait()

    def stop(self) -> None:
        """Stop the command and everything it started, and wait until it has ended; a detached one is not touched."""
        if self._detached:
            return
        assert self._guard.stdin is not None
        with suppress(BrokenPipeError):
            self._guard.stdin.close()
        self._guard.wait(timeout=END_SECONDS)

    def detach(self) -> None:
        """Let the command outlive this process; from now on `end_detached` stops it."""
        assert self._guard.stdin is not None
        self._guard.stdin.write(DETACH)
        self._guard.stdin.close()
        self._detached = True

    @property
    def record(self) -> GuardRecord:
        """The record that `end_detached` needs once the command is detached."""
        return GuardRecord(self._guard.pid, str(self.temp_dir))


class Server(Guarded):
    """A guarded HTTP server on a loopback port that it chooses."""

    def __init__(self, name: str, command: Sequence[str], log: IO[bytes]) -> None:
        """Start `command` with `--port-file FILE` appended; its output goes to `log`."""
        self.name = name
        inherited = {key: os.environ[key] for key in SERVER_VARIABLES if key in os.environ}
        temp_dir = new_temp_dir(name)
        self._port_file = temp_dir / "port"
        guarded = [*command, "--port-file", str(self._port_file)]
        super().__init__(temp_dir, guarded, log=log, env={**inherited, "PYTHONUNBUFFERED": "1"})

    def await_url(self, health_path: str) -> str:
        """Wait until the server answers 200 on its health path and return its base URL.

        Raises ServerError if it ends first or is not ready within READY_SECONDS.
        """
        self._await(lambda: self._port_file.exists() and self._port_file.read_text().strip().isdecimal())
        url = f"http://127.0.0.1:{self._port_file.read_text().strip()}"
        with requests.Session() as session:
            session.trust_env = False
            self._await(lambda: _answers(session, url + health_path))
        return url

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not condition():
            if self._guard.poll() is not None:
                raise ServerError(self.name, "ended while it was starting")
            if time.monotonic() > deadline:
                raise ServerError(self.name, f"was not ready within {READY_SECONDS:.0f} seconds")
            time.sleep(POLL_SECONDS)


def end_detached(record: GuardRecord) -> bool:
    """Stop a detached command and wait until it has ended; return False if it was not running.

    Raises ServerError when it does not end.
    """
    if not record.is_ours():
        return False
    os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    while record.is_ours():
        if time.monotonic() > deadline:
            raise ServerError(f"process {record.pid}", f"did not end within {END_SECONDS:.0f} seconds")
        time.sleep(POLL_SECONDS)
    return True


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def _command_line(pid: int) -> str:
    """Return the command line of a process; empty if there is no such process, or only a zombie."""
    proc = Path("/proc")
    if proc.is_dir():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
