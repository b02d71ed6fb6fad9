"""Interrupted batches are continued, and those that cannot continue are closed."""

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
    """A repair with everything that it uses."""

    batches: MemoryBatches = field(default_factory=MemoryBatches)
    workers: FakeWorkers = field(default_factory=FakeWorkers)
    clock: FakeClock = field(default_factory=FakeClock)

    def after(self, seconds: float, batch: Batch) -> Sequence[Mended]:
        """Return what is repaired in a batch after some time."""
        self.batches.put(batch)
        self.clock.advance(seconds)
        return mended_by(StuckBatches(self.batches, self.workers, self.clock, first))

    def batch(self) -> Batch:
        """Return the current batch."""
        return self.batches.get("batch_1")


def test_a_batch_whose_file_never_arrived_expires_after_its_link() -> None:
    world = World()
    assert world.after(UPLOAD_SECONDS + GRACE_SECONDS, waiting_batch()) == []
    assert world.after(1, waiting_batch()) == [Mended("batch_expired", "batch_1")]
    assert (world.batch().status, world.batch().open) == ("expired", False)
    assert world.after(86_400, world.batch()) == []


@pytest.mark.parametrize("batch", [validating_batch(), open_batch(), replace(open_batch(), written=2, last_row=2)])
def test_reading_of_an_abandoned_file_is_resumed(batch: Batch) -> None:
    world = World()
    assert world.after(QUIET_SECONDS, batch) == []
    assert world.after(1, batch) == [Mended("ingest_restarted", "batch_1")]
    assert world.workers.ingested == ["batch_1"]
    assert world.after(QUIET_SECONDS, world.batch()) == []


def test_reading_of_a_file_is_given_up_after_a_number_of_attempts() -> None:
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
def test_an_abandoned_batch_is_finished(batch: Batch) -> None:
    world = World()
    assert world.after(QUIET_SECONDS, batch) == []
    assert world.after(1, batch) == [Mended("finish_restarted", "batch_1")]
    assert world.workers.finished == ["batch_1"]


@pytest.mark.parametrize(
    "batch", [written, replace(written, started=3, left=1), replace(written.cancel(NOW), started=3, left=1)]
)
def test_a_batch_with_running_requests_needs_no_repair(batch: Batch) -> None:
    assert World().after(86_400, batch) == []


def test_an_announced_batch_is_not_read() -> None:
    assert World().after(86_400, ended_batch().announce(NOW)) == []


def test_a_batch_that_cannot_be_repaired_does_not_block_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.batches.put(validating_batch("batch_0"))
    monkeypatch.setattr(world.workers, "ingest", lambda batch: 1 / 0 if batch.id == "batch_0" else None)
    with pytest.raises(ExceptionGroup, match="1 repairs failed"):
        world.after(86_400, open_batch())
    assert world.batch().restarts == 1
