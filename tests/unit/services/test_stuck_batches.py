"""Batches that were left behind are carried on, and those that nothing will come of any more are closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.batches import MemoryBatches
from tests.fakes.repairs import first, mended_by
from tests.fakes.world import FakeClock, FakeWorkers
from tools.harness.samples import NOW, ended_batch, open_batch, validating_batch, waiting_batch
from wan_video.domain.batch import UPLOAD_SECONDS, Batch
from wan_video.services.repairs import Mended
from wan_video.services.repairs.batches import GRACE_SECONDS, MAX_RESTARTS, QUIET_SECONDS, StuckBatches

written = replace(open_batch(total=3), written=3, last_row=3)


@dataclass
class World:
    """A repair with everything it works on."""

    batches: MemoryBatches = field(default_factory=MemoryBatches)
    workers: FakeWorkers = field(default_factory=FakeWorkers)
    clock: FakeClock = field(default_factory=FakeClock)

    def after(self, seconds: float, batch: Batch) -> Sequence[Mended]:
        """What is mended about a batch once some time has passed."""
        self.batches.put(batch)
        self.clock.advance(seconds)
        return mended_by(StuckBatches(self.batches, self.workers, self.clock, first))

    def batch(self) -> Batch:
        """The batch as it is now."""
        return self.batches.get("batch_1")


def test_a_batch_whose_file_never_came_expires_once_its_link_is_dead() -> None:
    world = World()
    assert world.after(UPLOAD_SECONDS + GRACE_SECONDS, waiting_batch()) == []
    assert world.after(1, waiting_batch()) == [Mended("batch_expired", "batch_1")]
    assert (world.batch().status, world.batch().open) == ("expired", False)
    assert world.after(86_400, world.batch()) == []


@pytest.mark.parametrize("batch", [validating_batch(), open_batch(), replace(open_batch(), written=2, last_row=2)])
def test_a_file_that_nobody_reads_any_more_is_read_on(batch: Batch) -> None:
    world = World()
    assert world.after(QUIET_SECONDS, batch) == []
    assert world.after(1, batch) == [Mended("ingest_restarted", "batch_1")]
    assert world.workers.ingested == ["batch_1"]
    assert world.after(QUIET_SECONDS, world.batch()) == []


def test_a_file_that_cannot_be_read_is_given_up_after_so_many_times() -> None:
    world = World()
    assert world.after(86_400, replace(open_batch(), restarts=MAX_RESTARTS)) == [Mended("batch_given_up", "batch_1")]
    assert world.batch().status == "cancelling"
    assert world.batch().error is not None
    assert world.workers.ingested == []


@pytest.mark.parametrize(
    "batch",
    [
        replace(written, started=3, completed=3, left=0),
        replace(written, started=3, completed=3, left=0).finalize(NOW),
        ended_batch(),
        written.cancel(NOW),
        waiting_batch().cancel(NOW),
    ],
)
def test_a_batch_that_nobody_finishes_is_finished(batch: Batch) -> None:
    world = World()
    assert world.after(QUIET_SECONDS, batch) == []
    assert world.after(1, batch) == [Mended("finish_restarted", "batch_1")]
    assert world.workers.finished == ["batch_1"]


@pytest.mark.parametrize(
    "batch", [written, replace(written, started=3, left=1), replace(written.cancel(NOW), started=3, left=1)]
)
def test_a_batch_whose_requests_still_run_needs_nothing(batch: Batch) -> None:
    assert World().after(86_400, batch) == []


def test_a_batch_that_is_announced_is_not_even_looked_at() -> None:
    assert World().after(86_400, ended_batch().announce(NOW)) == []


def test_one_that_cannot_be_mended_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.batches.put(validating_batch("batch_0"))
    monkeypatch.setattr(world.workers, "ingest", lambda batch: 1 / 0 if batch.id == "batch_0" else None)
    with pytest.raises(ExceptionGroup, match="1 repairs failed"):
        world.after(86_400, open_batch())
    assert world.batch().restarts == 1
