"""The tables and plots of docs/performance.md, which show the figures in docs/performance.json.

Those are the figures of one run of `make bench`. The page names a bench between two marks, and everything between
them is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.figures import Document, goal_of, shown, value_of, verdicts

DATA: Final = Path(__file__).parents[1] / "docs" / "performance.json"
PAGE: Final = DATA.with_suffix(".md")
RUN: Final = "run"
"""The name of the block that describes the run itself."""

PLOTS: Final[Mapping[str, str]] = {
    "init": "The ratios of cold starts and their goals",
    "transfer": "The ratios of copies and their goals",
    "files": "Rows a second, processor time and memory of files of growing lengths",
    "scale": "What calls cost among 1,000 to 100,000 videos",
    "overhead": "Which stage takes how long before Wan has accepted a task, and after Wan has made the video",
    "capacity": "What a start, an end and a wake-up cost with 5 to 500 places",
}
"""What the plot of a bench shows, for each bench with a plot on the page."""

NO_FIGURES: Final = "The run did not include this bench."
_BLOCK: Final = re.compile(r"(<!-- made by `python -m bench\.publish`: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
_SIGNS: Final = {">=": "≥", "<=": "≤"}


class IncompleteRunError(Exception):
    """Raised when out/bench.json is not one complete run; `reasons` says why, one line each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def document_of(benches: Mapping[str, Document], names: Sequence[str], *, mixed: bool = False) -> dict[str, Any]:
    """Return docs/performance.json for the benches of out/bench.json, in the order of `names`.

    Raises IncompleteRunError for a bench that failed or was quick and, unless `mixed`, for one that is missing or that
    belongs to another run.
    """
    found = {name: benches[name] for name in names if name in benches}
    reasons = [f"{name} failed: {one['failure']}" for name, one in found.items() if one["failure"]]
    reasons += [f"{name} is from a quick run" for name, one in found.items() if one["quick"]]
    if not mixed:
        reasons += [f"{name} is missing" for name in names if name not in found]
        newest = max((one["run"] for one in found.values()), default=0)
        reasons += [f"{name} is from an earlier run" for name, one in found.items() if one["run"] != newest]
    if reasons or not found:
        raise IncompleteRunError(reasons or ["no bench has run"])
    first, runs = next(iter(found.values())), len({one["run"] for one in found.values()})
    return {
        "commit": ", ".join(dict.fromkeys(str(one["commit"]) for one in found.values())),
        "runs": runs,
        "complete": runs == 1 and len(found) == len(names),
        "machine": first["machine"],
        "seconds": round(sum(one["seconds"] for one in found.values())),
        "benches": {
            name: {kind: one[kind] for kind in ("seconds", "rows", "curves", "shares")} for name, one in found.items()
        },
    }


def read() -> dict[str, Any]:
    """Return the stored document."""
    document: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return document


def names_in(text: str) -> list[str]:
    """Return the names of the blocks of a page, in their order."""
    return [match[2] for match in _BLOCK.finditer(text)]


def renew(text: str, document: Document) -> str:
    """Return the page with the tables of a document between its marks."""
    return _BLOCK.sub(lambda match: f"{match[1]}\n{block(match[2], document)}\n\n{match[3]}", text)


def block(name: str, document: Document) -> str:
    """Return what stands between the marks of a bench, or of the run itself."""
    if name == RUN:
        return about(document)
    if name not in document["benches"]:
        return NO_FIGURES
    plot = [f"![{PLOTS[name]}](images/bench-{name}.svg)"] if name in PLOTS else []
    return "\n\n".join([*tables(document["benches"][name]), *plot])


def about(document: Document) -> str:
    """Return when, where and from which commit the figures are, and the goals that were missed."""
    machine = document["machine"]
    cells = {
        "commit": f"`{document['commit']}`" + (f" ({document['runs']} runs)" if document["runs"] > 1 else ""),
        "date": machine["date"],
        "machine": f"{machine['system']}, {machine['cores']} cores",
        "Python": machine["python"],
        "load before": machine["load_before"],
        "all benches": f"{document['seconds']:,} s",
    }
    complete = document["seconds"] if document["complete"] else None
    *lines, summary = verdicts(document["benches"], complete)
    missed = [f"- {line.removeprefix('MISSED').strip()}" for line in lines if line.startswith("MISSED")]
    parts = [table(list(cells), [list(cells.values())]), f"{summary[0].upper()}{summary[1:]}{':' if missed else '.'}"]
    return "\n\n".join([*parts, *(["\n".join(missed)] if missed else [])])


def tables(bench: Document) -> Iterator[str]:
    """Yield the tables of one bench: its ratios, its other figures, its curves and its shares."""
    compared = [row for row in bench["rows"] if row["ratios"]]
    plain = [row for row in bench["rows"] if not row["ratios"]]
    if compared:
        cells = [
            [row["what"], row["peer"], _figure(row, "ours"), _figure(row, "theirs"), value_of(row), verdict(row)]
            for row in compared
        ]
        yield table(["what", "peer", "ours", "theirs", "ratio", "goal"], cells)
    if plain:
        yield table(
            ["what", "figure", "goal", "remarks"], [[r["what"], value_of(r), verdict(r), r["note"]] for r in plain]
        )
    yield from of_curves(bench["curves"])
    yield from of_shares(bench["shares"])


def verdict(row: Document) -> str:
    """Return the goal of a row and whether it was reached, or an empty text."""
    if row["reached"] is None:
        return ""
    sign, _, goal = goal_of(row).partition(" ")
    return f"{_SIGNS[sign]} {goal}: {'reached' if row['reached'] else '**missed**'}"


def of_curves(curves: Iterable[Document]) -> Iterator[str]:
    """Yield a table for the curves with the same x: a line for each name, and a column for each plot."""
    groups = dict[tuple[Any, ...], list[Document]]()
    for curve in curves:
        groups.setdefault((curve["across"], *(x for x, _ in curve["points"])), []).append(curve)
    for (across, *xs), group in groups.items():
        plots = {curve["plot"]: curve["unit"] for curve in group}
        found = {(curve["name"], curve["plot"]): curve["points"] for curve in group}
        head = [f"{across}: {' / '.join(f'{x:,g}' for x in xs)}", *(f"{plot} ({unit})" for plot, unit in plots.items())]
        names = dict.fromkeys(curve["name"] for curve in group)
        yield table(
            head,
            [
                [name, *(" / ".join(shown(y) for _, y in found.get((name, plot), ())) for plot in plots)]
                for name in names
            ],
        )


def of_shares(shares: Iterable[Document]) -> Iterator[str]:
    """Yield a table for each plot of shares: a line for each stage and a column for each bar, in seconds."""
    groups = dict[str, list[Document]]()
    for share in shares:
        groups.setdefault(share["plot"], []).append(share)
    for plot, group in groups.items():
        bars = list(dict.fromkeys(share["bar"] for share in group))
        stages = dict.fromkeys((share["stage"], share["owner"]) for share in group)
        found = {(share["bar"], share["stage"], share["owner"]): share["seconds"] for share in group}
        cells = [[stage, owner, *(_seconds(found.get((bar, stage, owner))) for bar in bars)] for stage, owner in stages]
        totals = [_seconds(sum(share["seconds"] for share in group if share["bar"] == bar)) for bar in bars]
        yield table([plot, "whose time", *bars], [*cells, ["**in total**", "", *totals]])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table without the columns that are empty in every row."""
    kept = [at for at in range(len(head)) if any(str(row[at]) for row in rows)]
    lines = [[head[at] for at in kept], ["---"] * len(kept), *([str(row[at]) for at in kept] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(row: Document, side: str) -> str:
    return f"{shown(row[side])} {row['unit']}".strip() if row[side] is not None else ""


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"
