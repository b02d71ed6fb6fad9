"""The simulator's clock and its formats for times."""

from __future__ import annotations

import pytest

from wan_simulator.clock import Clock, http_date, wan_time


def test_an_empty_setting_is_real_time() -> None:
    clock = Clock.parse("")
    clock.real = lambda: 1_780_000_000.0

    assert clock.now() == 1_780_000_000.0


def test_a_fast_clock_runs_faster_by_its_speed_since_its_origin() -> None:
    clock = Clock.parse("20@1000")
    clock.real = lambda: 1003.0

    assert clock.now() == 1060.0


def test_a_clock_of_speed_zero_stops_until_it_is_moved() -> None:
    clock = Clock.parse("0@1000")
    clock.advance(5)

    assert clock.now() == 1005.0


@pytest.mark.parametrize("text", ["fast", "2", "2@", "-1@0", "nan@0"])
def test_an_invalid_clock_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the message is for a person at a prompt
        Clock.parse(text)


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_clock_never_runs_backwards(seconds: float) -> None:
    with pytest.raises(ValueError, match=str(seconds)):
        Clock.parse("0@1000").advance(seconds)


def test_wan_writes_a_moment_in_utc_plus_eight_to_the_millisecond() -> None:
    assert wan_time(1_761_191_243.879) == "2025-10-23 11:47:23.879"


def test_http_writes_a_moment_in_gmt() -> None:
    assert http_date(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT"
