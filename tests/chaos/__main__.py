"""`python -m tests.chaos`: inject faults into the whole stack while it works, and check what it promises."""

from __future__ import annotations

import sys

from tests.chaos.aims import AIMS, spec_of
from tests.chaos.exposure import MutantTable, arguments
from tests.chaos.plan import Spec
from tests.chaos.run import run


def main() -> int:
    """Run once, or run every mutant; return 1 if an invariant was violated or a mutant was not found."""
    parser = arguments(
        "tests.chaos",
        __doc__,
        AIMS,
        n="videos to ask for (60)",
        seed="what everything is drawn from (1)",
        mutant="a bug to plant first, with the faults that bring it out",
    )
    parser.set_defaults(n=60, seed=1)
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


def all_mutants(seed: int, first: str) -> int:
    """Run every mutant, starting at `first`, and print a table; return 1 if one violated none of its invariants."""
    table = MutantTable(("seconds",))
    names = list(AIMS)
    for name in names[names.index(first) :] if first else names:
        result = run(spec_of(name, seed))
        table.add(name, AIMS[name], result.verdict.violations, result.seconds)
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
