"""The processes in which the local engine runs functions, as the kernel describes them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IDLE: Final = ("anon_pipe_read", "pipe_read", "pipe_wait")
"""The kernel functions in which a process sleeps that waits for its standard input (proc(5), `wchan`)."""


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


def running(engine_temp_dir: Path, word: str) -> Iterator[Worker]:
    """Yield the processes of an engine that run a function."""
    marker = f"{engine_temp_dir}/ministack-lambda-wan-video-{word}-".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended in the meantime
            if marker in (process / "cmdline").read_bytes():
                yield Worker(process)


def end(engine_temp_dir: Path, *words: str) -> None:
    """End the idle processes of some functions, so that their next invocations are cold starts.

    A process that handles an invocation is left running: only an idle one waits for its next line of input.
    """
    for word in words:
        for worker in running(engine_temp_dir, word):
            with suppress(OSError):  # it ended in the meantime
                if (worker.process / "wchan").read_text(encoding="ascii") in IDLE:
                    os.kill(int(worker.process.name), signal.SIGKILL)
