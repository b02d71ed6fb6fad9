"""The processes of a copy: the result host, S3, and one for each contender, which copies on request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

TIMEOUT = 600


@dataclass(frozen=True)
class Stage:
    """The addresses of the result host and S3, and the file of the authority that issued their certificates."""

    films: str
    s3: str
    ca_file: str


@dataclass(frozen=True)
class Run:
    """One copy."""

    seconds: float
    peak_megabytes: float


@contextmanager
def stage(delay: float = 0.0, rate: float = 0.0) -> Iterator[Stage]:
    """Serve while the block runs; `delay` (s) and `rate` (bytes/s) apply to each connection to the result host."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        authority = trustme.CA()
        certificate, ca_file = Path(folder, "server.pem"), Path(folder, "ca.pem")
        authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        authority.cert_pem.write_to_path(str(ca_file))
        with (
            _serving("films", str(certificate), str(delay), str(rate)) as films,
            _serving("s3", str(certificate)) as s3,
        ):
            yield Stage(films, s3, str(ca_file))


class Contender:
    """A process that copies videos one after another, in one way."""

    def __init__(self, at: Stage, way: str) -> None:
        self._at = at
        self._way = way

    def __enter__(self) -> Self:
        at = self._at
        command = [sys.executable, "-m", "bench.transfer.ways", self._way, at.films, at.s3, at.ca_file]
        # Without this machine's proxy, certificates and profile.
        clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._process = subprocess.Popen(command, env=clean, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def copy(self, size: int) -> Run:
        """Let it copy a video of `size` bytes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{size}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._way} has failed")
        measured: dict[str, Any] = json.loads(line)
        return Run(**measured)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


@contextmanager
def _serving(*words: str) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.transfer.servers", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
