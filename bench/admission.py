"""How well admission uses Wan's limits: 10,000 videos with a moved clock, and 60 through the local stack.

`python -m tests.admission`, which `make admission` runs, makes the runs in a process of its own and prints its figures
and their bounds as JSON on its last line. Those in which Wan's limits change are left out here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bench.rows import Figure, Row

VIDEOS, QUICK_VIDEOS, ON_THE_STACK = 10_000, 1000, 60
BOUND_SECONDS: Final = 3600


def rows(quick: bool) -> Iterator[Figure]:
    """Yield the share of Wan's time that is used, the 429s, the queries and the double submissions of each run.

    A quick bench starts no stack.
    """
    videos = QUICK_VIDEOS if quick else VIDEOS
    shown = runs(stack=0 if quick else ON_THE_STACK, simulated=videos)
    bounds = shown["bounds"]
    # The stack makes 60 videos at a clock ten times as fast: its share of Wan's time has no goal.
    yield from figures(f"{videos} simulated", shown["simulated"], bounds, "billed_twice", bounds["utilisation"])
    if not quick:
        yield from figures(f"{ON_THE_STACK} on the stack", shown["stack"], bounds, "submitted_twice", None)


def runs(*, stack: int, simulated: int) -> dict[str, Any]:
    """Run the program and return the document on its last line.

    Raises CalledProcessError if it fails and TimeoutExpired after an hour. A bound that does not hold is no failure:
    the row shows it.
    """
    command = [sys.executable, "-m", "tests.admission", "--stack", str(stack), "--simulated", str(simulated)]
    command += ["--stack-changing", "0", "--changing", "0"]  # `make admission` runs them; they have no row here
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=BOUND_SECONDS)
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout)
    document: dict[str, Any] = json.loads(lines[-1])
    return document


def figures(
    what: str, run: Mapping[str, Any], bounds: Mapping[str, float], twice: str, least: float | None
) -> Iterator[Row]:
    """Yield the rows of one run; `twice` names the figure that counts what was submitted or paid twice."""
    throttled, queries = bounds["throttled_per_video"], bounds["queries_per_second"]
    yield Row(f"{what}: Wan's time used", "", run["utilisation"], goal=least)
    yield Row(f"{what}: 429s a video", "", run["throttled_per_video"], goal=throttled, better="below")
    yield Row(f"{what}: queries a second", "/s", run["queries_per_second"], goal=queries, better="below")
    yield Row(f"{what}: submitted or paid twice", "", run[twice], goal=0, better="below")
