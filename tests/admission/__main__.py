"""`python -m tests.admission`: how well admission uses Wan's limits, on the local stack and with a moved clock."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Final, TypeVar

from tests.admission.changes import ChangeFigures, simulate_changes
from tests.admission.figures import BOUNDS, Figures, line
from tests.admission.simulation import simulate
from tests.admission.stack_changes import StackChangeFigures, run_changes_on
from tests.admission.stack_run import StackFigures, run_on
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan, Stack

Run = ChangeFigures | Figures | StackChangeFigures | StackFigures
R = TypeVar("R", bound=Run)

SPEED: Final = 10.0
LATENCY: Final = 180.0
"""How long a task takes at Wan where limits change, in seconds of the stack's clock: as long as in the simulation."""

CHANGES: Final = "while Wan works on 5 at once, then on 2, then on 20"


def main() -> int:
    """Run all parts, print the figures, and print one line of JSON last; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.admission", description=__doc__)
    parser.add_argument("--stack", type=int, default=60, help="videos on the local stack; 0 for none (60)")
    parser.add_argument("--stack-changing", type=int, default=160, help="the same while Wan's limits change (160)")
    parser.add_argument("--simulated", type=int, default=10_000, help="videos with a moved clock; 0 for none (10000)")
    parser.add_argument("--changing", type=int, default=3000, help="the same while Wan's limits change (3000)")
    options = parser.parse_args()
    runs: dict[str, Run] = {}
    if options.stack:
        print(f"{options.stack} videos of two owners and two models on the local stack", flush=True)
        runs["stack"] = _shown(_on_a_stack(Plan(speed=SPEED, films="still"), run_on, options.stack))
    if options.stack_changing:
        print(f"{options.stack_changing} videos on the local stack {CHANGES}", flush=True)
        plan = Plan(speed=SPEED, latency=LATENCY, films="still")
        changing = _shown(_on_a_stack(plan, run_changes_on, options.stack_changing))
        runs["stack_changing"] = changing
        for bound in changing.missed():
            print(f"  missed on this machine: {bound}", flush=True)
    if options.simulated:
        print(f"{options.simulated} videos through the services that ship, with a moved clock", flush=True)
        runs["simulated"] = _shown(simulate(options.simulated))
    if options.changing:
        print(f"{options.changing} videos with a moved clock {CHANGES}", flush=True)
        runs["changing"] = _shown(simulate_changes(options.changing))
    violations = [f"{name}: {violation}" for name, run in runs.items() for violation in run.violations()]
    documents = {name: run.document() for name, run in runs.items()}
    print(line({**documents, "bounds": BOUNDS, "violations": violations}))
    return 1 if violations else 0


def _on_a_stack(plan: Plan, run: Callable[[Stack, int], R], videos: int) -> R:
    with RunLog(WORK / "admission.log") as log, LocalStack(plan, log.file) as local:
        return run(local.start(), videos)


def _shown(figures: R) -> R:
    for name, value in figures.document().items():
        print(f"  {name:<26}{value}", flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
