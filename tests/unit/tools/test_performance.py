"""The tables of docs/performance.md: made from one complete run, and only between the marks."""

from __future__ import annotations

from typing import Any

import pytest

from tools.figures import Curve, Figure, Row, Share, collected
from tools.performance import NO_FIGURES, IncompleteRunError, block, document_of, names_in, renew

RATIOS = (1.5, 1.1, 1.4, 1.2, 1.3)
MACHINE = {"system": "Linux 6.1 x86_64", "python": "3.13.5", "cores": 2, "load_before": 0.4, "date": "2026-11-30"}


def bench(*figures: Figure, run: int = 1, quick: bool = False, commit: str = "abc1234") -> dict[str, Any]:
    """Return one bench of out/bench.json."""
    about = {"machine": MACHINE, "quick": quick, "seconds": 61.4, "run": run, "commit": commit}
    return {**about, **collected(lambda: figures)}


COPY = Row("copy 20 MB", "s", 0.1, RATIOS, "rclone", 0.13, 1.25)
MISSED = Row("cold start, api", "s CPU", 0.5, RATIOS, "one boto3 client", 0.3, 1.2, "below")
ERRORS = Row("errors", "", 0, goal=0, better="below", note="50 clients")


def page(*names: str) -> str:
    """Return a page with text around empty blocks."""
    mark = "<!-- made by `python -m bench.publish`: {0} -->\nearlier figures\n<!-- end of {0} -->\n"
    blocks = (f"# {name}\n\n{mark.format(name)}" for name in names)
    return "\n".join([*blocks, "The end\n"])


def test_a_complete_run_is_published_with_its_commit_and_machine() -> None:
    document = document_of({"transfer": bench(COPY), "init": bench(MISSED)}, ["init", "transfer"])
    assert list(document["benches"]) == ["init", "transfer"]
    assert (document["commit"], document["runs"], document["seconds"]) == ("abc1234", 1, 123)
    assert block("run", document).splitlines() == [
        "| commit | date | machine | Python | load before | all benches |",
        "| --- | --- | --- | --- | --- | --- |",
        "| `abc1234` | 2026-11-30 | Linux 6.1 x86_64, 2 cores | 3.13.5 | 0.4 | 123 s |",
        "",
        "2 of 3 goals reached, 1 missed:",
        "",
        "- init: cold start, api / one boto3 client: 1.30 (1.10-1.50), goal <= 1.2",
    ]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (bench(COPY, run=0), "transfer is from an earlier run"),
        (bench(COPY, quick=True), "transfer is from a quick run"),
        (
            bench(COPY) | {"failure": "RuntimeError: rclone has failed"},
            "transfer failed: RuntimeError: rclone has failed",
        ),
        (None, "transfer is missing"),
    ],
)
def test_an_incomplete_run_is_refused(other: dict[str, Any] | None, reason: str) -> None:
    benches = {"init": bench(MISSED)} | ({} if other is None else {"transfer": other})
    with pytest.raises(IncompleteRunError) as refused:
        document_of(benches, ["init", "transfer"])
    assert refused.value.reasons == [reason]


def test_nothing_at_all_is_refused_even_if_mixed() -> None:
    with pytest.raises(IncompleteRunError, match="no bench has run"):
        document_of({}, ["init"], mixed=True)


def test_several_runs_are_published_only_on_request_and_the_page_says_so() -> None:
    benches = {"init": bench(MISSED), "transfer": bench(COPY, run=0, commit="def5678")}
    document = document_of(benches, ["init", "transfer", "load"], mixed=True)
    assert "`abc1234, def5678` (2 runs)" in block("run", document)
    assert "the complete run" not in block("run", document)
    assert block("load", document) == NO_FIGURES


def test_one_bench_of_one_run_is_not_a_complete_run() -> None:
    document = document_of({"init": bench(MISSED)}, ["init", "transfer"], mixed=True)
    assert "0 of 1 goals reached" in block("run", document)


def test_a_bench_is_shown_as_tables_of_ratios_figures_curves_and_shares() -> None:
    curves = [Curve("read units", name, "places", "units", [(5, 1), (5000, 2.5)]) for name in ("a start", "an end")] + [
        Curve("write units", "an end", "places", "units", [(5, 11), (5000, 11)])
    ]
    shares = [
        Share("after Wan", "warm", "wait", 7.25),
        Share("after Wan", "warm", "copy", 0.5, "the engine"),
        Share("after Wan", "cold", "copy", 1.5, "the engine"),
    ]
    document = document_of({"all": bench(COPY, MISSED, ERRORS, *curves, *shares)}, ["all"])
    assert block("all", document).splitlines() == [
        "| what | peer | ours | theirs | ratio | goal |",
        "| --- | --- | --- | --- | --- | --- |",
        "| copy 20 MB | rclone | 0.1 s | 0.13 s | 1.30 (1.10-1.50) | ≥ 1.25: reached |",
        "| cold start, api | one boto3 client | 0.5 s CPU | 0.3 s CPU | 1.30 (1.10-1.50) | ≤ 1.2: **missed** |",
        "",
        "| what | figure | goal | remarks |",
        "| --- | --- | --- | --- |",
        "| errors | 0 | ≤ 0: reached | 50 clients |",
        "",
        "| places: 5 / 5,000 | read units (units) | write units (units) |",
        "| --- | --- | --- |",
        "| a start | 1 / 2.5 |  |",
        "| an end | 1 / 2.5 | 11 / 11 |",
        "",
        "| after Wan | whose time | warm | cold |",
        "| --- | --- | --- | --- |",
        "| wait |  | 7.25 |  |",
        "| copy | the engine | 0.50 | 1.50 |",
        "| **in total** |  | 7.75 | 1.50 |",
    ]


def test_only_what_stands_between_the_marks_is_renewed() -> None:
    document = document_of({"init": bench(MISSED)}, ["init"])
    old = page("init", "load")
    new = renew(old, document)
    assert names_in(new) == ["init", "load"]
    assert block("init", document) in new
    assert f"-->\n\n{NO_FIGURES}\n\n<!-- end of load -->" in new
    assert "earlier figures" not in new
    assert renew(new, document) == new
    assert new.startswith("# init\n\n<!--")
    assert new.endswith("The end\n")
