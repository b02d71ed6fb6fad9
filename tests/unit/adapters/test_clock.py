"""The stack's clock."""

from __future__ import annotations

import pytest

from wan_video.adapters.clock import ScaledClock


def test_without_a_setting_the_clock_shows_real_time() -> None:
    clock = ScaledClock.parse("")
    before, now, after = clock.real(), clock.now(), clock.real()
    assert before <= now <= after


def test_it_runs_faster_by_its_speed_since_its_origin() -> None:
    parsed = ScaledClock.parse("20@1780000000.5")
    assert (parsed.speed, parsed.origin) == (20, 1780000000.5)
    clock = ScaledClock(parsed.speed, parsed.origin, real=lambda: 1780000003.5)
    assert clock.now() == 1780000060.5


def test_seconds_of_the_stack_take_less_real_time_by_the_speed() -> None:
    assert ScaledClock.parse("20@1780000000.5").real_seconds(15) == 0.75
    assert ScaledClock.parse("").real_seconds(15) == 15
    assert ScaledClock.parse("0@1780000000").real_seconds(15) == 15


@pytest.mark.parametrize("text", ["20", "@", "x@1", "1@x", "fast@now", "1@1@1", " "])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        ScaledClock.parse(text)
