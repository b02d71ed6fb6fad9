"""The processes in which the local engine runs functions, as the kernel describes them."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IDLE: Final = ("anon_pipe_read", "pipe_read", "pipe_wait")
"""The kernel functions in which a process sleeps that waits for its standard input (proc(5), `wchan`)."""

ENDED: Final = ("Z", "X", "x")
"""The states of a process that has ended."""

LONGEST_INVOCATION: Final = 5.0
LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Worker:
    """One process that runs a function."""

    process: Path

    @classmethod
    def of(cls, engine_temp_dir: Path, word: str) -> Worker:
        """Return a process that runs a function; raises ProcessLookupError if there is no such process."""
        for worker in running(engine_temp_dir, word):
            return worker
        raise ProcessLookupError(f"no worker of {word} is running")

    def peak_memory(self) -> float:
        """Return the process's high-water mark in MiB."""
        status = (self.process / "status").read_text(encoding="ascii")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    def processor_seconds(self) -> float:
        """Return the user and system time of the process in seconds (proc(5), `stat`)."""
        fields = (self.process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def is_idle(self) -> bool:
        """Return whether the process waits for its next invocation, which is a line of its standard input."""
        return (self.process / "wchan").read_text(encoding="ascii") in IDLE

    def has_ended(self) -> bool:
        """Return whether the process has ended, which the engine sees too (proc(5), `stat`)."""
        try:
            stat = (self.process / "stat").read_text(encoding="ascii")
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in ENDED


def running(engine_temp_dir: Path, word: str) -> Iterator[Worker]:
    """Yield the processes of an engine that run a function."""
    marker = f"{engine_temp_dir}/ministack-lambda-wan-video-{word}-".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended in the meantime
            if marker in (process / "cmdline").read_bytes():
                yield Worker(process)


def end(engine_temp_dir: Path, *words: str) -> None:
    """End the processes of some functions as soon as they are idle, so that their next invocations are cold starts.

    A process that is still handling an invocation after LONGEST_INVOCATION seconds is left running.
    """
    for word in words:
        for worker in running(engine_temp_dir, word):
            deadline = time.monotonic() + LONGEST_INVOCATION
            with suppress(OSError):  # it ended in the meantime
                while not worker.is_idle() and time.monotonic() < deadline:
                    time.sleep(LOOK_SECONDS)
                if worker.is_idle():
                    os.kill(int(worker.process.name), signal.SIGKILL)
                    # Until then, the engine would give it the next invocation, which would fail.
                    deadline = time.monotonic() + LONGEST_INVOCATION
                    while not worker.has_ended() and time.monotonic() < deadline:
                        time.sleep(LOOK_SECONDS)
