"""What `make chaos` and `make simulate` share: their arguments, and how a planted bug is shown to be found."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MODES: Final = ("resend", "hold")
WIDTH: Final = 44


@dataclass(frozen=True)
class Aim:
    """What exposes a mutant: it must violate one of `violates`, in a run with these `options`."""

    violates: frozenset[str]
    options: Mapping[str, Any] = field(default_factory=dict)

    def finds(self, violations: Iterable[str]) -> bool:
        """Whether one of the violations is one that the mutant must cause."""
        return not self.violates.isdisjoint(map(invariant, violations))


def invariant(violation: str) -> str:
    """Return the name of the invariant that a violation, such as `I1: a is billed twice`, is about."""
    return violation.partition(":")[0]


def counted(violations: Iterable[str]) -> str:
    """Return how often each invariant was violated, as `I1x2 I11x1`."""
    found = Counter(map(invariant, violations))
    return " ".join(f"{name}x{count}" for name, count in sorted(found.items()))


@dataclass
class MutantTable:
    """A table of mutants that is printed line by line; `figures` names its columns of numbers.

    `missed` is the number of mutants that violated none of their invariants.
    """

    figures: tuple[str, ...]
    missed: int = 0

    def __post_init__(self) -> None:
        self._print("mutant", "must violate", self.figures, "violated")

    def add(self, name: str, aim: Aim, violations: Collection[str], *figures: float) -> None:
        """Add the result of a mutant."""
        found = aim.finds(violations)
        self.missed += not found
        shown = tuple(str(round(figure, 1)) for figure in figures)
        verdict = counted(violations) if found else f"NOT FOUND {counted(violations)}".rstrip()
        self._print(name, " ".join(sorted(aim.violates)), shown, verdict)

    def _print(self, name: str, violates: str, figures: tuple[str, ...], verdict: str) -> None:
        columns = "".join(f"{figure:>11}" for figure in figures)
        print(f"{name:{WIDTH}}{violates:18}{columns}  {verdict}", flush=True)


def arguments(
    program: str, description: str | None, mutants: Collection[str], *, n: str, seed: str, mutant: str
) -> argparse.ArgumentParser:
    """Return a parser of the arguments that both programs have; `n`, `seed` and `mutant` are what their help says."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--n", type=int, help=n)
    parser.add_argument("--seed", type=int, help=seed)
    parser.add_argument("--mode", choices=MODES, default="resend", help="OnAmbiguousSubmit (resend)")
    parser.add_argument("--mutant", choices=tuple(mutants), default="", help=mutant)
    return parser
