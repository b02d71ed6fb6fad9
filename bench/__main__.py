"""`python -m bench [--quick] [name ...]`: run the benches, print one table, write out/bench.json and its plots.

out/bench.json keeps the last run of each bench under its name, with the commit and the machine that it ran on. A bench
that fails does not stop the others. The output ends with a verdict on each goal and a summary; the very last line is
the same as JSON: the median ratio of each row, the rows that missed their goal, and the benches that failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.plots import draw
from bench.registry import BENCHES, QUICK, bench
from bench.rows import Row
from tools.figures import Document, collected, failures, goal_of, name_of, shown, verdicts

OUT = Path("out/bench.json")
PLOTS = Path("out/bench")


def main() -> int:
    """Run the benches that were asked for; return 1 if one failed. A missed goal is not a failure."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller runs, and none that needs a stack")
    parser.add_argument(
        "names", nargs="*", choices=[[], *BENCHES], help="which benches; otherwise all, or the quick ones"
    )
    asked = parser.parse_args()
    names: Sequence[str] = asked.names or (QUICK if asked.quick else BENCHES)
    began, about = time.monotonic(), {"run": round(time.time()), "commit": commit()}
    done = dict[str, Document]()
    for name in names:
        done[name] = run(name, quick=asked.quick) | about
        keep(name, done[name])
    seconds = round(time.monotonic() - began, 1)
    Console(width=150).print(table([row for one in done.values() for row in one["rows"]], machine_now(), seconds))
    draw(OUT, PLOTS)
    print(*verdicts(done, seconds if set(names) == set(BENCHES) and not asked.quick else None), sep="\n")
    print(json.dumps(conclusion(done)))
    return 1 if failures(done) else 0


def run(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one bench and return its document, also if it fails."""
    machine, began = machine_now(), time.monotonic()
    figures = collected(lambda: bench(name)(quick), report)
    return {"machine": machine, "quick": quick, "seconds": round(time.monotonic() - began, 1), **figures}


def report(row: Row) -> None:
    """Print a row as soon as it is measured."""
    print(f"  {row.what}: {shown(row.ours)} {row.unit}", file=sys.stderr, flush=True)


def keep(name: str, document: Document) -> None:
    """Write the document of one bench to out/bench.json, beside those of the others."""
    written = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    written[name] = document
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def conclusion(done: dict[str, Document]) -> dict[str, Any]:
    """Return the last line of the output."""
    rows = [row for one in done.values() for row in one["rows"]]
    ratios = {name_of(row): round(row["ratio"], 3) for row in rows if row["ratio"] is not None}
    missed = [name_of(row) for row in rows if row["reached"] is False]
    return {**ratios, "missed": missed, "failed": [name for name, _ in failures(done)]}


def commit() -> str:
    """Return the short name of the commit, with `-dirty` if the sources differ from it; empty without git."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def machine_now() -> dict[str, Any]:
    """Return the machine and the time of a measurement."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def table(rows: Iterable[Document], machine: dict[str, Any], seconds: float) -> Table:
    """Return the rows as a table for the terminal."""
    about = ", ".join(f"{key} {value}" for key, value in machine.items())
    made = Table(title=f"bench: {seconds} s", caption=about)
    for column in ("what", "ours", "peer", "theirs", "unit", "min", "median", "max", "goal", ""):
        made.add_column(column, justify="left" if column in ("what", "peer", "unit") else "right")
    for row in rows:
        low, high = (min(row["ratios"]), max(row["ratios"])) if row["ratios"] else (None, None)
        verdict = {None: row["note"], True: "reached", False: "missed"}[row["reached"]]
        cells = [row["what"], shown(row["ours"]), row["peer"], shown(row["theirs"]), row["unit"]]
        made.add_row(*cells, *map(shown, (low, row["ratio"], high)), goal_of(row), verdict)
    return made


if __name__ == "__main__":
    sys.exit(main())
