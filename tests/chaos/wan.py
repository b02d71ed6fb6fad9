"""`python -m tests.chaos.wan`: the Wan simulator, with the faults that a seed has planned for its calls."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from shutil import copyfile
from threading import Event
from typing import Any, Final

from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from tests.chaos.plan import LARGE, Dice, Mix
from wan_simulator import __main__ as command
from wan_simulator.faults import Fault, FaultQueue, Route
from wan_simulator.films import Renderer, free_box
from wan_simulator.render import Shot, render
from wan_simulator.simulator import Simulator
from wan_video_local.stack import WORK

PADDING: Final = 10 * 1024 * 1024
"""Bytes added to the clip of the large format, so that it is stored in parts."""

HANG_SECONDS: Final = 21.0
"""Real seconds without an answer: more than a submitter waits for one."""

KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    # A caller that sleeps for as long as the header says would never finish.
    "throttle": {"kind": "refuse", "code": "Throttling.RateQuota", "retry_after": "86400"},
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503, "retry_after": "86400"},
    "500_after": {"kind": "status", "status": 500, "after": True},
    "reset_after": {"kind": "reset", "after": True},
    "garbage_after": {"kind": "garbage", "after": True},
    "hang_after": {"kind": "hang", "seconds": HANG_SECONDS, "after": True},
}
"""Faults by their names in the mix; any other name is the simulator's own name for the fault."""

STREAMS: Final[tuple[Route, ...]] = ("create", "query", "list", "result")


class PlannedFaults(FaultQueue):
    """Faults by the dice while `armed` returns true; strange links and redirects lead to the host `foreign`."""

    def __init__(self, seed: int, mix: Mix, foreign: str, armed: Callable[[], bool]) -> None:
        super().__init__()
        self.dice = {route: Dice(seed, route, mix.get(route, {})) for route in STREAMS}
        self._foreign = foreign
        self._armed = armed

    def take(self, route: Route) -> Fault | None:
        kind = self.dice[route].throw() if route in self.dice and self._armed() else None
        if kind is None:
            return super().take(route)
        options = {"kind": kind, "host": self._foreign, "location": f"http://{self._foreign}/elsewhere.mp4"}
        return Fault(route=route, **{**options, **KINDS.get(kind, {})})


def kept(renderer: Renderer, folder: Path) -> Renderer:
    """Return a renderer that keeps its clips in `folder` between runs and pads those of the large format.

    The padding is an MP4 box that players skip.
    """

    def make(shot: Shot, path: Path, abandoned: Event, /) -> None:
        # The repr of a shot leaves out its images.
        shown = repr((shot, [hashlib.sha256(image).hexdigest() for image in shot.images]))
        clip = folder / f"{hashlib.sha256(shown.encode()).hexdigest()[:16]}.mp4"
        if not clip.exists():
            renderer(shot, path, abandoned)
            if f"{shot.width}x{shot.height}" == LARGE.size:
                with path.open("ab") as file:
                    file.write(free_box(Random(0).randbytes(PADDING)))
            folder.mkdir(exist_ok=True)
            partial = clip.with_suffix(f".{os.getpid()}")
            copyfile(path, partial)
            partial.replace(clip)
        copyfile(clip, path)

    return make


def main() -> int:
    """Serve until SIGTERM."""
    parser = command.parser()
    parser.add_argument("--fault-seed", type=int, required=True)
    parser.add_argument("--mix", type=json.loads, required=True)
    parser.add_argument("--foreign", required=True, help="host:port of the foreign host")
    parser.add_argument("--folder", type=Path, required=True, help="where `armed` is")
    options = parser.parse_args()
    faults = PlannedFaults(options.fault_seed, options.mix, options.foreign, (options.folder / "armed").exists)
    simulator = Simulator(command.settings_of(options), kept(render, WORK / "clips"), faults)
    chaos = Blueprint("chaos", __name__)

    @chaos.get("/faults")
    def thrown() -> Response:
        return jsonify({route: dice.thrown for route, dice in faults.dice.items()})

    app: Any = simulator._server.app
    app.register_blueprint(chaos, url_prefix="/_chaos")
    return command.serve(simulator, options.port_file)


if __name__ == "__main__":
    raise SystemExit(main())
