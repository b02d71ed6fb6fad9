"""Histories that begin with what release 0.2 left behind: rows, batches, places and executions in its state machine."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.simulation.earlier import AT_WAN, KINDS, POOL, WHERE, begin_with, kinds_of
from tests.simulation.functions import current
from tests.simulation.history import Options, play
from tests.simulation.settings import LEDGER, VIDEOS
from tests.simulation.wiring import wired
from tests.simulation.world import World
from wan_video.adapters.dynamodb.places import SEAL
from wan_video.adapters.dynamodb.videos import DynamoVideos

SINGLE = [kind for kind in KINDS if not kind.startswith("batch_")]


@pytest.mark.parametrize("mode", ["resend", pytest.param("hold", marks=pytest.mark.slow)])
def test_everything_that_release_0_2_left_ends_once_and_is_billed_once(mode: Any) -> None:
    ends: Counter[str] = Counter()
    carried: set[tuple[str, int]] = set()
    with wired(mode):
        for seed in range(4):
            result = play(Options(seed, mode, n=1, earlier=KINDS))
            assert result.violations == ()
            world = current()
            rows = {key[0]: row for key, row in world.items(VIDEOS)}
            assert rows.keys() >= {f"video_{kind}" for kind in SINGLE}
            ends.update(row["status"] for row in rows.values())
            carried |= {(kind, int(rows[f"video_{kind}"]["restarts"])) for kind in WHERE}
            pool = world.tables.tables[LEDGER].items[f"pool#{POOL}", "pool"]
            assert (pool["running"], pool["taken"]) == (SEAL, 0)
            billed = {entry["task_id"] for entry in world.wan.ledger if entry["event"] == "billed"}
            assert billed >= {f"task-{kind}" for kind in AT_WAN}
    assert ends.keys() == {"completed", "failed", "cancelled", "expired"}
    # Some rows were completed by the execution that 0.2 had started, and some were continued by `sweep`.
    assert {kind for kind, restarts in carried if restarts} >= AT_WAN - {"restarted"}
    assert {kind for kind, restarts in carried if not restarts} >= AT_WAN - {"restarted"}


def test_some_histories_begin_with_some_of_it() -> None:
    drawn = []
    with wired("resend"):
        for seed in range(60):
            result = play(Options(seed, n=1, doors=frozenset({"import"}), profile="calm"))
            kinds = set(kinds_of(current(), ()))
            assert result.violations == ()
            assert result.videos >= 1 + len(kinds & set(SINGLE))
            drawn.append(kinds)
    assert 2 < sum(map(bool, drawn)) < 20
    assert len(set().union(*drawn)) > len(KINDS) / 2


def test_a_place_of_release_0_2_that_is_not_freed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Any, actions: Any, pool: str, video_id: str) -> None:
        usual = self._places.give_back(pool, video_id)
        if self._transactions.attempt([*actions, *usual]):
            self._transactions.write(actions)

    monkeypatch.setattr(DynamoVideos, "_write_and_give_back", forgetful)
    with wired("resend"):
        found = {one for seed in range(6) for one in play(Options(seed, n=1, earlier=tuple(AT_WAN))).violations}
    assert any(violation.startswith("S5") for violation in found)


def test_a_row_is_written_as_release_0_2_wrote_it_apart_from_its_time_region_and_prompt() -> None:
    with wired("resend"):
        play(Options(0, n=1, profile="calm"))
        world = World(current().decisions, begins_at=1_780_020_000)
        begin_with(world, ["running"], _Nobody())  # type: ignore[arg-type]
        (row,) = (row for _, row in world.items(VIDEOS))
    moved = int(row["created_at"])
    assert 0 <= world.scheduler.now - moved <= 2400
    assert (row["queue_key"], row["listed"]) == (f"0#00{moved}000#000000#{row['id']}", f"00{moved}#{row['id']}")
    assert (row["place"], row["request"]["region"], row["task"]["id"]) == (POOL, "frankfurt", "task-running")
    assert "base_url" not in row
    assert world.tables.tables[LEDGER].items[f"pool#{POOL}", "pool"]["running"] == {"video_running"}


class _Nobody:
    def accepted(self, *_: Any) -> None:
        """Record nothing."""
