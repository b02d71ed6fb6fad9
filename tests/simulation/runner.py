"""Many histories at the same time: a process for each core plays blocks of seeds, and the results come in their order.

So the result does not depend on the number of processes, nor on which of them is faster.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

from tests.simulation.history import Options, Result, play
from tests.simulation.mutants import planted
from tests.simulation.wiring import wired

BLOCK: Final = 25
"""Seeds that a process plays at a time."""

NEW_OBJECTS: Final = 100_000
"""Objects after which garbage is collected. What a history needs is not garbage before it ends."""


@dataclass
class Search:
    """What came out of many histories; `trace` is the digest of their traces, in the order of their seeds."""

    failed: list[Result] = field(default_factory=list)
    histories: int = 0
    videos: int = 0
    calls: int = 0
    troubles: int = 0
    conflicts: int = 0
    trace: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def search(base: Options, n: int, *, processes: int, mutant: str = "", block: int = BLOCK) -> Search:
    """Play `n` histories from a seed on; with a mutant, only until the block that finds it."""
    found, digest = Search(), blake2b(digest_size=16)
    began, used = time.monotonic(), _used()
    blocks = [range(start, min(start + block, base.seed + n)) for start in range(base.seed, base.seed + n, block)]
    with planted(mutant), wired(base.mode):
        # The processes are forked from this one, which has imported and wired everything already.
        play(replace(base, seed=-1))
        gc.collect()
        gc.freeze()
        with multiprocessing.get_context("fork").Pool(processes, _prepare, (base,)) as pool:
            for results in pool.imap(_play_block, blocks):
                for result in results:
                    _add(found, result)
                    digest.update(result.trace.encode())
                if found.failed and mutant:
                    break
            else:
                pool.close()
                pool.join()
        gc.unfreeze()
    found.trace = digest.hexdigest()
    found.seconds, found.cpu_seconds = time.monotonic() - began, _used() - used
    return found


def _add(found: Search, result: Result) -> None:
    found.histories += 1
    found.videos += result.videos
    found.calls += result.calls
    found.troubles += len(result.met)
    found.conflicts += result.conflicts
    if result.violations:
        found.failed.append(result)


def _used() -> float:
    """Return the processor time of this process and of those that it has ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


_base: Options


def _prepare(base: Options) -> None:
    global _base
    _base = base
    gc.set_threshold(NEW_OBJECTS)


def _play_block(seeds: range) -> list[Result]:
    return [play(replace(_base, seed=seed)) for seed in seeds]


def failures(found: Search) -> Iterator[str]:
    """Return a line for each history that failed."""
    for result in found.failed:
        yield f"SEED={result.options.seed}: {'; '.join(result.violations)}"
