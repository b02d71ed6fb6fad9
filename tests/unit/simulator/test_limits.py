"""Rates per period of the clock."""

from __future__ import annotations

import pytest

from wan_simulator.limits import RateLimit


def admitted(limit: RateLimit, *moments: float) -> list[bool]:
    result = []
    for now in moments:
        result.append(limit.has_room(now))
        if result[-1]:
            limit.count(now)
    return result


def test_a_second_admits_no_more_than_its_limit() -> None:
    assert admitted(RateLimit(2), 0.0, 0.5, 0.9, 1.0, 1.2, 1.5) == [True, True, False, True, False, True]


def test_a_minute_is_a_longer_window() -> None:
    assert admitted(RateLimit(1, 60), 0.0, 59.9, 60.0) == [True, False, True]


def test_a_changed_limit_counts_what_was_admitted_before() -> None:
    limit = RateLimit(1)
    assert admitted(limit, 0.0, 0.1) == [True, False]
    limit.most = 3
    assert admitted(limit, 0.2, 0.3, 0.4) == [True, True, False]


@pytest.mark.parametrize("calls", [1, 100])
def test_no_limit_admits_everything(calls: int) -> None:
    assert all(admitted(RateLimit(None), *[0.0] * calls))
