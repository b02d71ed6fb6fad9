"""How much of a limit that changes was used."""

from __future__ import annotations

import pytest

from tests.admission.changes import utilisation

STEADY = [(0.0, 2)]


@pytest.mark.parametrize(
    ("runs", "limits", "end", "expected"),
    [
        ([(0, 10), (0, 10)], STEADY, 10, 1.0),
        ([(0, 10), (0, 5)], STEADY, 10, 0.75),
        ([(0, 10)], STEADY, 10, 0.5),
        ([(5, 10), (5, 10)], STEADY, 10, 0.5),
        # Tasks beyond a limit that has fallen are not counted, and a limit applies from when it was read.
        ([(0, 10)] * 2, [(0.0, 2), (5.0, 1)], 10, 1.0),
        ([(0, 10)] * 2, [(0.0, 2), (5.0, 4)], 10, 20 / 30),
        ([(0, 10), (5, 10)], [(0.0, 1), (5.0, 2)], 10, 1.0),
        # What runs after the last start is not missed.
        ([(0, 20), (0, 20)], STEADY, 10, 1.0),
        ([], STEADY, 0, 0.0),
    ],
)
def test_the_share_of_a_changing_limit_is_its_time_in_use(
    runs: list[tuple[float, float]], limits: list[tuple[float, int]], end: float, expected: float
) -> None:
    assert utilisation(runs, limits, end) == pytest.approx(expected)
