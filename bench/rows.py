"""The figures of a bench: rows of one table, and curves for its plots."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, our value and the peer's in `unit`, and the ratio of each pair of runs.

    `goal` is compared with the median ratio, or with our value if there are no ratios; None means no goal. `better`
    says whether the figure should be above or below the goal. `peer` names what we are compared with.
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
        """The median of the ratios, or None without ratios."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        if self.goal is None:
            return None
        figure = self.ours if self.ratio is None else self.ratio
        return figure >= self.goal if self.better == "above" else figure <= self.goal

    def document(self) -> dict[str, Any]:
        """Return the row as JSON."""
        return {**asdict(self), "ratios": list(self.ratios), "ratio": self.ratio, "reached": self.reached}


@dataclass(frozen=True)
class Curve:
    """How one figure grows with another: `points` are (x, y), `across` names x, and `unit` is the unit of y.

    Curves with the same `plot` share a panel, each under its own `name`.
    """

    plot: str
    name: str
    across: str
    unit: str
    points: Sequence[tuple[float, float]]

    def document(self) -> dict[str, Any]:
        """Return the curve as JSON."""
        return {**asdict(self), "points": [list(point) for point in self.points]}


Figure = Row | Curve
