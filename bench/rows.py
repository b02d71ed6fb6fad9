"""What a bench says: rows of one table, and curves for its plots."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, ours and the peer's (in `unit`), and their ratios, one for each pair of runs.

    A ratio of 1 is par; `better` says whether it is to be above the goal or below. `goal` is compared with the median,
    or with ours where there is no ratio; None is a figure without a goal. `peer` is what ours is compared with.
    """

    what: str
    unit: str
    ours: float
    ratios: Sequence[float] = ()
    peer: str = ""
    theirs: float | None = None
    goal: float | None = None
    better: str = "above"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of the ratios."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without one. Without ratios ours itself is compared."""
        if self.goal is None:
            return None
        figure = self.ours if self.ratio is None else self.ratio
        return figure >= self.goal if self.better == "above" else figure <= self.goal

    def document(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {**asdict(self), "ratios": list(self.ratios), "ratio": self.ratio, "reached": self.reached}


@dataclass(frozen=True)
class Curve:
    """How one figure grows with another: `points` are (x, y), `across` and `unit` say what of and in what.

    Curves of the same `plot` share one picture, each under its own `name`.
    """

    plot: str
    name: str
    across: str
    unit: str
    points: Sequence[tuple[float, float]]

    def document(self) -> dict[str, Any]:
        """The curve as JSON has it."""
        return {**asdict(self), "points": [list(point) for point in self.points]}


Figure = Row | Curve
