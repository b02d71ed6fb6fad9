"""`python -m bench [--quick] [name ...]`: run the benches, print one table, write out/bench.json.

The last line is JSON: the median ratio of each row, and under `missed` the rows whose goal is not reached.
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

from bench.registry import BENCHES, bench
from bench.rows import Row

OUT = Path("out/bench.json")


def main() -> int:
    """Run what was asked for; 0 also where goals are missed: benches are no tests."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs, under three minutes")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], help="which benches; all of them otherwise")
    asked = parser.parse_args()
    began, rows = time.monotonic(), []
    machine = machine_now()
    for name in asked.names or BENCHES:
        for row in bench(name)(asked.quick):
            rows.append(row)
            print(f"  {row.what}: {shown(row.ours)} {row.unit}", file=sys.stderr, flush=True)
    seconds = round(time.monotonic() - began, 1)
    machine["load_after"] = os.getloadavg()[0]
    Console(width=150).print(table(rows, machine, seconds))
    OUT.parent.mkdir(exist_ok=True)
    document = {"machine": machine, "quick": asked.quick, "seconds": seconds, "rows": [row.document() for row in rows]}
    OUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    ratios = {name_of(row): round(row.ratio, 3) for row in rows if row.ratio is not None}
    print(json.dumps({**ratios, "missed": [name_of(row) for row in rows if row.reached is False]}))
    return 0


def machine_now() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def name_of(row: Row) -> str:
    """What a row is called in the last line."""
    return f"{row.what} / {row.peer}" if row.peer else row.what


def table(rows: list[Row], machine: dict[str, Any], seconds: float) -> Table:
    """The rows for people."""
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
    """A figure to three places, or nothing."""
    return "" if figure is None else f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:.0f}"


if __name__ == "__main__":
    sys.exit(main())
