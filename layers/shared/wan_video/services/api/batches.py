"""api: create, show, list, cancel and retry the batches of the caller."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.batch import (
    ERRORS,
    MANIFEST,
    RESULTS,
    UPLOAD_SECONDS,
    Batch,
    BatchStatus,
    report_key,
    requested_id,
    retry_id,
    upload_key,
)
from wan_video.domain.document import batch_document
from wan_video.domain.hosts import NO_ORIGINS, WebhookOrigins
from wan_video.domain.listing import Mark
from wan_video.domain.names import VIDEO_ID
from wan_video.domain.price import Estimate
from wan_video.domain.request import callback_problem
from wan_video.domain.retention import FOR_EVER, Retention
from wan_video.domain.text import text_problem
from wan_video.domain.video import InvalidTransition
from wan_video.errors import (
    BatchChanged,
    BatchExists,
    BatchNotCancellable,
    BatchNotFound,
    BatchNotRetryable,
    BudgetExceeded,
    IdempotencyKeyReused,
    InvalidRequest,
    Problem,
)
from wan_video.services.api.limits import MAX_TRIES, POLL_AFTER_SECONDS
from wan_video.services.intake import no_callbacks, require_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from wan_video.domain.token import Token
    from wan_video.ports.batches import Batches
    from wan_video.ports.clock import Clock
    from wan_video.ports.objects import Objects, UploadLinks

KINDS: Final = {
    ".jsonl": "application/jsonl",
    ".csv": "text/csv",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
"""The content types of prompt files by suffix, unless the caller specifies another one."""

MAX_NAME_BYTES: Final = 255
CONTENT_TYPE: Final = re.compile(r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,60}(; ?charset=[\w-]{1,20})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Upload:
    """The request that uploads the file of a batch: one PUT to `url`, with these headers, before `expires_at`."""

    url: str
    headers: Mapping[str, str]
    expires_at: int


@dataclass(frozen=True)
class OwnBatches:
    """The caller's batches; another owner's batches do not exist for the caller.

    `reports` is the bucket of the reports of batches, and `uploads` the bucket to which prompt files are uploaded.
    `signs_callbacks` and `webhook_origins` are those of `Intake` and of its defaults.
    """

    batches: Batches
    reports: Objects
    uploads: UploadLinks
    clock: Clock
    link_seconds: int
    retention: Retention = FOR_EVER
    signs_callbacks: Callable[[str], bool] = no_callbacks
    webhook_origins: WebhookOrigins = NO_ORIGINS

    def create(
        self,
        caller: Token,
        name: str,
        content_type: str | None = None,
        idempotency_key: str | None = None,
        callback_url: str | None = None,
    ) -> tuple[Batch, Upload | None]:
        """Create a batch for a file, and return how to upload it; None if the batch no longer waits for a file.

        The event of its end is also sent to `callback_url`. The same key, name and callback URL of one owner return the
        same batch, unless it ended without a row. Raises InvalidRequest, Forbidden and IdempotencyKeyReused.
        """
        caller.require("write")
        if problem := _name_problem(name):
            raise InvalidRequest([Problem("/name", problem)])
        kind = KINDS[_ending(name)] if content_type is None else content_type
        if not CONTENT_TYPE.fullmatch(kind):
            raise InvalidRequest([Problem("/content_type", "content_type is one such as application/jsonl.")])
        if callback_url is not None and (wrong := callback_problem(callback_url, self.webhook_origins)):
            raise InvalidRequest([wrong])
        require_secret(callback_url, caller.owner, self.signs_callbacks)
        key = idempotency_key or _random_key()
        batch = self._create(
            caller, name, lambda number: requested_id(caller.owner, key, number), callback_url=callback_url
        )
        return batch, self._upload(batch, kind)

    def retrieve(self, caller: Token, batch_id: str) -> Batch:
        """Return a batch of the caller. Raises BatchNotFound, also if it belongs to another owner."""
        caller.require("read")
        return self._own(caller, batch_id)

    def list(self, caller: Token, limit: int, after: str | None = None) -> tuple[Sequence[Batch], bool]:
        """Return one page of the caller's batches, newest first, and whether there are more. Raises InvalidRequest."""
        caller.require("read")
        mark = None
        if after is not None:
            try:
                batch = self._own(caller, after)
            except BatchNotFound:
                raise InvalidRequest(
                    [Problem("/after", f"The batch {after!r} does not exist, so no page begins after it.")]
                ) from None
            mark = Mark(batch.id, batch.created_at)
        return self.batches.list(caller.owner, limit, mark)

    def cancel(self, caller: Token, batch_id: str) -> Batch:
        """Cancel the waiting videos of a batch; started videos continue. Raises BatchNotFound, BatchNotCancellable."""
        caller.require("write")
        for _ in range(MAX_TRIES):
            batch = self._own(caller, batch_id)
            if batch.status in (BatchStatus.CANCELLING, BatchStatus.CANCELLED):
                return batch
            try:
                cancelling = batch.cancel(self.clock.unix_seconds())
            except InvalidTransition:
                raise BatchNotCancellable(batch_id, batch.status) from None
            with suppress(BatchChanged):
                return self.batches.save(batch, cancelling)
        raise BatchChanged(batch_id)

    def retry(
        self, caller: Token, batch_id: str, idempotency_key: str | None = None, max_price: Decimal | None = None
    ) -> Batch:
        """Create a batch of new billable videos from the failures of a batch, with the same custom ids.

        With `max_price`, which limits all of them together, no video costs more than its failure was estimated to cost.
        Repeating the call returns the same batch, unless the key is new or that batch ended without a row, so a caller
        who repeats a lost request pays once. Raises BatchNotFound, BatchNotRetryable, BudgetExceeded and
        IdempotencyKeyReused.
        """
        caller.require("write")
        self.quote_retry(caller, batch_id, max_price)
        batch = self._own(caller, batch_id)

        def numbered(number: int) -> str:
            if idempotency_key:
                return requested_id(caller.owner, idempotency_key, number)
            return retry_id(batch_id, number)

        return self._create(
            caller,
            batch.name,
            numbered,
            retry_of=batch_id,
            callback_url=batch.callback_url,
            capped=max_price is not None,
        )

    def quote_retry(self, caller: Token, batch_id: str, max_price: Decimal | None = None) -> Estimate:
        """Return what the failures of a batch were estimated to cost. Raises what `retry` raises."""
        caller.require("write")
        batch = self._own(caller, batch_id)
        if not (batch.status.final and batch.failed + batch.expired):
            raise BatchNotRetryable(batch_id, batch.status)
        estimate = batch.failures or Estimate(0)
        if max_price is not None and estimate.price is None:
            raise BudgetExceeded("The price of these videos is not known, so leave max_price out.")
        if max_price is not None and estimate.price is not None and estimate.price > max_price:
            raise BudgetExceeded(
                f"These videos cost {estimate.price} {estimate.currency}, which is above your max_price of {max_price}."
            )
        return estimate

    def report_links(self, batch: Batch) -> Mapping[str, str] | None:
        """Return short-lived links to the reports of a batch by name; None if they do not exist yet or no longer."""
        if not batch.status.final or batch.status is BatchStatus.EXPIRED:
            return None
        if self.retention.is_over(batch.ended_at, self.clock.now()):
            return None
        return {
            name.partition(".")[0]: self.reports.link(
                report_key(batch.id, name), filename=f"{batch.id}.{name}", seconds=self.link_seconds
            )
            for name in (RESULTS, ERRORS, MANIFEST)
        }

    def _upload(self, batch: Batch, kind: str) -> Upload | None:
        now = self.clock.unix_seconds()
        until = batch.created_at + UPLOAD_SECONDS
        if batch.status is not BatchStatus.WAITING_FOR_FILE or until <= now:
            return None
        link = self.uploads.sign(upload_key(batch.id, batch.name), content_type=kind, seconds=until - now)
        return Upload(link.url, link.headers, until)

    def describe(self, batch: Batch) -> dict[str, Any]:
        """Return a batch as users see it."""
        return batch_document(batch, self.retention)

    def poll_after(self) -> float:
        """Return the recommended number of real seconds before the next request."""
        return self.clock.real_seconds(POLL_AFTER_SECONDS)

    def upload_origin(self) -> str:
        """Return scheme and host of every link to upload a file."""
        return self.uploads.origin()

    def _new(
        self,
        caller: Token,
        new_id: str,
        name: str,
        retry_of: str | None,
        callback_url: str | None,
        *,
        capped: bool,
    ) -> Batch:
        now = self.clock.unix_seconds()
        # A retry reads the failures from the stored batch, so it does not wait for a file.
        status = BatchStatus.WAITING_FOR_FILE if retry_of is None else BatchStatus.VALIDATING
        return Batch(
            id=new_id,
            owner=caller.owner,
            name=name,
            created_at=now,
            updated_at=now,
            status=status,
            daily_seconds=caller.daily_seconds,
            retry_of=retry_of,
            capped=capped,
            callback_url=callback_url,
        )

    def _create(
        self,
        caller: Token,
        name: str,
        numbered: Callable[[int], str],
        retry_of: str | None = None,
        callback_url: str | None = None,
        *,
        capped: bool = False,
    ) -> Batch:
        """Store a new batch under the first id that no batch with rows has, or return the batch that has it."""
        number = 1
        for _ in range(MAX_TRIES):
            batch = self._new(caller, numbered(number), name, retry_of, callback_url, capped=capped)
            try:
                self.batches.create(batch)
            except BatchExists:
                existing = self.batches.get(batch.id)
            else:
                return batch
            if not existing.came_to_nothing:
                if (existing.name, existing.retry_of, existing.callback_url) != (name, retry_of, callback_url):
                    raise IdempotencyKeyReused
                return existing
            number = self._first_free(numbered, number)
        raise BatchChanged(numbered(number))

    def _first_free(self, numbered: Callable[[int], str], spent: int) -> int:
        """Return the number after the last batch that ended without a row, such as `spent`, in a few reads."""
        step = 1
        while self._is_spent(numbered(spent + step)):
            spent, step = spent + step, step * 2
        while step > 1:
            step //= 2
            if self._is_spent(numbered(spent + step)):
                spent += step
        return spent + 1

    def _is_spent(self, batch_id: str) -> bool:
        try:
            return self.batches.get(batch_id).came_to_nothing
        except BatchNotFound:
            return False

    def _own(self, caller: Token, batch_id: str) -> Batch:
        if not VIDEO_ID.fullmatch(batch_id):
            raise BatchNotFound(batch_id)
        batch = self.batches.get(batch_id)
        if batch.owner != caller.owner:
            raise BatchNotFound(batch_id)
        return batch


def _random_key() -> str:
    return f"request\0{secrets.token_hex(16)}"


def _ending(name: str) -> str:
    return PurePosixPath(name.lower()).suffix


def _name_problem(name: str) -> str | None:
    """Return the problem of a text that cannot be the name of a prompt file, or None."""
    if _ending(name) not in KINDS:
        return f"The name of a prompt file ends in {', '.join(KINDS)}."
    if problem := text_problem(name):
        return f"The name {problem}."
    if "/" in name or not name.isprintable():
        return "The name is that of a file, without folders and control characters."
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"The name has {len(name.encode())} bytes; at most {MAX_NAME_BYTES} are kept."
    return None
