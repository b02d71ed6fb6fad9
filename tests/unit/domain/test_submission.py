"""The protocol of a submission: when a scan counts, when absence is proven, and when it may be sent again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.harness.samples import NOW
from wan_video.domain.submission import EMPTY_SCANS, MAX_RESENDS, Submission, SubmissionState

GRACE = 600
FRESH = Submission.after(None, NOW)
ABSENT = FRESH.scanned(NOW + 600, empty=True, grace=GRACE).scanned(NOW + 660, empty=True, grace=GRACE)


def test_an_attempt_without_an_answer_is_in_doubt() -> None:
    assert (FRESH.attempt, FRESH.started_at, FRESH.state) == (1, NOW, SubmissionState.SUBMITTING)
    assert (FRESH.in_doubt, FRESH.absent, FRESH.lost_since) == (True, False, NOW)


def test_two_empty_scans_after_the_grace_prove_absence() -> None:
    assert (ABSENT.absent, ABSENT.resendable, ABSENT.scanned_at) == (True, True, NOW + 660)


@pytest.mark.parametrize("state", [None, SubmissionState.SUBMITTED, SubmissionState.REFUSED])
def test_an_attempt_that_is_not_in_doubt_is_not_absent(state: SubmissionState | None) -> None:
    assert not replace(ABSENT, state=state).absent


def test_a_scan_within_the_grace_does_not_count() -> None:
    assert FRESH.scanned(NOW + 599, empty=True, grace=GRACE).empty_scans == 0
    assert FRESH.scanned(NOW + 600, empty=True, grace=GRACE).empty_scans == 1


def test_a_scan_that_may_show_the_task_revokes_the_proof_of_absence() -> None:
    again = ABSENT.scanned(NOW + 720, empty=False, grace=GRACE)
    assert (again.empty_scans, again.absent) == (0, False)


def test_a_resubmission_keeps_the_time_since_which_tasks_may_be_lost() -> None:
    second = Submission.after(ABSENT.resent(), NOW + 700)
    assert (second.attempt, second.resends, second.lost_since) == (2, 1, NOW)
    assert (second.empty_scans, second.scanned_at) == (0, None)
    third = Submission.after(replace(second, empty_scans=EMPTY_SCANS).resent(), NOW + 1400)
    assert (third.attempt, third.resends, third.lost_since) == (3, 2, NOW)


def test_an_attempt_that_was_certainly_refused_restarts_that_time() -> None:
    assert Submission.after(replace(FRESH, state=None), NOW + 50).lost_since == NOW + 50


def test_the_number_of_resubmissions_is_bounded() -> None:
    assert replace(ABSENT, resends=MAX_RESENDS - 1).resendable
    assert not replace(ABSENT, resends=MAX_RESENDS).resendable


@pytest.mark.parametrize(
    ("empty_scans", "gap"), [(0, 30), (1, 30), (2, 30), (3, 60), (4, 120), (7, 960), (8, 1800), (500, 1800)]
)
def test_scans_are_half_a_minute_apart_and_further_apart_after_the_proof(empty_scans: int, gap: int) -> None:
    scanned = replace(FRESH, empty_scans=empty_scans, scanned_at=NOW)
    assert not scanned.scan_is_due(NOW + gap - 1)
    assert scanned.scan_is_due(NOW + gap)


@given(st.lists(st.tuples(st.integers(1, 900), st.booleans()), max_size=30))
def test_absence_always_needs_two_last_scans_that_are_empty_and_late(scans: list[tuple[int, bool]]) -> None:
    submission, at = FRESH, NOW
    seen: list[tuple[int, bool]] = []
    for gap, empty in scans:
        at += gap
        submission = submission.scanned(at, empty=empty, grace=GRACE)
        seen.append((at, empty))
    proof = seen[-EMPTY_SCANS:]
    assert submission.absent == (len(proof) == EMPTY_SCANS and all(e and at - NOW >= GRACE for at, e in proof))


def test_a_submission_that_has_had_candidates_is_never_sent_again() -> None:
    assert ABSENT.resendable
    assert not FRESH.scanned(NOW + 1, empty=False, grace=GRACE, candidates=["task-1"]).resendable
    named = ABSENT.scanned(NOW + 720, empty=False, grace=GRACE, candidates=["task-1"])
    later = named.scanned(NOW + 800, empty=True, grace=GRACE).scanned(NOW + 860, empty=True, grace=GRACE)
    assert (later.absent, later.resendable, later.candidates) == (True, False, frozenset({"task-1"}))
