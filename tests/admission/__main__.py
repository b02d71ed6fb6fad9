"""`python -m tests.admission`: how well admission uses Wan's limits, on the local stack and with a moved clock."""

from __future__ import annotations

import argparse
import sys

from tests.admission.changes import ChangeFigures, simulate_changes
from tests.admission.figures import BOUNDS, Figures, line
from tests.admission.simulation import simulate
from tests.admission.stack_run import StackFigures, run_on
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan

SPEED = 10.0


def main() -> int:
    """Run all parts, print the figures, and print one line of JSON last; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.admission", description=__doc__)
    parser.add_argument("--stack", type=int, default=60, help="videos on the local stack; 0 for none (60)")
    parser.add_argument("--simulated", type=int, default=10_000, help="videos with a moved clock; 0 for none (10000)")
    parser.add_argument("--changing", type=int, default=3000, help="videos while limits change; 0 for none (3000)")
    options = parser.parse_args()
    runs: dict[str, Figures | StackFigures | ChangeFigures] = {}
    if options.stack:
        print(f"{options.stack} videos of two owners and two models on the local stack", flush=True)
        with RunLog(WORK / "admission.log") as log, LocalStack(Plan(speed=SPEED, render=False), log.file) as local:
            runs["stack"] = run_on(local.start(), options.stack)
        _show(runs["stack"].document())
    if options.simulated:
        print(f"{options.simulated} videos through the services that ship, with a moved clock", flush=True)
        runs["simulated"] = simulate(options.simulated)
        _show(runs["simulated"].document())
    if options.changing:
        print(f"{options.changing} videos, likewise, while Wan works on 5 at once, then on 2, then on 20", flush=True)
        runs["changing"] = simulate_changes(options.changing)
        _show(runs["changing"].document())
    violations = [f"{name}: {violation}" for name, run in runs.items() for violation in run.violations()]
    documents = {name: run.document() for name, run in runs.items()}
    print(line({**documents, "bounds": BOUNDS, "violations": violations}))
    return 1 if violations else 0


def _show(document: dict[str, object]) -> None:
    for name, value in document.items():
        print(f"  {name:<26}{value}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
