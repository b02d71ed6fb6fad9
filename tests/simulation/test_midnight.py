"""Budgets over midnight: requests seconds before and after it, and submissions whose answers are lost across it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tests.chaos.checker import digest
from tests.simulation.functions import current
from tests.simulation.history import SECOND, Options, play
from tests.simulation.settings import BEGINNING, DAY, VIDEOS
from tests.simulation.wiring import wired
from wan_video.domain.budget import STACK, Reservation, utc_day
from wan_video.services import dispatch

MIDNIGHT: Final = (BEGINNING // DAY + 1) * DAY
SEEDS: Final = 10


def around_midnight(seed: int, mode: Any = "resend") -> Options:
    """Return a history of two owners with a daily budget, which is smaller than what they ask for."""
    doors, spec = frozenset({"api"}), {"thrifty": 0.2, "images": 0.0}
    return Options(seed, mode, n=8, midnight=True, doors=doors, spec=spec, profile="harsh")  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["resend", pytest.param("hold", marks=pytest.mark.slow)])
def test_no_day_exceeds_its_budget_and_usage_belongs_to_the_day_of_the_start(mode: Any) -> None:
    waited, lost_over_midnight, owners = 0, 0, set()
    with wired(mode):
        for seed in range(SEEDS):
            assert play(around_midnight(seed, mode)).violations == ()
            world = current()
            for key, row in world.items(VIDEOS):
                if row["owner"] not in world.caps or "started_at" not in row:
                    continue
                owners.add(row["owner"])
                created, started = int(row["created_at"]), int(row["started_at"])
                waited += started // DAY > created // DAY
                assert created - 120 < MIDNIGHT < created + 120
                posts = [entry for entry in world.wan.ledger if entry.get("prompt_sha256") == _digest(row)]
                lost = any(str(entry.get("fault")).startswith("lost") for entry in posts)
                billed_at = [entry["at"] for entry in posts if entry["event"] == "billed"]
                if started < MIDNIGHT and lost and any(at > MIDNIGHT for at in billed_at):
                    lost_over_midnight += 1
                    assert world.admitted[key[0]][1] == "2026-05-28"
    assert datetime.fromtimestamp(MIDNIGHT, UTC).isoformat() == "2026-05-29T00:00:00+00:00"
    assert owners == {"thrifty", SECOND}
    assert waited > 3
    assert lost_over_midnight


def _digest(row: Any) -> str:
    return digest(str(row["request"]["prompt"]))


def test_a_reservation_on_another_day_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "utc_day", lambda now: utc_day(now - 60))
    with wired("resend"):
        found = [one for seed in range(4) for one in play(around_midnight(seed)).violations]
    assert any(violation.startswith("S14") and "is reserved on 2026-05-28" in violation for violation in found)


def test_a_budget_that_is_not_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unlimited(self: Any, pool: str, places: int, line: Any, item: Any) -> Any:
        video = self._waiting(pool, line.owner, item)
        now = self.clock.unix_seconds()
        started = video.start(now, Reservation(utc_day(now), video.request.most_seconds))
        return self.videos.start(video, started, places=places, budgets={video.owner: None, STACK: None})

    monkeypatch.setattr(dispatch.Dispatch, "_start", unlimited)
    with wired("resend"):
        found = [one for seed in range(4) for one in play(around_midnight(seed)).violations]
    assert any(violation.startswith("S14") and "may start" in violation for violation in found)
