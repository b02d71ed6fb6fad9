"""Rates per second of the clock."""

from __future__ import annotations

from wan_simulator.limits import RateLimit


def test_a_second_admits_no_more_than_its_limit() -> None:
    limit = RateLimit(per_second=2)

    assert [limit.admits(now) for now in (0.0, 0.5, 0.9, 1.0, 1.2, 1.5)] == [True, True, False, True, False, True]
