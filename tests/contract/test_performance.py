"""docs/performance.md and its plots are made from docs/performance.json, which are the figures of one run."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from tools.figures import FEWEST_PAIRS
from tools.performance import DATA, PAGE, PLOTS, RUN, names_in, read, renew
from tools.template import ROOT


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Return the figures."""
    return read()


@pytest.fixture(scope="module")
def page() -> str:
    """Return the text of the page."""
    return PAGE.read_text(encoding="utf-8")


def benches() -> tuple[str, ...]:
    """Return the names of all benches; tests do not import them."""
    tree = ast.parse((ROOT / "bench/registry.py").read_text(encoding="utf-8"))
    values = {ast.unparse(node.target): node.value for node in tree.body if isinstance(node, ast.AnnAssign)}
    found: tuple[str, ...] = ast.literal_eval(values["BENCHES"] or "()")
    return found


def test_the_tables_of_the_page_are_those_of_the_figures(document: dict[str, Any], page: str) -> None:
    assert renew(page, document) == page, "run `.venv/bin/python -m bench.publish`"


def test_other_figures_make_another_page(document: dict[str, Any], page: str) -> None:
    first, *others = document["benches"].items()
    without_rows = {first[0]: {**first[1], "rows": []}, **dict(others)}
    assert renew(page, {**document, "commit": "another"}) != page
    assert renew(page, {**document, "benches": without_rows}) != page


def test_every_bench_has_its_place_on_the_page(page: str) -> None:
    assert sorted(names_in(page)) == sorted((RUN, *benches()))
    assert set(PLOTS) <= set(benches())


def test_the_figures_name_their_commit_date_and_machine(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"[0-9a-f]{7,}(-dirty)?(, [0-9a-f]{7,}(-dirty)?)*", document["commit"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", document["machine"]["date"])
    assert {"system", "cores", "python"} <= document["machine"].keys()
    assert set(document["benches"]) <= set(benches())


def test_every_ratio_is_of_at_least_five_pairs(document: dict[str, Any]) -> None:
    rows = [row for bench in document["benches"].values() for row in bench["rows"]]
    assert {row["what"] for row in rows if 0 < len(row["ratios"]) < FEWEST_PAIRS} == set()


def test_the_plots_are_those_of_the_figures(document: dict[str, Any], page: str) -> None:
    expected = {f"bench-{name}.svg" for name in document["benches"] if name in PLOTS}
    plots = {plot.name: plot.read_text(encoding="utf-8") for plot in (DATA.parent / "images").glob("bench-*.svg")}
    assert set(plots) == set(re.findall(r"\(images/(bench-\w+\.svg)\)", page)) == expected
    for name, plot in plots.items():
        assert f"<dc:source>{document['commit']}</dc:source>" in re.sub(r"\s+(?=<)|(?<=>)\s+", "", plot), name
