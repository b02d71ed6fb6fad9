"""The copy of a video from a result host to S3, compared with the ways in which users would write it, all over TLS.

The result host, S3 (which discards what it receives) and each contender are separate processes. A ratio is the peer's
time over our time.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator, Sequence

from bench.rows import FEWEST_PAIRS, Row
from bench.transfer.cuts import cut_row
from bench.transfer.stage import Contender, Stage, stage

MB = 1_000_000
PEERS = ("requests + upload_fileobj", "file in /tmp", "smart_open", "rclone, 8 streams")
FILEOBJ, TMP, SMART, RCLONE = PEERS
NEAR = {8: 11, 20: 7, 30: 7, 60: 7, 200: 7, 1000: FEWEST_PAIRS}
"""The pairs for each size in MB; Wan's videos have 5 to 60 MB."""

FAR = dict.fromkeys((8, 30, 60, 100), FEWEST_PAIRS)
GOALS = {FILEOBJ: 1.3, RCLONE: 1.0}
"""The goals of every size, near and from afar."""

OTHER_GOALS = {("near", 200, TMP): 1.5, ("far", 100, FILEOBJ): 3.5}
RTT, RATE = 0.030, 25 * MB


def rows(quick: bool) -> Iterator[Row]:
    """Yield the speed with a near and a far result host, the cost of interruptions, and the memory."""
    peers = [peer for peer in PEERS if peer != RCLONE or shutil.which("rclone")]
    with stage() as near:
        for size, pairs in (dict.fromkeys((8, 30, 200), FEWEST_PAIRS) if quick else NEAR).items():
            chosen = peers[:2] if quick and size > 30 else peers
            for peer, ours, theirs in paired(near, chosen, size, pairs):
                yield speed(f"copy {size} MB", peer, ours, theirs, goal("near", size, peer))
    with stage(delay=RTT, rate=RATE) as far:
        chosen = [peer for peer in peers if peer in GOALS]
        for size, pairs in ({30: FEWEST_PAIRS} if quick else FAR).items():
            for peer, ours, theirs in paired(far, chosen, size, pairs):
                what = f"copy {size} MB from afar (30 ms, 25 MB/s a connection)"
                yield speed(what, peer, ours, theirs, goal("far", size, peer))
    yield cut_row(40 * MB if quick else 200 * MB)
    yield from memory(200 if quick else 1000)


def goal(where: str, size: int, peer: str) -> float | None:
    """Return the goal of a row, or None."""
    return OTHER_GOALS.get((where, size, peer), GOALS.get(peer))


def speed(what: str, peer: str, ours: Sequence[float], theirs: Sequence[float], goal: float | None) -> Row:
    """Return a row of seconds, with ratios of the peer's time over ours."""
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    return Row(what, "s", statistics.median(ours), ratios, peer, statistics.median(theirs), goal)


def paired(at: Stage, peers: Sequence[str], size: int, rounds: int) -> Iterator[tuple[str, list[float], list[float]]]:
    """Yield our seconds and those of each peer, measured in turn after one run of each that does not count."""
    with Contender(at, "ours") as ours:
        for peer in peers:
            with Contender(at, peer) as other:
                ours.copy(size * MB), other.copy(size * MB)
                pairs = [(ours.copy(size * MB), other.copy(size * MB)) for _ in range(rounds)]
            yield peer, [our.seconds for our, _ in pairs], [their.seconds for _, their in pairs]


def memory(long: int) -> Iterator[Row]:
    """Yield the peak resident memory of processes that copy one video each, a short and a long one in turn."""
    short, pairs = 20, list[tuple[float, float]]()
    with stage() as near:
        for _ in range(FEWEST_PAIRS):
            pairs.append((peak(near, long), peak(near, short)))
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    growth = [our / their for our, their in pairs]
    yield Row(f"peak memory, {long} MB", "MB", ours, growth, f"{short} MB", theirs, 1.10, "below")
    yield Row(f"peak memory, {long} MB", "MB", max(our for our, _ in pairs), goal=100.0, better="below")


def peak(at: Stage, size: int) -> float:
    """Return the peak resident memory in MB of a new process that copies one video of `size` MB."""
    with Contender(at, "ours") as ours:
        return ours.copy(size * MB).peak_megabytes
