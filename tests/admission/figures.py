"""The figures of a run, and the bounds that they must keep."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

LEAST_UTILISATION: Final = 0.97
MOST_THROTTLED: Final = 0.05
MOST_QUERIES: Final = 20.0

BOUNDS: Final = {
    "utilisation": LEAST_UTILISATION,
    "throttled_per_video": MOST_THROTTLED,
    "queries_per_second": MOST_QUERIES,
}
"""Bounds by the names of their figures: `utilisation` must be at least this, the others at most."""


@dataclass(frozen=True)
class Figures:
    """The counts of one simulated run; seconds are those of the moved clock."""

    videos: int
    completed: int
    billed: int
    billed_twice: int
    hours: float
    utilisation: float
    throttled: int
    queries: int
    seconds: float
    queries_peak: int
    transitions: int
    longest_interactive_wait: int
    places_left: int

    def document(self) -> dict[str, Any]:
        """Return the figures by name, with totals as shares."""
        return {
            "videos": self.videos,
            "completed": self.completed,
            "billed": self.billed,
            "billed_twice": self.billed_twice,
            "hours": round(self.hours, 2),
            "utilisation": round(self.utilisation, 4),
            "throttled_per_video": round(self.throttled / self.videos, 4),
            "queries_per_second": round(self.queries / self.seconds, 3),
            "most_queries_in_a_second": self.queries_peak,
            "transitions_per_video": round(self.transitions / self.videos, 1),
            "longest_interactive_wait": self.longest_interactive_wait,
            "places_left": self.places_left,
        }

    def violations(self) -> list[str]:
        """Return the bounds that do not hold."""
        shown = self.document()
        bounds = {
            "completed": self.completed == self.videos,
            "billed": self.billed == self.videos,
            "billed_twice": self.billed_twice == 0,
            "utilisation": self.utilisation >= LEAST_UTILISATION,
            "throttled_per_video": self.throttled / self.videos <= MOST_THROTTLED,
            "most_queries_in_a_second": self.queries_peak <= MOST_QUERIES,
            "places_left": self.places_left == 0,
        }
        return [f"{name} is {shown[name]}" for name, holds in bounds.items() if not holds]


def line(document: dict[str, Any]) -> str:
    """Return a document as one line for other programs to read."""
    return json.dumps(document, sort_keys=True)
