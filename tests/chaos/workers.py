"""The engine's Lambda workers: forked from one zygote instead of started one by one, and killed at random."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from ministack.core import lambda_runtime  # type: ignore[import-untyped]

from tests.chaos.hooks import MOVING_HOST
from tests.chaos.plan import Dice

LONGEST_LIFE: Final = 0.15
"""Longest time in seconds from the start of an invocation until its worker is killed."""


_invoking = threading.local()


class Zygote:
    """The process that workers are forked from; it starts with the first worker."""

    def __init__(self, mutant: str, moved: Path) -> None:
        self._mutant = mutant
        self._moved = moved
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def fork(self, order: Mapping[str, Any], pipes: Sequence[int]) -> int:
        """Fork a worker whose standard streams are these pipes, and return its process id."""
        with self._lock:
            if self._socket is None:
                self._socket = self._start(order["env"]["_LAMBDA_LAYERS_DIRS"].split(os.pathsep)[0])
            socket.send_fds(self._socket, [json.dumps(order).encode()], list(pipes))
            return int(self._socket.recv(32))

    def _start(self, layer: str) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, str(Path(__file__).with_name("zygote.py")), str(its.fileno())]
        packages = str((Path(layer) / "python").resolve())
        subprocess.Popen(
            [*command, packages, self._mutant, MOVING_HOST, str(self._moved)],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
        )
        its.close()
        return ours


class Forked:
    """A forked process with the interface of `subprocess.Popen` that the engine uses."""

    def __init__(
        self, zygote: Zygote, extra: Callable[[], Mapping[str, str]], args: Sequence[str], **options: Any
    ) -> None:
        read_in, write_in = os.pipe()
        read_out, write_out = os.pipe()
        read_error, write_error = os.pipe()
        self.stdin = os.fdopen(write_in, "w", buffering=1)
        self.stdout = os.fdopen(read_out, "r", buffering=1)
        self.stderr = os.fdopen(read_error, "r", buffering=1)
        theirs = (read_in, write_out, write_error)
        order = {"cwd": str(options["cwd"]), "env": {**options["env"], **extra()}, "script": args[-1]}
        self.pid = zygote.fork(order, theirs)
        for pipe in theirs:
            os.close(pipe)
        self._handle = os.pidfd_open(self.pid)
        self.spared = bool(getattr(_invoking, "now", False))
        _invoking.started = self
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return a number if the process has ended; only the zygote knows its exit code."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended; raises subprocess.TimeoutExpired."""
        if self.spared:
            return 0
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return code

    def terminate(self) -> None:
        """Send SIGTERM."""
        if not self.spared:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._handle], [], [], timeout)[0]:
            self.returncode = 0
        return self.returncode

    def __del__(self) -> None:
        for file in (self.stdin, self.stdout, self.stderr):
            with suppress(OSError, ValueError):
                file.close()
        os.close(self._handle)


def fork_workers(zygote: Zygote, extra: Callable[[], Mapping[str, str]]) -> None:
    """Make the engine fork its workers; `extra` returns variables that each worker gets in addition to its own."""

    def start(args: Sequence[str], **options: Any) -> Forked:
        return Forked(zygote, extra, args, **options)

    names = {name: getattr(subprocess, name) for name in ("PIPE", "STDOUT", "DEVNULL", "TimeoutExpired")}
    lambda_runtime.subprocess = SimpleNamespace(**names, Popen=start)


def spare_workers() -> None:
    """Keep the worker of a handler that raised, as AWS does; by default, the engine ends it with the invocation."""
    invoke: Callable[..., dict[str, Any]] = lambda_runtime.Worker.invoke

    def invoke_and_keep(worker: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        process = worker._proc
        _invoking.now, _invoking.started = True, None
        if process is not None:
            process.spared = True
        try:
            answer = invoke(worker, *args, **kwargs)
        finally:
            _invoking.now = False
            process = _invoking.started or process
            if process is not None:
                process.spared = False
        if answer.get("status") == "error" and process is not None:
            if "type" in answer and process.poll() is None:
                worker._proc = process
            else:
                process.kill()
        return answer

    lambda_runtime.Worker.invoke = invoke_and_keep


def kill_workers(dice: Dice, armed: Callable[[], bool], on_kill: Callable[[str], None]) -> None:
    """Kill the workers of some invocations with SIGKILL; `on_kill` receives the name of each function."""
    invoke: Callable[..., dict[str, Any]] = lambda_runtime.Worker.invoke

    def invoke_and_kill(worker: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if not armed() or dice.throw() is None:
            return invoke(worker, *args, **kwargs)

        def kill() -> None:
            process = worker._proc
            if process is not None and process.poll() is None:
                on_kill(worker.func_name)
                process.kill()

        timer = threading.Timer(dice.between(0, LONGEST_LIFE), kill)
        timer.start()
        try:
            return invoke(worker, *args, **kwargs)
        finally:
            timer.cancel()

    lambda_runtime.Worker.invoke = invoke_and_kill
