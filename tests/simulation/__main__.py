"""`python -m tests.simulation`: play histories of the stack under one virtual clock, and check what it promises."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace

from tests.chaos.exposure import MutantTable, arguments
from tests.simulation.history import Options, Result, play
from tests.simulation.mutants import AIMS, planted
from tests.simulation.runner import failures, search
from tests.simulation.shrink import shrink
from tests.simulation.wiring import wired


def main() -> int:
    """Play histories, or one of them with its story, or mutants; return 1 if an invariant was violated."""
    parser = arguments(
        "tests.simulation",
        __doc__,
        (*AIMS, "all"),
        n="histories to play (1000), or 1 with a seed",
        seed="the history to play and to print; with --n, the first one (0)",
        mutant="a bug to plant, or all one by one",
    )
    parser.add_argument("--troubles", help="the only troubles that happen, separated by commas")
    parser.add_argument("--dropped", default="", help="the numbers of the arrivals that do not come")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="processes (one per core)")
    options = parser.parse_args()
    _with_one_hash_seed()
    if options.mutant == "all":
        return _all_mutants()
    base = Options(seed=options.seed or 0, mode=options.mode)
    if options.mutant:
        base = aimed(options.mutant, base)
    if options.seed is not None and options.n is None and not options.mutant:
        only = None if options.troubles is None else frozenset(filter(None, options.troubles.split(",")))
        dropped = frozenset(map(int, filter(None, options.dropped.split(","))))
        return _print_one(replace(base, only=only, dropped=dropped, story=True))
    return _search(base, options.n or 1000, options.mutant, options.processes)


def _with_one_hash_seed() -> None:
    """Start again with a fixed hash seed, so that sets have the same order in every process."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )


def aimed(mutant: str, base: Options) -> Options:
    """Return the histories that expose a mutant."""
    return replace(base, **AIMS[mutant].options)


def _print_one(options: Options) -> int:
    with wired(options.mode):
        result = play(options)
    print(result.story)
    _report(result)
    return 1 if result.violations else 0


def _report(result: Result) -> None:
    for violation in result.violations:
        print(f"*** {violation}")
    print(f"trace {result.trace}: {result.videos} videos, {result.calls} calls, {len(result.met)} troubles")


def _search(base: Options, n: int, mutant: str, processes: int) -> int:
    """Play many histories; shrink the first that fails, and print its story."""
    found = search(base, n, processes=processes, mutant=mutant)
    for line in failures(found):
        print(line, file=sys.stderr)
    if found.failed:
        with planted(mutant), wired(base.mode):
            _explain(shrink(found.failed[0]))
    counts = {name: getattr(found, name) for name in ("histories", "videos", "calls", "troubles", "conflicts", "trace")}
    print(json.dumps({**counts, "mode": base.mode, "mutant": mutant or None, "violations": len(found.failed),
                      "processes": processes, "seconds": round(found.seconds, 1),
                      "cpu_seconds": round(found.cpu_seconds, 1),
                      "histories_per_second": round(found.histories / found.seconds, 1)}))  # fmt: skip
    return 1 if found.failed else 0


def _explain(result: Result) -> None:
    print(result.story)
    _report(result)
    options = result.options
    dropped = ",".join(map(str, sorted(options.dropped)))
    given = f"SEED={options.seed} MODE={options.mode} TROUBLES='{','.join(result.met)}' DROPPED='{dropped}'"
    print(f"again: make simulate {given}")


def find(mutant: str, *, seconds: float, first: int = 0) -> tuple[Result | None, int, float]:
    """Play the histories that expose a mutant, one after another; return the first that fails, its number and time."""
    aim, base = AIMS[mutant], aimed(mutant, Options(seed=first))
    began = time.process_time()
    with planted(mutant), wired(base.mode):
        seed = first
        while time.process_time() - began < seconds:
            result = play(replace(base, seed=seed))
            seed += 1
            if aim.finds(result.violations):
                return result, seed - first, time.process_time() - began
    return None, seed - first, time.process_time() - began


def _all_mutants() -> int:
    table = MutantTable(("histories", "seconds"))
    for mutant, aim in AIMS.items():
        result, number, seconds = find(mutant, seconds=60.0)
        table.add(mutant, aim, () if result is None else result.violations, number, seconds)
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
