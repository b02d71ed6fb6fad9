"""The command `python -m wan_simulator`: serve until interrupted."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import get_args

from wan_simulator.accounts import DEFAULT_KEYS, DEFAULT_WORKSPACES, parse_keys
from wan_simulator.clock import Clock
from wan_simulator.quotas import QUOTA_ROUTES, QuotaRoute
from wan_simulator.service import ListKey
from wan_simulator.simulator import Settings, Simulator


def main(arguments: list[str] | None = None) -> int:
    """Run a simulator with the given arguments until SIGINT or SIGTERM."""
    command = parser()
    options = command.parse_args(arguments)
    try:
        settings = settings_of(options)
    except ValueError as error:
        command.error(str(error))
    return serve(Simulator(settings), options.port_file)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the settings of a command line; raises ValueError."""
    return Settings(
        host=options.host,
        port=options.port,
        latency=options.latency,
        keys=options.keys,
        workspaces=options.workspaces,
        clock=options.clock,
        seed=options.seed,
        films=options.films,
        rate_limits=options.rate_limits,
        queue=options.queue,
        list_lag=options.list_lag,
        list_key=options.list_key,
        quota_routes=options.quota_routes,
        retry_after=options.retry_after or None,
        audio_from_anywhere=options.audio_from_anywhere,
        ledger=options.ledger,
    )


def serve(simulator: Simulator, port_file: Path | None) -> int:
    """Serve until SIGINT or SIGTERM."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with simulator:
        if port_file:
            _write_port(port_file, simulator.origin)
        regions = " ".join(f"{region}={about['key']}" for region, about in simulator.regions().items())
        print(f"wan_simulator ready at {simulator.origin}/<region>/api/v1 with keys {regions}", flush=True)
        stop.wait()
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    command = argparse.ArgumentParser(prog="python -m wan_simulator", description="Simulates Wan's text-to-video API.")
    add = command.add_argument
    add("--host", default="127.0.0.1", help="loopback address to listen on")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    add("--port-file", type=Path, help="file to write the port to once the simulator is ready")
    add("--ledger", type=Path, help="file to append the ledger to, as JSON lines")
    add("--latency", type=_seconds, default=60.0, help="seconds of the clock that a task takes at least (60)")
    add("--clock", type=Clock.parse, default="", help="<speed>@<origin epoch seconds>; real time if empty")
    add("--keys", type=parse_keys, default=DEFAULT_KEYS, help="region=key,...; default sk-simulator-<region>")
    add(
        "--workspaces",
        type=_names,
        default=DEFAULT_WORKSPACES,
        help="workspaces that exist: id or region=id,... (ws-simulator)",
    )
    add("--seed", type=int, help="makes ids, and the seeds of tasks that name none, repeatable")
    how = command.add_mutually_exclusive_group()
    for kind, meaning in (
        ("render", "render a film for each task (default)"),
        ("reuse", "one clip per format, made unique by a box"),
        ("still", "like --reuse, with a picture that does not move: the clip is made in a third of the time"),
    ):
        how.add_argument(f"--{kind}", dest="films", action="store_const", const=kind, default="render", help=meaning)
    add("--rate-limits", action=argparse.BooleanOptionalAction, default=True, help="enforce Wan's limits of requests")
    add(
        "--queue",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="let tasks beyond a quota of running tasks wait",
    )
    add("--list-lag", type=_seconds, default=0.0, help="seconds of the clock before the list shows a new task (0)")
    add("--list-key", choices=get_args(ListKey), default="data", help="member of a list that holds its tasks (data)")
    add(
        "--quota-routes",
        type=_quota_routes,
        default=QUOTA_ROUTES,
        help="paths of the quota API that exist: quotas, models/limits, both, or none",
    )
    add("--retry-after", default="1", help="Retry-After of every 429 and 503; empty for none (1)")
    add("--audio-from-anywhere", action="store_true", help="fetch audio_url from other hosts than this machine too")
    return command


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _quota_routes(text: str) -> tuple[QuotaRoute, ...]:
    names = _names(text)
    if not set(names) <= set(QUOTA_ROUTES):
        raise ValueError(text)
    return tuple(route for route in QUOTA_ROUTES if route in names)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def _write_port(path: Path, origin: str) -> None:
    """Write the port to `path` in one step, so that a reader never sees half of it."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(origin.rpartition(":")[2] + "\n")
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
