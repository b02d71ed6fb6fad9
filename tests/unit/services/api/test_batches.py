"""The API of batches: one key creates one batch, owners see only their own, and repetition never pays twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from tests.fakes.batches import MemoryBatches
from tests.fakes.world import FakeClock, FakeObjects, FakeUploadLinks
from tools.harness.samples import ALICE, BOB, NOW, ended_batch, open_batch, rows_of, validating_batch, waiting_batch
from wan_video.domain.batch import UPLOAD_SECONDS, Batch, BatchError, BatchStatus, Source, requested_id
from wan_video.domain.price import Estimate
from wan_video.domain.retention import Retention
from wan_video.domain.token import Token
from wan_video.errors import (
    BatchChanged,
    BatchNotCancellable,
    BatchNotFound,
    BatchNotRetryable,
    BudgetExceeded,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
)
from wan_video.services.api.batches import OwnBatches

PRICED = Estimate(10, Decimal("7.339240"), "CNY", "2026-06-01")
SOURCE = Source("prompts", "batches/batch_1/prompts.jsonl", "etag")
READER = Token("alice", frozenset({"read"}))


@dataclass
class World:
    """The service over batches in memory."""

    batches: MemoryBatches = field(default_factory=MemoryBatches)
    uploads: FakeUploadLinks = field(default_factory=FakeUploadLinks)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.api = OwnBatches(self.batches, FakeObjects(), self.uploads, self.clock, link_seconds=900)

    def create(self, name: str = "prompts.jsonl", key: str | None = None) -> Batch:
        return self.api.create(ALICE, name, idempotency_key=key)[0]


def world(*batches: Batch) -> World:
    return World(MemoryBatches(*batches))


def failed(batch_id: str = "batch_1") -> Batch:
    return replace(ended_batch(batch_id), completed=1, failed=1)


# --- creating --------------------------------------------------------------------------------------------------------


def test_a_new_batch_waits_for_its_file_under_its_own_key() -> None:
    here = World()
    batch, upload = here.api.create(replace(ALICE, daily_seconds=60), "prompts.jsonl")
    assert here.batches.get(batch.id) == batch
    assert (batch.status, batch.owner, batch.daily_seconds) == (BatchStatus.WAITING_FOR_FILE, "alice", 60)
    assert here.uploads.signed == [(f"batches/{batch.id}/prompts.jsonl", "application/jsonl", UPLOAD_SECONDS)]
    assert upload is not None
    assert upload.headers == {"Content-Type": "application/jsonl", "If-None-Match": "*"}
    assert upload.expires_at == NOW + UPLOAD_SECONDS


def test_a_callback_url_belongs_to_a_batch_its_key_and_its_retry_and_needs_a_secret() -> None:
    here = World()
    url = "https://example.com/done?token=secret"
    with pytest.raises(InvalidRequest, match="no secret for them yet"):
        here.api.create(ALICE, "prompts.jsonl", callback_url=url)
    api = replace(here.api, signs_callbacks=lambda owner: owner == "alice")
    with pytest.raises(InvalidRequest, match="not name a public host"):
        api.create(ALICE, "prompts.jsonl", callback_url="https://10.0.0.1/")
    with pytest.raises(InvalidRequest, match="no secret for them yet"):
        api.create(BOB, "prompts.jsonl", callback_url=url)

    batch, _ = api.create(ALICE, "prompts.jsonl", idempotency_key="one", callback_url=url)

    assert batch.callback_url == url
    assert "secret" not in repr(batch)
    assert "secret" not in str(api.describe(batch))
    assert api.create(ALICE, "prompts.jsonl", idempotency_key="one", callback_url=url)[0] == batch
    for other in (None, "https://example.com/other"):
        with pytest.raises(IdempotencyKeyReused):
            api.create(ALICE, "prompts.jsonl", idempotency_key="one", callback_url=other)
    ended = replace(failed("batch_2"), callback_url=url)
    here.batches.create(ended)
    assert api.retry(ALICE, "batch_2").callback_url == url


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", "application/jsonl"),
        ("A.CSV", "text/csv"),
        ("狐.json", "application/json"),
        ("a b.txt", "text/plain"),
    ],
)
def test_the_name_of_a_file_decides_its_content_type(name: str, kind: str) -> None:
    here = World()
    here.create(name)
    assert here.uploads.signed[0][1].startswith(kind)


def test_a_requested_content_type_is_the_one_that_is_signed() -> None:
    here = World()
    here.api.create(ALICE, "a.csv", "text/csv; charset=utf-8")
    assert here.uploads.signed[0][1] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    "name",
    ["", "a", "a.exe", ".", "..", "up/a.csv", "../a.csv", "a\0.csv", "a\n.csv", "\ud800.csv", f"{'狐' * 84}.csv"],
)
def test_an_invalid_file_name_is_refused_and_creates_no_batch(name: str) -> None:
    here = World()
    with pytest.raises(InvalidRequest) as caught:
        here.create(name)
    assert [problem.pointer for problem in caught.value.problems] == ["/name"]
    assert list(here.batches.open()) == []


@pytest.mark.parametrize("kind", ["", "csv", "text/csv\r\nX-Evil: 1", "text/csv;", "text/" + "x" * 99, "téxt/csv"])
def test_an_invalid_content_type_is_refused_and_creates_no_batch(kind: str) -> None:
    here = World()
    with pytest.raises(InvalidRequest) as caught:
        here.api.create(ALICE, "a.csv", kind)
    assert [problem.pointer for problem in caught.value.problems] == ["/content_type"]
    assert list(here.batches.open()) == []


def test_one_key_creates_one_batch_and_is_refused_with_another_name() -> None:
    here = World()
    batch = here.create(key="k")
    assert here.create(key="k") == batch
    with pytest.raises(IdempotencyKeyReused):
        here.create("other.jsonl", key="k")
    assert here.create().id != here.create().id


ENDED_WITHOUT_A_ROW = {
    "expired": lambda batch: batch.expire(NOW),
    "refused": lambda batch: _end(batch.receive(NOW, SOURCE).accept(NOW, total=3, refused=3)),
    "unreadable": lambda batch: _end(batch.receive(NOW, SOURCE).refuse(NOW, BatchError("file_unreadable", "No."))),
    "cancelled before its file": lambda batch: _end(batch.cancel(NOW)),
    # What is given up counts as written (`Batches.forgo`), and is no row.
    "cancelled before its rows": lambda batch: _end(
        replace(batch.receive(NOW, SOURCE).accept(NOW, total=3, refused=0).cancel(NOW), written=3, cancelled=3, left=0)
    ),
}


def _end(batch: Batch) -> Batch:
    return batch.finalize(NOW).end(NOW).announce(NOW)


@pytest.mark.parametrize("end", ENDED_WITHOUT_A_ROW.values(), ids=ENDED_WITHOUT_A_ROW)
def test_a_batch_that_ended_without_a_row_does_not_keep_its_key(end: Callable[[Batch], Batch]) -> None:
    here = World()
    seen = [here.create(key="k")]
    for _ in range(12):
        assert here.create(key="k") == seen[-1], "until it has ended, it is the same batch"
        here.batches.save(seen[-1], end(seen[-1]))
        batch, upload = here.api.create(ALICE, "prompts.jsonl", None, "k")
        assert upload is not None
        seen.append(batch)
    assert len({batch.id for batch in seen}) == len(seen)


def test_a_batch_with_a_row_keeps_its_key_however_it_ended() -> None:
    here = World()
    first = here.create(key="k")
    here.batches.save(first, first.expire(NOW))
    second = here.create(key="k")
    rows = rows_of(second, 1)
    cancelled = second.receive(NOW, SOURCE).accept(NOW, total=1, refused=0).write(NOW, rows).cancel(NOW)
    here.batches.save(second, _end(replace(cancelled, cancelled=1, left=0)))
    assert here.create(key="k").id == second.id
    with pytest.raises(IdempotencyKeyReused):
        here.create("other.jsonl", key="k")


def test_many_batches_without_rows_are_skipped_in_a_few_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = (requested_id("alice", "k", number) for number in range(1, 1001))
    here = world(*(waiting_batch(batch_id).expire(NOW) for batch_id in spent))
    get, readings = here.batches.get, list[str]()

    def counted(batch_id: str) -> Batch:
        readings.append(batch_id)
        return get(batch_id)

    monkeypatch.setattr(here.batches, "get", counted)
    assert here.create(key="k").id == requested_id("alice", "k", 1001)
    assert len(readings) <= 22


def test_a_second_upload_link_expires_with_the_wait_of_its_batch() -> None:
    here = World()
    here.create(key="k")
    here.clock.advance(UPLOAD_SECONDS - 60)
    assert here.api.create(ALICE, "prompts.jsonl", None, "k")[1] is not None
    assert here.uploads.signed[-1][2] == 60
    here.clock.advance(60)
    assert here.api.create(ALICE, "prompts.jsonl", None, "k")[1] is None


def test_a_batch_with_its_file_returns_no_second_upload_link() -> None:
    here = World()
    batch = here.create(key="k")
    here.batches.save(batch, replace(batch, status=BatchStatus.VALIDATING))
    assert here.api.create(ALICE, "prompts.jsonl", None, "k")[1] is None


# --- reading ---------------------------------------------------------------------------------------------------------


def test_an_owner_does_not_see_another_owners_batch() -> None:
    here = world(waiting_batch())
    assert here.api.retrieve(READER, "batch_1").id == "batch_1"
    for caller, batch_id in ((BOB, "batch_1"), (ALICE, "batch_2"), (ALICE, "a b"), (ALICE, "x" * 3000)):
        with pytest.raises(BatchNotFound):
            here.api.retrieve(caller, batch_id)
        with pytest.raises(BatchNotFound):
            here.api.cancel(caller, batch_id)
        with pytest.raises(BatchNotFound):
            here.api.retry(caller, batch_id)
        with pytest.raises(InvalidRequest):
            here.api.list(caller, 20, batch_id)


def test_batches_are_listed_newest_first_in_pages() -> None:
    here = world(*(waiting_batch(f"batch_{at}", at=NOW + at) for at in range(5)), waiting_batch("batch_9", owner="bob"))
    first, more = here.api.list(READER, 3)
    assert ([batch.id for batch in first], more) == (["batch_4", "batch_3", "batch_2"], True)
    rest, more = here.api.list(READER, 3, "batch_2")
    assert ([batch.id for batch in rest], more) == (["batch_1", "batch_0"], False)


def test_reports_are_linked_once_they_exist() -> None:
    here = world()
    for batch in (waiting_batch(), open_batch(), waiting_batch().expire(NOW)):
        assert here.api.report_links(batch) is None
    links = here.api.report_links(ended_batch())
    assert links is not None
    assert links["results"] == (
        "https://bucket.invalid/reports/batch_1/results.jsonl?filename=batch_1.results.jsonl&seconds=900"
    )
    assert set(links) == {"results", "errors", "manifest"}


def test_a_batch_shows_until_when_it_is_kept_and_then_has_no_reports() -> None:
    here = world()
    api = replace(here.api, retention=Retention(1))
    assert api.describe(ended_batch())["expires_at"] == NOW + 24 * 3600
    assert api.describe(open_batch())["expires_at"] is None
    here.clock.advance(24 * 3600 - 1)
    assert api.report_links(ended_batch()) is not None
    here.clock.advance(1)
    assert api.report_links(ended_batch()) is None


# --- cancelling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [waiting_batch(), validating_batch(), open_batch()])
def test_an_open_batch_is_cancelled_once(batch: Batch) -> None:
    here = world(batch)
    cancelled = here.api.cancel(ALICE, "batch_1")
    assert (cancelled.status, cancelled.cancel_requested_at) == (BatchStatus.CANCELLING, NOW)
    here.clock.advance(9)
    assert here.api.cancel(ALICE, "batch_1") == cancelled == here.batches.get("batch_1")


@pytest.mark.parametrize("batch", [ended_batch(), waiting_batch().expire(NOW), replace(ended_batch(), failed=1)])
def test_a_batch_that_has_ended_is_not_cancelled(batch: Batch) -> None:
    with pytest.raises(BatchNotCancellable):
        world(batch).api.cancel(ALICE, "batch_1")


def test_a_cancellation_is_retried_after_a_conflicting_write(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(open_batch())
    save = here.batches.save
    refusals = [BatchChanged("batch_1")] * 2

    def late(before: Batch, after: Batch) -> Batch:
        if refusals:
            raise refusals.pop()
        return save(before, after)

    monkeypatch.setattr(here.batches, "save", late)
    assert here.api.cancel(ALICE, "batch_1").status is BatchStatus.CANCELLING


# --- retrying failures -----------------------------------------------------------------------------------------------


def test_the_failures_of_a_batch_are_retried_by_another_batch_without_a_file() -> None:
    here = world(failed())
    again = here.api.retry(replace(ALICE, daily_seconds=60), "batch_1")
    assert (again.status, again.retry_of, again.name) == (BatchStatus.VALIDATING, "batch_1", "prompts.jsonl")
    assert (again.owner, again.daily_seconds, again.source) == ("alice", 60, None)
    assert here.batches.get(again.id) == again
    assert here.uploads.signed == []


def test_a_retry_is_priced_and_never_costs_more_than_its_cap() -> None:
    here = world(replace(failed(), failures=PRICED))
    assert here.api.quote_retry(ALICE, "batch_1") == PRICED
    with pytest.raises(BudgetExceeded, match=r"cost 7\.339240 CNY, which is above your max_price of 7\.33"):
        here.api.retry(ALICE, "batch_1", max_price=Decimal("7.33"))
    assert len(here.batches.list("alice", 10)[0]) == 1
    assert here.api.retry(ALICE, "batch_1", max_price=Decimal("7.339240")).capped
    assert not here.api.retry(ALICE, "batch_1", "a key").capped


@pytest.mark.parametrize("failures", [None, Estimate(10)])
def test_a_retry_whose_price_is_not_known_cannot_be_capped(failures: Estimate | None) -> None:
    here = world(replace(failed(), failures=failures))
    assert here.api.quote_retry(ALICE, "batch_1").price is None
    with pytest.raises(BudgetExceeded, match="not known"):
        here.api.retry(ALICE, "batch_1", max_price=Decimal(100))


def test_a_repeated_retry_returns_the_same_batch_and_only_a_key_creates_another() -> None:
    here = world(failed(), failed("batch_2"))
    again = here.api.retry(ALICE, "batch_1")
    here.clock.advance(60)
    assert here.api.retry(ALICE, "batch_1") == again
    other = here.api.retry(ALICE, "batch_1", "k")
    assert other.id != again.id
    assert here.api.retry(ALICE, "batch_1", "k") == other
    with pytest.raises(IdempotencyKeyReused):
        here.api.retry(ALICE, "batch_2", "k")
    with pytest.raises(IdempotencyKeyReused):
        here.create(key="k")


@pytest.mark.parametrize("key", [None, "k"])
def test_failures_are_retried_again_if_their_batch_ended_without_a_row(key: str | None) -> None:
    here = world(failed())
    first = here.api.retry(ALICE, "batch_1", key)
    here.batches.save(first, _end(replace(first.cancel(NOW), left=0)))
    second = here.api.retry(ALICE, "batch_1", key)
    assert second.id != first.id
    assert here.api.retry(ALICE, "batch_1", key) == second


@pytest.mark.parametrize("batch", [waiting_batch(), open_batch(), ended_batch(), replace(open_batch(), failed=1)])
def test_a_batch_that_has_not_ended_or_has_no_failure_is_not_retried(batch: Batch) -> None:
    with pytest.raises(BatchNotRetryable):
        world(batch).api.retry(ALICE, "batch_1")


def test_changes_need_the_scope_to_write_and_reading_the_scope_to_read() -> None:
    here = world(failed())
    for change in (
        lambda: here.api.create(READER, "a.csv"),
        lambda: here.api.cancel(READER, "batch_1"),
        lambda: here.api.retry(READER, "batch_1"),
        lambda: here.api.retrieve(Token("alice", frozenset({"write"})), "batch_1"),
        lambda: here.api.list(Token("alice", frozenset({"write"})), 20),
    ):
        with pytest.raises(Forbidden):
            change()
