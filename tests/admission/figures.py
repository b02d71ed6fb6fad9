"""What a run has shown, and what it must show."""

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
"""The bounds by the names of the figures that they are for; the first is the least, the others are the most."""


@dataclass(frozen=True)
class Figures:
    """Counts of one simulated run; seconds are those of the moved clock."""

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
        """The figures by their names, those of all videos as shares."""
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
        """Which bounds do not hold."""
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
    """A document as the one line that other programs read."""
    return json.dumps(document, sort_keys=True)
