"""The submission of a video: the protocol by which a lost answer never becomes a second bill.

    (none) ──intent──► submitting ──a task id──────────────────► submitted
                         │    └──────a definite no──────────────► refused, or (none): sending again is safe
                     lost answer
                         ▼
                     uncertain ──found in Wan's list────────────► submitted
                              └──proven absent, and resend───────► (none), at most MAX_RESENDS times
                              └──a day without proof─────────────► given up: it may have been billed, once

A submission is proven absent by EMPTY_SCANS complete scans of Wan's list in a row that show no task which may belong to
it. Each of these scans begins after the grace period in which the list may lag. A task that may still turn out to
belong to it, because it has not ended or does not show yet what was requested, restarts the count.

No answer of Wan names the image from which a task makes its video. If a scan finds several tasks that may belong to a
submission with an image, or one that may as well belong to another submission with another image, these are the
candidates of the submission: it never takes one of them, and while they are there it is never sent again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

EMPTY_SCANS: Final = 2
"""The number of scans in a row, after the grace period and without a trace, that prove a task absent."""

SCAN_GAP_SECONDS: Final = 30
LONGEST_SCAN_GAP_SECONDS: Final = 1800
"""Seconds between two scans; the gap doubles while a task that was proven absent is still searched for."""

MAX_RESENDS: Final = 5
"""The maximum number of submissions that replace one that was proven absent."""


MAX_CANDIDATES: Final = 20
"""The maximum number of candidates that a submission records. Further ones are still not taken in the same scan."""


class SubmissionState(StrEnum):
    """The known state of the only POST that can create a billable task."""

    SUBMITTING = "submitting"
    UNCERTAIN = "uncertain"
    SUBMITTED = "submitted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt to submit. It is written before its POST, so that a lost answer never looks like a lost request.

    `empty_scans` counts the scans that prove it absent, and `scanned_at` is when Wan's list was last read completely.
    `resends` counts the earlier attempts that were proven absent, and `first_at` is when the first of them started.
    `closed_at` is the time from which lost tasks are no longer searched for. `candidates` are the ids of tasks that may
    belong to it, and that it does not take because they may as well belong to another submission.
    """

    attempt: int
    started_at: int
    state: SubmissionState | None = None
    empty_scans: int = 0
    scanned_at: int | None = None
    resends: int = 0
    first_at: int | None = None
    closed_at: int | None = None
    candidates: frozenset[str] = frozenset()

    @classmethod
    def after(cls, known: Submission | None, now: int) -> Submission:
        """Return the intent of the attempt after `known`, or of the first attempt."""
        intent = cls(attempt=1, started_at=now, state=SubmissionState.SUBMITTING)
        if known is None:
            return intent
        return replace(
            intent,
            attempt=known.attempt + 1,
            resends=known.resends,
            first_at=known.first_at,
            candidates=known.candidates,
        )

    @property
    def lost_since(self) -> int:
        """The earliest time at which a task with an unknown id may have been created (Unix seconds)."""
        return self.started_at if self.first_at is None else self.first_at

    @property
    def in_doubt(self) -> bool:
        """Whether a task with an unknown id may exist."""
        return self.state in (SubmissionState.SUBMITTING, SubmissionState.UNCERTAIN)

    @property
    def absent(self) -> bool:
        """Whether it is proven that its POST created no task."""
        return self.in_doubt and self.empty_scans >= EMPTY_SCANS

    @property
    def resendable(self) -> bool:
        """Whether another POST cannot create a second task, and was not sent too often.

        A submission that has had candidates is not sent again, even if none of them is left: one of them was perhaps
        its own, and was imported.
        """
        return self.absent and not self.candidates and self.resends < MAX_RESENDS

    def scan_is_due(self, now: int) -> bool:
        """Return whether it is time to read Wan's list again."""
        gap = SCAN_GAP_SECONDS << min(max(self.empty_scans - EMPTY_SCANS, 0), 10)
        last = self.scanned_at if self.scanned_at is not None else self.started_at
        return now - last >= min(gap, LONGEST_SCAN_GAP_SECONDS)

    def scanned(self, began: int, *, empty: bool, grace: int, candidates: Collection[str] = ()) -> Submission:
        """Record a complete scan that began at `began`; `empty` says that no task in it can belong to the attempt.

        `candidates` are added to those of earlier scans.
        """
        counts = began - self.started_at >= grace
        new = sorted(set(candidates) - self.candidates)[: MAX_CANDIDATES - len(self.candidates)]
        return replace(
            self,
            empty_scans=self.empty_scans + counts if empty else 0,
            scanned_at=began,
            candidates=self.candidates.union(new),
        )

    def resent(self) -> Submission:
        """Withdraw an attempt that was proven absent."""
        return replace(self, state=None, empty_scans=0, resends=self.resends + 1, first_at=self.lost_since)
