"""`python -m bench [--quick] [name ...]`: run the benches, print one table, write out/bench.json and its plots.

out/bench.json keeps the last run of each bench under its name, with the machine that it ran on. The last line is JSON
about this run: the median ratio of each row, and under `missed` the rows that did not reach their goal.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.plots import draw
from bench.registry import BENCHES, QUICK, bench
from bench.rows import Curve, Row

OUT = Path("out/bench.json")
PLOTS = Path("out/bench")


def main() -> int:
    """Run the benches that were asked for; return 0 even if goals are missed, because benches are not tests."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs, and none that needs a stack")
    parser.add_argument(
        "names", nargs="*", choices=[[], *BENCHES], help="which benches; otherwise all, or the quick ones"
    )
    asked = parser.parse_args()
    machine, began, rows = machine_now(), time.monotonic(), list[Row]()
    for name in asked.names or (QUICK if asked.quick else BENCHES):
        rows += run(name, quick=asked.quick)
    machine["load_after"] = os.getloadavg()[0]
    Console(width=150).print(table(rows, machine, round(time.monotonic() - began, 1)))
    draw(OUT, PLOTS)
    ratios = {name_of(row): round(row.ratio, 3) for row in rows if row.ratio is not None}
    print(json.dumps({**ratios, "missed": [name_of(row) for row in rows if row.reached is False]}))
    return 0


def run(name: str, *, quick: bool) -> list[Row]:
    """Run one bench, write its figures to out/bench.json, and return its rows."""
    machine, began = machine_now(), time.monotonic()
    rows, curves = list[Row](), list[Curve]()
    for figure in bench(name)(quick):
        if isinstance(figure, Curve):
            curves.append(figure)
        else:
            rows.append(figure)
            print(f"  {figure.what}: {shown(figure.ours)} {figure.unit}", file=sys.stderr, flush=True)
    written = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    written[name] = {
        "machine": machine,
        "quick": quick,
        "seconds": round(time.monotonic() - began, 1),
        "rows": [row.document() for row in rows],
        "curves": [curve.document() for curve in curves],
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return rows


def machine_now() -> dict[str, Any]:
    """Return the machine and the time of a measurement."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def name_of(row: Row) -> str:
    """Return the name of a row in the last line."""
    return f"{row.what} / {row.peer}" if row.peer else row.what


def table(rows: list[Row], machine: dict[str, Any], seconds: float) -> Table:
    """Return the rows as a table for the terminal."""
    about = ", ".join(f"{key} {value}" for key, value in machine.items())
    made = Table(title=f"bench: {seconds} s", caption=about)
    for column in ("what", "ours", "peer", "theirs", "unit", "min", "median", "max", "goal", ""):
        made.add_column(column, justify="left" if column in ("what", "peer", "unit") else "right")
    for row in rows:
        low, high = (min(row.ratios), max(row.ratios)) if row.ratios else (None, None)
        goal = "" if row.goal is None else f"{'>=' if row.better == 'above' else '<='} {row.goal:g}"
        verdict = {None: row.note, True: "reached", False: "missed"}[row.reached]
        cells = [row.what, shown(row.ours), row.peer, shown(row.theirs), row.unit]
        made.add_row(*cells, *map(shown, (low, row.ratio, high)), goal, verdict)
    return made


def shown(figure: float | None) -> str:
    """Return a figure with three significant digits, or an empty text."""
    return "" if figure is None else f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:.0f}"


if __name__ == "__main__":
    sys.exit(main())
