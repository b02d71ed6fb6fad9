"""What the product adds to Wan's own time, in real time: before Wan accepts a task, and after Wan has made the video.

Videos of 50 to 70 seconds, one in each second, are requested every few seconds through the API of the local stack,
with places enough that none waits for another. The first of them find no worker of the functions that they use running,
the others do. For each of the others, a plain script with the DashScope SDK makes a task of the same length at the
simulator at the same time, and copies its result into the same S3.

Wan's times are those of the simulator's ledger. The shares of the stages are taken from the executions' histories and
the functions' logs: what a function itself takes belongs to the product, and what is between to the local engine.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from bench.overhead.day import COLD, WARM, Day, Pace, Seen
from bench.overhead.stages import AFTER, BEFORE, shares_of
from bench.rows import Figure, Row, Share
from tools.template import source
from wan_video_local.log import RunLog
from wan_video_local.stack import WORK, LocalStack, Plan

SEED: Final = 23
FEWEST_SECONDS: Final = 50
FULL: Final = Pace(cold=10, warm=20, gap_cold=4.0, gap_warm=3.0, warm_at=72.0)
QUICK: Final = Pace(cold=5, warm=5, gap_cold=4.0, gap_warm=3.0, warm_at=72.0)
LONGEST_SUBMISSION: Final = 1.0
BEYOND_HALF_AN_INTERVAL: Final = 1.0
"""Seconds that may pass after half a poll interval, the shortest wait for a poll that one can expect."""


def rows(quick: bool) -> Iterator[Figure]:
    """Yield medians and 95th percentiles of cold and warm videos and of the script, and the shares of the stages."""
    pace = QUICK if quick else FULL
    plan = Plan(speed=1, films="reuse", enforce=False)
    with RunLog(WORK / "bench-overhead.log") as log, LocalStack(plan, log.file) as running:
        stack = running.start()
        seen, theirs = Day(stack, running.servers[0].temp_dir, pace, lengths(pace)).run()
        cold, warm = ([one for one in seen if one.kind == kind] for kind in (COLD, WARM))
        yield from figures(cold, warm, theirs)
        for kind, videos in ((WARM, warm), (COLD, cold)):
            before, after = shares_of(stack, videos)
            yield from (Share(BEFORE, kind, *stage) for stage in before)
            yield from (Share(AFTER, kind, *stage) for stage in after)


def lengths(pace: Pace) -> Sequence[float]:
    """Return how long Wan takes for each video: one length in each second from FEWEST_SECONDS on, in a drawn order.

    Lengths that are spread evenly over more than a poll interval show no more and no fewer lucky polls than there are.
    """
    dice = Random(SEED)
    found = []
    for count in (pace.cold, pace.warm):
        step = 20 / count
        drawn = [round(FEWEST_SECONDS + step * (at + dice.random()), 3) for at in range(count)]
        dice.shuffle(drawn)
        found += drawn
    return found


def figures(cold: Sequence[Seen], warm: Sequence[Seen], theirs: Sequence[Seen]) -> Iterator[Row]:
    """Yield the rows of the two waits and of the notice; those of warm videos are paired with the script's."""
    interval = int(source()["Parameters"]["PollIntervalSeconds"]["Default"])
    goal = interval / 2 + BEYOND_HALF_AN_INTERVAL
    note = "median of {} videos"
    yield Row("POST until Wan has accepted, cold", "s", median(cold, "before"), note=note.format(len(cold)))
    yield Row("POST until Wan has accepted, cold, p95", "s", late(cold, "before"))
    yield Row(
        "POST until Wan has accepted, warm",
        "s",
        median(warm, "before"),
        goal=LONGEST_SUBMISSION,
        better="below",
        note=note.format(len(warm)),
    )
    yield Row("POST until Wan has accepted, warm, p95", "s", late(warm, "before"))
    for kind, videos in (("cold", cold), ("warm", warm)):
        what = f"Wan's end until `completed`, {kind}"
        yield Row(what, "s", median(videos, "after"), goal=goal, better="below", note=note.format(len(videos)))
        yield Row(f"{what}, p95", "s", late(videos, "after"))
        yield Row(f"Wan's end until the notice, {kind}", "s", median(videos, "until_notice"))
        yield Row(f"Wan's end until the notice, {kind}, p95", "s", late(videos, "until_notice"))
    script = "a script with the DashScope SDK"
    yield Row("the script's call until Wan has accepted, p95", "s", late(theirs, "before"))
    yield Row("Wan's end until the script has stored the video, p95", "s", late(theirs, "after"))
    for what, name in (("before Wan has accepted", "before"), ("after Wan's end", "after")):
        ours, peers = ([getattr(one, name) for one in side] for side in (warm, theirs))
        ratios = [our / their for our, their in zip(ours, peers, strict=True)]
        about = what, "s", statistics.median(ours), ratios, script, statistics.median(peers)
        yield Row(*about, better="below")


def median(videos: Sequence[Seen], name: str) -> float:
    """Return the median of a time of some videos, in seconds."""
    found: float = statistics.median(getattr(one, name) for one in videos)
    return found


def late(videos: Sequence[Seen], name: str) -> float:
    """Return the 95th percentile of a time of some videos, in seconds."""
    found: float = statistics.quantiles([getattr(one, name) for one in videos], n=20, method="inclusive")[-1]
    return found
