"""A short form of `make admission`: the services that ship against the simulator's limits, with a moved clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.admission.changes import QUEUEING, SWEEP_SECONDS, ChangeFigures, simulate_changes
from tests.admission.figures import Figures
from tests.admission.simulation import simulate
from wan_video.services.repairs.quotas import HOURLY_SECONDS


@pytest.fixture(scope="module")
def figures() -> Figures:
    """Return the figures of three hundred videos."""
    return simulate(300)


def test_wan_is_busy_and_never_overloaded_and_every_video_is_made_once(figures: Figures) -> None:
    assert figures.violations() == []
    assert (
        figures.document() | {"completed": 300, "billed": 300, "billed_twice": 0, "places_left": 0}
        == figures.document()
    )


def test_a_single_prompt_never_waits_for_a_batch(figures: Figures) -> None:
    assert figures.hours > 1
    assert figures.longest_interactive_wait < 180


def test_with_a_wan_that_refuses_beyond_its_concurrency_nothing_is_lost_or_repeated() -> None:
    figures = simulate(60, queue=False)
    assert figures.throttled > 0
    assert (figures.completed, figures.billed, figures.billed_twice, figures.places_left) == (60, 60, 0, 0)


# --- limits that change ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changes() -> ChangeFigures:
    """Return the figures of six hundred videos with a concurrency of 5, then 2, then 20."""
    return simulate_changes(600)


def test_limits_that_change_are_used_and_respected_and_every_video_is_billed_once(changes: ChangeFigures) -> None:
    assert changes.violations() == []
    assert (changes.completed, changes.billed, changes.billed_twice, changes.places_left) == (600, 600, 0, 0)
    assert changes.limits_read == (2, 20)


def test_a_change_is_noticed_within_the_hour_with_few_calls_of_the_quota_api(
    changes: ChangeFigures,
) -> None:
    hourly = HOURLY_SECONDS + SWEEP_SECONDS
    assert all(0 <= seconds <= hourly for seconds in changes.noticed_after)
    assert changes.readings <= changes.hours + 2 + changes.throttled


def test_the_hourly_reading_notices_a_wan_that_queues_every_task() -> None:
    figures = simulate_changes(600, QUEUEING)
    assert (figures.completed, figures.billed, figures.billed_twice, figures.places_left) == (600, 600, 0, 0)
    assert figures.limits_read == (2, 20)
    assert all(seconds <= HOURLY_SECONDS + SWEEP_SECONDS for seconds in figures.noticed_after)


@pytest.mark.parametrize(
    ("spoilt", "violation"),
    [
        ({"completed": 599}, "completed is 599"),
        ({"billed": 601}, "billed is 601"),
        ({"billed_twice": 1}, "billed_twice is 1"),
        ({"utilisation": 0.969}, "utilisation is 0.969"),
        ({"throttled": 31}, "throttled_per_video is 0.0517"),
        ({"limits_read": (2,)}, "limits_read is [2]"),
        ({"places_left": 1}, "places_left is 1"),
    ],
    ids=str,
)
def test_a_broken_bound_of_changing_limits_is_named(
    changes: ChangeFigures, spoilt: dict[str, Any], violation: str
) -> None:
    assert replace(changes, **spoilt).violations() == [violation]


# --- limits that stay ------------------------------------------------------------------------------------------------


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
def test_a_broken_bound_is_named(figures: Figures, spoilt: dict[str, Any], violation: str) -> None:
    assert replace(figures, **spoilt).violations() == [violation]
