"""Plots of the benches' figures; `python -m bench.publish` draws those of the documentation."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REACHED, MISSED, PLAIN = "#2a7f4f", "#b3372f", "#4a5a6a"
COLOURS = (
    *("#1b6ca8", "#d95f02", "#2a7f4f", "#b3372f", "#7b5ea7", "#8c6d31"),
    *("#d65f9e", "#6b7280", "#b5a100", "#17a2b8", "#0b3c5d", "#f0a860"),
    *("#8fbc8f", "#c2a5cf"),
)
Document = Mapping[str, Any]


def draw(written: Path, folder: Path, only: Collection[str] = ()) -> None:
    """Draw `bench-<name>.svg` for each bench that has curves or shares or, if not, ratios with goals.

    `written` is out/bench.json or docs/performance.json; the plots of the latter name its commit as their source.
    `only` are the benches to draw, if not all.
    """
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("svg")
    # Without a date and random ids, the same figures make the same file.
    mpl.rcParams.update(
        {"svg.hashsalt": "wan-video", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"}
    )
    folder.mkdir(parents=True, exist_ok=True)
    document = json.loads(written.read_text(encoding="utf-8"))
    about = {"Date": None, "Source": document.get("commit")}
    for name, bench in document.get("benches", document).items():
        if only and name not in only:
            continue
        compared = [row for row in bench["rows"] if row["ratios"] and row["goal"] is not None]
        plots = list(dict.fromkeys(curve["plot"] for curve in bench["curves"]))
        if plots:
            figure, grid = pyplot.subplots(-(-len(plots) // 2), 2, figsize=(10, 1.3 * len(plots)), layout="constrained")
            for panel, plot in zip(grid.flat, plots, strict=False):
                curves(panel, plot, [curve for curve in bench["curves"] if curve["plot"] == plot])
            for panel in grid.flat[len(plots) :]:
                panel.remove()
        elif bench.get("shares"):
            bars = list(dict.fromkeys(share["plot"] for share in bench["shares"]))
            figure, grid = pyplot.subplots(len(bars), 1, figsize=(9, 2.4 * len(bars)), layout="constrained")
            for panel, plot in zip([grid] if len(bars) == 1 else grid.flat, bars, strict=True):
                stacks(panel, plot, [share for share in bench["shares"] if share["plot"] == plot])
        elif compared:
            figure, panel = pyplot.subplots(figsize=(8, 0.9 + 0.3 * len(compared)), layout="constrained")
            ratios(panel, compared)
        else:
            continue
        figure.savefig(folder / f"bench-{name}.svg", metadata=about)
        pyplot.close(figure)


def ratios(panel: Axes, rows: Sequence[Document]) -> None:
    """Draw a line from minimum to maximum, a dot at the median and a tick at the goal; red rows miss their goal."""
    for height, row in enumerate(reversed(rows)):
        colour = REACHED if row["reached"] else MISSED
        panel.plot([min(row["ratios"]), max(row["ratios"])], [height, height], color=colour, linewidth=2, alpha=0.5)
        panel.plot(row["ratio"], height, "o", color=colour)
        panel.plot(row["goal"], height, "|", color="black", markersize=14)
    labels = [
        f"{row['what']} / {row['peer']} {'≥' if row['better'] == 'above' else '≤'} {row['goal']:g}" for row in rows
    ]
    panel.set_yticks(range(len(rows)), labels[::-1])
    panel.set_ylim(-0.6, len(rows) - 0.4)
    panel.set_xlim(left=0)
    panel.set_xlabel("ratio: minimum, median, maximum; | the goal", loc="right")
    panel.grid(axis="x", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def curves(panel: Axes, title: str, lines: Sequence[Document]) -> None:
    """Draw how figures grow, on a logarithmic x axis."""
    panel.set_prop_cycle(color=COLOURS)
    for line in lines:
        panel.plot(*zip(*line["points"], strict=True), "o-", label=line["name"], markersize=4)
    panel.set_title(title, fontsize=9, color=PLAIN)
    panel.set_xscale("log")
    panel.set_ylim(0, 1.1 * max(figure for line in lines for _, figure in line["points"]))
    panel.set_xlabel(lines[0]["across"])
    panel.set_ylabel(lines[0]["unit"])
    panel.grid(alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    # The panels of a row show the same lines, so one legend beside the last panel is enough.
    subplot = panel.get_subplotspec()
    if len(lines) > 1 and subplot is not None and subplot.is_last_col():
        panel.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7)


def stacks(panel: Axes, title: str, shares: Sequence[Document]) -> None:
    """Draw a horizontal bar for each column of shares, with one colour for each stage and hatches for other owners."""
    bars = list(dict.fromkeys(share["bar"] for share in shares))[::-1]
    stages = list(dict.fromkeys((share["stage"], share["owner"]) for share in shares))
    owners = list(dict.fromkeys(owner for _, owner in stages))
    begins = dict.fromkeys(bars, 0.0)
    for at, (stage, owner) in enumerate(stages):
        found = {
            share["bar"]: share["seconds"] for share in shares if (share["stage"], share["owner"]) == (stage, owner)
        }
        widths = [found.get(bar, 0.0) for bar in bars]
        panel.barh(
            bars,
            widths,
            left=[begins[bar] for bar in bars],
            height=0.6,
            color=COLOURS[at % len(COLOURS)],
            hatch=("", "//", "..", "xx")[owners.index(owner) % 4],
            edgecolor="white",
            linewidth=0.5,
            label=f"{stage} ({owner})" if owner else stage,
        )
        begins = {bar: begins[bar] + width for bar, width in zip(bars, widths, strict=True)}
    panel.set_title(title, fontsize=9, color=PLAIN)
    panel.set_xlim(left=0)
    panel.set_xlabel("seconds")
    panel.grid(axis="x", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7)
