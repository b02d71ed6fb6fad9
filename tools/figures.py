"""The figures of a bench: rows with ratios and goals, curves for plots, and the verdict on each goal."""

from __future__ import annotations

import statistics
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

FEWEST_PAIRS: Final = 5
"""A ratio of fewer pairs of runs depends too much on chance to be published."""

LONGEST_RUN: Final = 1800
"""Seconds that all benches together may take."""

Document = Mapping[str, Any]


class TooFewPairsError(ValueError):
    """Raised when a row would have a ratio of fewer than FEWEST_PAIRS pairs."""

    def __init__(self, what: str, pairs: int) -> None:
        super().__init__(f"{what!r} has a ratio of {pairs} pairs of runs; at least {FEWEST_PAIRS} are needed.")
        self.what = what
        self.pairs = pairs


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, our value and the peer's in `unit`, and the ratio of each pair of runs.

    `goal` is compared with the median ratio, or with our value if there are no ratios; None means no goal. `better`
    says whether the figure should be above or below the goal. `peer` names what we are compared with. Raises
    TooFewPairsError for one to four ratios; a figure that is counted rather than measured has no ratios.
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

    def __post_init__(self) -> None:
        if 0 < len(self.ratios) < FEWEST_PAIRS:
            raise TooFewPairsError(self.what, len(self.ratios))

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


@dataclass(frozen=True)
class Share:
    """How long one stage takes, in seconds: `stage` of the stacked bar `bar`; those of the same `plot` share a panel.

    `owner` says to whom the time belongs, such as the product or the local engine.
    """

    plot: str
    bar: str
    stage: str
    seconds: float
    owner: str = ""

    def document(self) -> dict[str, Any]:
        """Return the share as JSON."""
        return asdict(self)


Figure = Row | Curve | Share


def collected(
    figures: Callable[[], Iterable[Figure]], on_row: Callable[[Row], None] = lambda _: None
) -> dict[str, Any]:
    """Return the figures of one bench as JSON; if it raises an error, `failure` is that error, and otherwise empty.

    The figures that it yielded before the error are kept. `on_row` is called with each row as soon as it is known.
    """
    kinds: dict[type[Figure], list[dict[str, Any]]] = {Row: [], Curve: [], Share: []}
    failure = ""
    try:
        for figure in figures():
            kinds[type(figure)].append(figure.document())
            if isinstance(figure, Row):
                on_row(figure)
    except Exception as error:  # noqa: BLE001  # the other benches still run
        traceback.print_exc()
        failure = f"{type(error).__name__}: {error}".partition("\n")[0]
    return {"failure": failure, "rows": kinds[Row], "curves": kinds[Curve], "shares": kinds[Share]}


def name_of(row: Document) -> str:
    """Return the name of a row in a verdict."""
    return f"{row['what']} / {row['peer']}" if row["peer"] else str(row["what"])


def shown(figure: float | None) -> str:
    """Return a figure with three significant digits, or an empty text."""
    return "" if figure is None else f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"


def goal_of(row: Document) -> str:
    """Return a goal as `>= 1.3`, or an empty text without a goal."""
    return "" if row["goal"] is None else f"{'>=' if row['better'] == 'above' else '<='} {row['goal']:,g}"


def value_of(row: Document) -> str:
    """Return what is compared with the goal: the median ratio with minimum and maximum, or the figure with its unit."""
    if row["ratios"]:
        return f"{row['ratio']:.2f} ({min(row['ratios']):.2f}-{max(row['ratios']):.2f})"
    return f"{shown(row['ours'])} {row['unit']}".strip()


def verdicts(benches: Mapping[str, Document], seconds: float | None = None) -> Iterator[str]:
    """Yield a line for each goal, for each bench that failed and for the time of a complete run, then a summary.

    `benches` are the documents of out/bench.json; `seconds` is how long the complete run took, and None if it was not
    complete.
    """
    rows = [(name, row) for name, bench in benches.items() for row in bench["rows"] if row["reached"] is not None]
    outcomes = list[bool]()
    for name, row in rows:
        yield _line(row["reached"], f"{name}: {name_of(row)}", value_of(row), goal_of(row))
        outcomes.append(row["reached"])
    if seconds is not None:
        outcomes.append(seconds <= LONGEST_RUN)
        yield _line(outcomes[-1], "bench: the complete run", f"{seconds:,.0f} s", f"<= {LONGEST_RUN:,}")
    failed = list(failures(benches))
    yield from (f"failed   {name}: {failure}" for name, failure in failed)
    missed = outcomes.count(False)
    summary = f"{outcomes.count(True)} of {len(outcomes)} goals reached, {missed} missed"
    yield summary + (f"; {len(failed)} of {len(benches)} benches failed" if failed else "")


def failures(benches: Mapping[str, Document]) -> Iterable[tuple[str, str]]:
    """Return the benches that failed, with the error."""
    return [(name, bench["failure"]) for name, bench in benches.items() if bench.get("failure")]


def _line(reached: bool, what: str, value: str, goal: str) -> str:
    return f"{'reached' if reached else 'MISSED '}  {what}: {value}, goal {goal}"
