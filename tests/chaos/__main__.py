"""`python -m tests.chaos`: inject faults into the whole stack while it works, and check what it promises."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.chaos.aims import AIMS, spec_of
from tests.chaos.plan import Spec
from tests.chaos.run import run


def main() -> int:
    """Run once, or run every mutant; return 1 if an invariant was violated or a mutant was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--n", type=int, default=60, help="videos to ask for (60)")
    parser.add_argument("--seed", type=int, default=1, help="what everything is drawn from (1)")
    parser.add_argument("--mode", choices=("resend", "hold"), default="resend", help="OnAmbiguousSubmit (resend)")
    parser.add_argument("--mutant", choices=tuple(AIMS), help="a bug to plant first, with the faults that bring it out")
    parser.add_argument("--all-mutants", action="store_true", help="every one of them, from --mutant on")
    options = parser.parse_args()
    if options.all_mutants:
        return all_mutants(options.seed, options.mutant)
    spec = spec_of(options.mutant, options.seed) if options.mutant else Spec(options.n, options.seed, options.mode)
    result = run(spec)
    for counts in (result.by_fault, result.verdict.failures):
        print(" ".join(f"{name}:{count}" for name, count in sorted(counts.items())), file=sys.stderr)
    print(result.line())
    return 1 if result.verdict.violations else 0


def all_mutants(seed: int, first: str | None) -> int:
    """Run every mutant, starting at `first`, and print a table; return 1 if one violated none of its invariants."""
    missed = 0
    names = list(AIMS)
    names = names[names.index(first) :] if first else names
    print(f"{'mutant':26}{'must violate':14}{'violated':26}{'seconds':>8}  verdict", flush=True)
    for name in names:
        aim, result = AIMS[name], run(spec_of(name, seed))
        found = Counter(violation.partition(":")[0] for violation in result.verdict.violations)
        caught = bool(aim.violates & found.keys())
        missed += not caught
        counts = " ".join(f"{invariant}x{count}" for invariant, count in sorted(found.items()))
        verdict = "red, as it must be" if caught else "NOT FOUND"
        print(f"{name:26}{' '.join(sorted(aim.violates)):14}{counts:26}{result.seconds:8.0f}  {verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
