"""The smallest part of a failing history that still fails: delta debugging over its troubles and its arrivals.

Source: A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from tests.chaos.exposure import invariant
from tests.simulation.history import Options, Result, play

MOST_RUNS: Final = 400
"""The number of histories that are played to shrink one."""


def shrink(result: Result) -> Result:
    """Return a history with as few troubles and arrivals as possible that violates the same kind of invariant.

    The product must be wired for the mode of the history, with the mutant if there is one.
    """
    kinds = {invariant(violation) for violation in result.violations}
    best = result
    runs = 0

    def fails(options: Options) -> bool:
        nonlocal best, runs
        runs += 1
        if runs > MOST_RUNS:
            return False
        tried = play(options)
        if kinds & {invariant(violation) for violation in tried.violations}:
            best = tried
            return True
        return False

    # Fewer callers make everything shorter, so they are left out first.
    kept = list(range(result.arrivals))
    options = result.options
    for arrival in reversed(kept):
        one = replace(options, dropped=options.dropped | {arrival})
        if len(one.dropped) < result.arrivals and fails(one):
            options = one

    def only(some: Sequence[str]) -> Options:
        return replace(options, only=frozenset(some))

    smallest(best.met, lambda some: fails(only(some)))
    return play(replace(options, only=frozenset(best.met), story=True)) if runs else best


def smallest(items: Sequence[str], fails: Callable[[Sequence[str]], bool]) -> Sequence[str]:
    """Return a part of `items` that fails, of which no single item can be left out."""
    if fails(()):
        return ()
    parts = 2
    while len(items) > 1:
        size = -(-len(items) // parts)
        for start in range(0, len(items), size):
            rest = [*items[:start], *items[start + size :]]
            if rest and fails(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if parts >= len(items):
                break
            parts = min(2 * parts, len(items))
    return items
