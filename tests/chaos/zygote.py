"""The process that the engine's workers are forked from: it imports the whole layer, once.

A worker made this way takes some milliseconds instead of more than a second, so a run can kill hundreds. The engine
asks for one worker at a time over a socket: it sends working folder, variables and script, with three pipes, and the
zygote answers with the child's process id. The script is run by its path, without the project on the import path, so
that a worker sees only the layer, as on AWS.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import signal
import socket
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

OTHER_LAYERS = frozenset({"av"})
"""Packages that only the layer of `thumbnail` contains; what needs them is imported by its own workers."""


def main(descriptor: int, layer: str, mutant: str, host: str, moved: Path) -> None:
    """Serve until the engine closes its end; `mutant` plants one bug in what the workers will run.

    As soon as the file `moved` exists, the name `host` leads to loopback, to the port that the file contains.
    """
    standard = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    here = Path(__file__).parent
    sys.path[:] = [layer, *(path for path in sys.path if path in standard or path.endswith(("lib-dynload", ".zip")))]
    _preload()
    _move(host, moved)
    if mutant:
        spec = importlib.util.spec_from_file_location("mutants", here / "mutants.py")
        assert spec
        assert spec.loader
        mutants = importlib.util.module_from_spec(spec)
        sys.modules["mutants"] = mutants
        spec.loader.exec_module(mutants)
        mutants.plant(mutant)
    gc.collect()
    gc.freeze()
    engine = socket.socket(fileno=descriptor)
    while True:
        message, pipes, _, _ = socket.recv_fds(engine, 1 << 20, 3)
        if not message:
            return
        _reap()
        child = os.fork()
        if child == 0:
            engine.close()
            _become_worker(json.loads(message), pipes)
        for pipe in pipes:
            os.close(pipe)
        engine.send(str(child).encode())


def _preload() -> None:
    from botocore import loaders

    load = loaders.JSONFileLoader.load_file
    reader = loaders.JSONFileLoader()
    load_once = cache(lambda path: load(reader, path))
    # The descriptions of AWS's services, some megabytes of JSON, are read once for all workers.
    setattr(loaders.JSONFileLoader, "load_file", lambda _, path: load_once(path))  # noqa: B010

    from botocore.session import get_session

    import wan_video

    for module in pkgutil.walk_packages(wan_video.__path__, "wan_video."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in OTHER_LAYERS:
                raise
    for name in ("event_handler", "logging", "metrics"):
        if importlib.util.find_spec(f"aws_lambda_powertools.{name}"):
            importlib.import_module(f"aws_lambda_powertools.{name}")
    session = get_session()
    session.set_credentials("x", "x")
    for service in ("dynamodb", "s3", "sns", "secretsmanager", "sqs", "stepfunctions"):
        session.create_client(service, region_name="us-east-1", endpoint_url="http://127.0.0.1:1")


def _move(host: str, moved: Path) -> None:
    look_up = socket.getaddrinfo

    def look_up_or_move(name: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if name != host:
            return look_up(name, port, *args, **kwargs)
        address = ("127.0.0.1", int(moved.read_text())) if moved.exists() else ("93.184.215.14", port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    setattr(socket, "getaddrinfo", look_up_or_move)  # noqa: B010


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _become_worker(order: dict[str, Any], pipes: list[int]) -> None:
    """Run the engine's own worker script in this process, as if it had been started for it."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for number, pipe in enumerate(pipes):
            os.dup2(pipe, number)
            os.close(pipe)
        sys.stdin = os.fdopen(0, "r", buffering=1)
        sys.stdout = os.fdopen(1, "w", buffering=1)
        sys.stderr = os.fdopen(2, "w", buffering=1)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        script = Path(order["script"]).read_text()
        exec(compile(script, order["script"], "exec"), {"__name__": "__main__"})
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], Path(sys.argv[5]))
