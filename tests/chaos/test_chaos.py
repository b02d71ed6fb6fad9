"""All faults at once against the whole stack: a short run of what `make chaos` does."""

from __future__ import annotations

import pytest

from tests.chaos.plan import Spec
from tests.chaos.run import run

VIDEOS = 60


@pytest.mark.slow
def test_under_faults_and_kills_nothing_is_lost_and_nothing_paid_twice() -> None:
    # No video is stored in parts: an upload that a killed worker leaves open is aborted only two minutes later.
    result = run(Spec(n=VIDEOS, seed=1, large=0.0))
    assert result.verdict.violations == []
    assert result.videos >= VIDEOS
    assert result.kills > 0
    assert result.faults > VIDEOS
    assert result.deliveries > result.events >= VIDEOS
