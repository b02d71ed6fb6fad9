"""The submission of a video: the protocol by which a lost answer never becomes a second bill.

    (none) ──intent──► submitting ──a task id──────────────────► submitted
                         │    └──────a definite no──────────────► refused, or (none): sending again is safe
                     lost answer
                         ▼
                     uncertain ──found in Wan's list────────────► submitted
                              └──proven absent, and resend───────► (none), at most MAX_RESENDS times
                              └──a day without proof─────────────► given up: it may have been billed, once

A submission is proven absent by scans of Wan's list that were whole and showed no task it could be: EMPTY_SCANS of them
in a row, each of them later than the grace in which the list may lag. A task that may still turn out to be the one it
is (it has not ended, or does not show yet what was requested) forbids the proof and restarts the count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

EMPTY_SCANS: Final = 2
"""Scans without a trace, after the grace and in a row, that prove a task absent."""

SCAN_GAP_SECONDS: Final = 30
LONGEST_SCAN_GAP_SECONDS: Final = 1800
"""Seconds between two scans; the gap doubles while a task that was proven absent is still searched for."""

MAX_RESENDS: Final = 5
"""The most submissions that replace one that was proven absent; after that, nothing more is sent."""


class SubmissionState(StrEnum):
    """What is known of the one POST that makes a billable task."""

    SUBMITTING = "submitting"
    UNCERTAIN = "uncertain"
    SUBMITTED = "submitted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt, written before its POST, so that a lost answer never looks like a lost request.

    `empty_scans` counts the scans that prove it absent, `scanned_at` is when Wan's list was last read whole, `resends`
    how many attempts before this one were proven absent, the first of them at `first_at`. `closed_at` is the time
    from which lost tasks are no longer searched for.
    """

    attempt: int
    started_at: int
    state: SubmissionState | None = None
    empty_scans: int = 0
    scanned_at: int | None = None
    resends: int = 0
    first_at: int | None = None
    closed_at: int | None = None

    @classmethod
    def after(cls, known: Submission | None, now: int) -> Submission:
        """The next attempt's intent."""
        intent = cls(attempt=1, started_at=now, state=SubmissionState.SUBMITTING)
        if known is None:
            return intent
        return replace(intent, attempt=known.attempt + 1, resends=known.resends, first_at=known.first_at)

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
        """Whether it is proven that its POST made no task."""
        return self.in_doubt and self.empty_scans >= EMPTY_SCANS

    @property
    def resendable(self) -> bool:
        """Whether another POST can make no second task of it, and was not made too often."""
        return self.absent and self.resends < MAX_RESENDS

    def scan_is_due(self, now: int) -> bool:
        """Whether it is time to read Wan's list: its tasks may be new, and so its last scan may be old."""
        gap = SCAN_GAP_SECONDS << min(max(self.empty_scans - EMPTY_SCANS, 0), 10)
        last = self.scanned_at if self.scanned_at is not None else self.started_at
        return now - last >= min(gap, LONGEST_SCAN_GAP_SECONDS)

    def scanned(self, began: int, *, empty: bool, grace: int) -> Submission:
        """Note a whole scan that began at `began` and found nothing, or (not `empty`) something that may be it."""
        counts = began - self.started_at >= grace
        return replace(self, empty_scans=self.empty_scans + counts if empty else 0, scanned_at=began)

    def resent(self) -> Submission:
        """Withdraw an attempt that was proven absent."""
        return replace(self, state=None, empty_scans=0, resends=self.resends + 1, first_at=self.lost_since)
