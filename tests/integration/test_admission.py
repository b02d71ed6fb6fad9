"""`make admission`, short: the services that ship against the simulator's limits, with the clock moved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.admission.figures import Figures
from tests.admission.simulation import simulate


@pytest.fixture(scope="module")
def figures() -> Figures:
    """What three hundred videos show."""
    return simulate(300)


def test_wan_is_kept_busy_and_is_never_stormed_and_every_video_is_made_once(figures: Figures) -> None:
    assert figures.violations() == []
    assert (
        figures.document() | {"completed": 300, "billed": 300, "billed_twice": 0, "places_left": 0}
        == figures.document()
    )


def test_a_single_prompt_never_waits_for_a_batch(figures: Figures) -> None:
    assert figures.hours > 1
    assert figures.longest_interactive_wait < 180


def test_a_wan_that_refuses_what_is_beyond_its_concurrency_loses_and_repeats_nothing_either() -> None:
    figures = simulate(60, queue=False)
    assert figures.throttled > 0
    assert (figures.completed, figures.billed, figures.billed_twice, figures.places_left) == (60, 60, 0, 0)


@pytest.mark.parametrize(
    ("spoilt", "violation"),
    [
        ({"completed": 299}, "completed is 299"),
        ({"billed": 301}, "billed is 301"),
        ({"billed_twice": 1}, "billed_twice is 1"),
        ({"utilisation": 0.96}, "utilisation is 0.96"),
        ({"throttled": 16}, "throttled_per_video is 0.0533"),
        ({"queries_peak": 21}, "most_queries_in_a_second is 21"),
        ({"places_left": 1}, "places_left is 1"),
    ],
    ids=str,
)
def test_a_bound_that_does_not_hold_is_named(figures: Figures, spoilt: dict[str, Any], violation: str) -> None:
    assert replace(figures, **spoilt).violations() == [violation]
