"""What admission makes of Wan's limits: 10,000 videos with the clock moved, and 60 through the local stack.

The runs are those of `make admission`; so are the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.rows import Figure, Row
from tests.admission.__main__ import SPEED
from tests.admission.figures import LEAST_UTILISATION, MOST_QUERIES, MOST_THROTTLED, Figures
from tests.admission.simulation import simulate
from tests.admission.stack_run import StackFigures, run_on
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan

VIDEOS, QUICK_VIDEOS, ON_THE_STACK = 10_000, 1000, 60


def rows(quick: bool) -> Iterator[Figure]:
    """Share of Wan's time that is used, 429s and queries, and whether anything was made twice; QUICK needs no stack."""
    videos = QUICK_VIDEOS if quick else VIDEOS
    yield from figures(f"{videos} simulated", simulate(videos))
    if not quick:
        with (
            RunLog(WORK / "bench-admission.log") as log,
            LocalStack(Plan(speed=SPEED, render=False, enforce=False), log.file) as local,
        ):
            yield from figures(f"{ON_THE_STACK} on the stack", run_on(local.start(), ON_THE_STACK))


def figures(what: str, seen: Figures | StackFigures) -> Iterator[Row]:
    """The rows of one run. The stack is 60 videos at a clock ten times as fast: its share of time has no goal."""
    simulated = isinstance(seen, Figures)
    twice = seen.billed_twice if isinstance(seen, Figures) else seen.submitted_twice
    yield Row(f"{what}: Wan's time used", "", seen.utilisation, goal=LEAST_UTILISATION if simulated else None)
    yield Row(f"{what}: 429s a video", "", seen.throttled / seen.videos, goal=MOST_THROTTLED, better="below")
    yield Row(f"{what}: queries a second", "/s", seen.queries / seen.seconds, goal=MOST_QUERIES, better="below")
    yield Row(f"{what}: submitted or paid twice", "", twice, goal=0, better="below")
