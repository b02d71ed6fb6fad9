"""How long videos and records are kept."""

from __future__ import annotations

from tools.harness.samples import NOW
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.retention import FOR_EVER, Retention


def test_the_term_counts_from_the_end() -> None:
    week = Retention(7)
    assert week.expires_at(NOW) == NOW + 7 * DAY_SECONDS
    assert week.expires_at(None) is None
    assert [week.is_over(NOW, NOW + 7 * DAY_SECONDS + late) for late in (-1, 0)] == [False, True]
    assert not week.is_over(None, NOW + 999 * DAY_SECONDS)


def test_without_a_term_nothing_expires() -> None:
    assert FOR_EVER.expires_at(NOW) is None
    assert not FOR_EVER.is_over(NOW, 10**12)
