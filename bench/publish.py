"""`python -m bench.publish`: write docs/performance.json, the tables of docs/performance.md and the plots.

The figures are those of out/bench.json, which has to be one complete run; `--mixed` also takes benches of several runs,
which the page then says.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench.__main__ import OUT
from bench.plots import draw
from bench.registry import BENCHES
from tools.performance import DATA, PAGE, PLOTS, IncompleteRunError, document_of, renew

IMAGES = PAGE.parent / "images"


def main() -> int:
    """Write everything, or print why the figures cannot be published and return 1."""
    parser = argparse.ArgumentParser(prog="bench.publish")
    parser.add_argument("--mixed", action="store_true", help="publish benches of several runs together")
    asked = parser.parse_args()
    written = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    try:
        document = document_of(written, BENCHES, mixed=asked.mixed)
    except IncompleteRunError as error:
        print("Run `make bench` first.", *error.reasons, sep="\n  ", file=sys.stderr)
        return 1
    publish(document, DATA, PAGE, IMAGES)
    return 0


def publish(document: dict[str, object], data: Path, page: Path, images: Path) -> None:
    """Write the figures, the tables of the page and the plots."""
    data.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    page.write_text(renew(page.read_text(encoding="utf-8"), document), encoding="utf-8")
    for plot in images.glob("bench-*.svg"):
        plot.unlink()
    draw(data, images, PLOTS)


if __name__ == "__main__":
    sys.exit(main())
