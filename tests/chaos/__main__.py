"""`python -m tests.chaos`: hurt the whole stack while it works, and hold it to what it promises."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from tests.chaos.plan import Spec
from tests.chaos.run import run


def main() -> int:
    """Run once, or every mutant; 1 where an invariant was violated, or a mutant was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--n", type=int, default=60, help="videos to ask for (60)")
    parser.add_argument("--seed", type=int, default=1, help="what everything is drawn from (1)")
    parser.add_argument("--mode", choices=("resend", "hold"), default="resend", help="OnAmbiguousSubmit (resend)")
    parser.add_argument("--mutant", default="", help="a bug to plant first; see tests/chaos/mutants.py")
    options = parser.parse_args()
    spec = Spec(n=options.n, seed=options.seed, mode=options.mode)
    if options.mutant:
        spec = replace(spec, mutant=options.mutant)
    result = run(spec)
    print({**dict(sorted(result.by_fault.items()))}, file=sys.stderr)
    print(result.line())
    return 1 if result.verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
