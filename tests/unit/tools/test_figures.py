"""The figures of benches: no ratio of fewer than five pairs, a verdict on each goal, and failures that are reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tools.figures import FEWEST_PAIRS, LONGEST_RUN, Curve, Figure, Row, Share, TooFewPairsError, collected, verdicts

RATIOS = (1.5, 1.1, 1.4, 1.2, 1.3)


def ratio(what: str = "copy 20 MB", *, goal: float | None = 1.25, better: str = "above") -> Row:
    """Return a row of five pairs, whose median is 1.3."""
    return Row(what, "s", 0.1, RATIOS, "rclone", 0.13, goal, better)


def bench(*figures: Figure) -> dict[str, Any]:
    """Return the document of a bench that yielded these figures."""
    return collected(lambda: figures)


@pytest.mark.parametrize("pairs", range(1, FEWEST_PAIRS))
def test_a_ratio_of_fewer_than_five_pairs_is_refused(pairs: int) -> None:
    with pytest.raises(TooFewPairsError, match=f"'a copy' has a ratio of {pairs} pairs"):
        Row("a copy", "s", 0.1, RATIOS[:pairs])


def test_a_bench_that_yields_a_ratio_of_fewer_pairs_fails() -> None:
    def figures() -> Iterator[Figure]:
        yield ratio()
        yield Row("a hasty copy", "s", 0.1, RATIOS[:3])

    found = collected(figures)
    assert [row["what"] for row in found["rows"]] == ["copy 20 MB"]
    assert found["failure"].startswith("TooFewPairsError: 'a hasty copy' has a ratio of 3 pairs")


def test_five_pairs_and_counted_figures_are_accepted() -> None:
    assert ratio().ratio == 1.3
    assert Row("transitions", "", 42, goal=42, better="below").reached is True


def test_each_goal_has_a_verdict_with_figure_and_goal_and_the_summary_counts_them() -> None:
    benches = {
        "transfer": bench(ratio(), ratio("copy 200 MB", goal=2), ratio("without a goal", goal=None)),
        "transitions": bench(Row("transitions of a video", "", 42, goal=42, better="below")),
        "load": bench(Row("create, p99", "ms", 1234.5, goal=1000, better="below")),
    }
    assert list(verdicts(benches)) == [
        "reached  transfer: copy 20 MB / rclone: 1.30 (1.10-1.50), goal >= 1.25",
        "MISSED   transfer: copy 200 MB / rclone: 1.30 (1.10-1.50), goal >= 2",
        "reached  transitions: transitions of a video: 42, goal <= 42",
        "MISSED   load: create, p99: 1,234 ms, goal <= 1,000",
        "2 of 4 goals reached, 2 missed",
    ]


def test_a_bench_that_fails_keeps_its_figures_and_is_named_by_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    def figures() -> Iterator[Figure]:
        yield ratio()
        raise RuntimeError("rclone has failed\nwith more lines")

    benches = {"transfer": collected(figures), "api": bench(ratio("a request", goal=9))}
    assert list(verdicts(benches)) == [
        "reached  transfer: copy 20 MB / rclone: 1.30 (1.10-1.50), goal >= 1.25",
        "MISSED   api: a request / rclone: 1.30 (1.10-1.50), goal >= 9",
        "failed   transfer: RuntimeError: rclone has failed",
        "1 of 2 goals reached, 1 missed; 1 of 2 benches failed",
    ]
    assert "with more lines" in capsys.readouterr().err


def test_a_bench_that_cannot_be_imported_is_a_failure_of_this_bench() -> None:
    def figures() -> Iterator[Figure]:
        raise ModuleNotFoundError("No module named 'rclone'")

    assert collected(figures)["failure"] == "ModuleNotFoundError: No module named 'rclone'"


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (LONGEST_RUN, "reached  bench: the complete run: 1,800 s, goal <= 1,800"),
        (LONGEST_RUN + 1, "MISSED   bench: the complete run: 1,801 s, goal <= 1,800"),
    ],
)
def test_a_complete_run_has_a_goal_too(seconds: float, line: str) -> None:
    assert next(verdicts({"transfer": bench(ratio(goal=None))}, seconds)) == line


def test_figures_are_reported_as_soon_as_they_are_measured_and_sorted_by_kind() -> None:
    seen: list[str] = []
    curve, share = Curve("pace", "file", "rows", "rows/s", [(1000, 5)]), Share("a video", "warm", "submit", 0.5)
    found = collected(lambda: [ratio("first"), curve, ratio("second"), share], lambda row: seen.append(row.what))
    assert seen == [row["what"] for row in found["rows"]] == ["first", "second"]
    assert found["curves"] == [
        {"plot": "pace", "name": "file", "across": "rows", "unit": "rows/s", "points": [[1000, 5]]}
    ]
    assert [share["stage"] for share in found["shares"]] == ["submit"]
