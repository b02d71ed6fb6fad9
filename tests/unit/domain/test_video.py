"""The life of a video: the steps that each state allows, and the two things that must never happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.harness.samples import NOW, TODAY, known_task, made, queued, request, running, starting, stored, submitting
from wan_video.domain.budget import Reservation, Usage
from wan_video.domain.models import Region
from wan_video.domain.names import video_id
from wan_video.domain.queue import BATCH, INTERACTIVE, queue_key
from wan_video.domain.submission import SubmissionState
from wan_video.domain.task import Task
from wan_video.domain.thumbnail import Thumbnail
from wan_video.domain.trouble import TASK_CANCELED, TASK_EXPIRED, TROUBLE_SECONDS, Condition, Failure
from wan_video.domain.video import InvalidTransition, Status, Video, final_status

LATER = NOW + 60
TASK = Task(id="task-1", accepted_at=LATER)
USAGE = Usage(5, Decimal("3.669620"), "CNY")
FAILURE = Failure("DataInspectionFailed", "Input data may contain inappropriate content.", "submit", False)
DELAYED = Condition("delivery_delayed", "It takes longer.", LATER)


def absent() -> Video:
    """Return a video in doubt whose task was proven absent."""
    video = submitting().submission_uncertain(NOW)
    return video.scanned(NOW + 600, empty=True, grace=600).scanned(NOW + 630, empty=True, grace=600)


STATES: dict[str, Video] = {
    "queued": queued(),
    "starting": starting(),
    "adopted": replace(queued(), status=Status.STARTING, execution=1, task=TASK),
    "submitting": submitting(),
    "uncertain": submitting().submission_uncertain(NOW),
    "absent": absent(),
    "withdrawn": submitting().not_submitted(NOW),
    "refused": submitting().refused(NOW, FAILURE),
    "running": running(),
    "made": made(),
    "task ended": running().task_ended(NOW, FAILURE),
    "undeliverable": made().undeliverable(NOW, FAILURE),
    "completed": made().completed(NOW, stored()),
    "failed": running().ended(NOW, FAILURE),
    "failed in doubt": submitting().ended(NOW, FAILURE),
    "cancelled": queued().ended(NOW, replace(FAILURE, code=TASK_CANCELED)),
    "announced": made().completed(NOW, stored()).announced(NOW),
}

Step = Callable[[Video], Video]

STEPS: dict[str, Step] = {
    "start": lambda video: video.start(LATER, Reservation(TODAY, 5)),
    "submitting": lambda video: video.submitting(LATER),
    "with_thumbnail": lambda video: video.with_thumbnail(LATER, Thumbnail.READY),
    "not_submitted": lambda video: video.not_submitted(LATER),
    "submission_uncertain": lambda video: video.submission_uncertain(LATER),
    "unresolved": lambda video: video.unresolved(LATER, FAILURE),
    "scanned": lambda video: video.scanned(LATER, empty=True, grace=600),
    "resent": lambda video: video.resent(LATER),
    "refused": lambda video: video.refused(LATER, FAILURE),
    "submitted": lambda video: video.submitted(LATER, TASK),
    "task_seen": lambda video: video.task_seen(LATER, TASK, 2),
    "poll_failed": lambda video: video.poll_failed(LATER, 2, DELAYED),
    "cancelled": lambda video: video.cancelled(LATER),
    "task_succeeded": lambda video: video.task_succeeded(LATER, USAGE),
    "task_ended": lambda video: video.task_ended(LATER, FAILURE),
    "undeliverable": lambda video: video.undeliverable(LATER, FAILURE),
    "delivery_failed": lambda video: video.delivery_failed(LATER, DELAYED),
    "completed": lambda video: video.completed(LATER, stored()),
    "ended": lambda video: video.ended(LATER, FAILURE),
    "announced": lambda video: video.announced(LATER),
    "restarted": lambda video: video.restarted(LATER, 2),
    "looked_for": lambda video: video.looked_for(LATER, empty=True),
    "closed": lambda video: video.closed(LATER),
}

IN_PROGRESS = {
    "submitting", "uncertain", "absent", "withdrawn", "refused", "running", "made", "task ended", "undeliverable"
}  # fmt: skip
NOT_FINAL = {"queued", "starting", "adopted", *IN_PROGRESS}
IN_DOUBT = {"submitting", "uncertain", "absent"}

ALLOWED: dict[str, set[str]] = {
    "start": {"queued"},
    "submitting": {"starting", "withdrawn", "refused"},
    "not_submitted": IN_DOUBT,
    "submission_uncertain": IN_DOUBT,
    "unresolved": IN_DOUBT,
    "scanned": IN_DOUBT,
    "resent": {"absent"},
    "refused": {"starting", *IN_DOUBT, "withdrawn", "refused"},
    "submitted": IN_DOUBT,
    "task_seen": {"adopted", *IN_PROGRESS},
    "poll_failed": {"adopted", *IN_PROGRESS},
    "cancelled": {"queued"},
    "task_succeeded": IN_PROGRESS,
    "task_ended": IN_PROGRESS,
    "undeliverable": {"adopted", *IN_PROGRESS},
    "delivery_failed": IN_PROGRESS,
    "completed": IN_PROGRESS,
    "ended": NOT_FINAL,
    "announced": {"completed", "failed", "failed in doubt", "cancelled", "announced"},
    "with_thumbnail": {"announced"},
    "restarted": {"starting", "adopted", *IN_PROGRESS},
    "looked_for": {"failed in doubt"},
    "closed": {"completed", "failed", "failed in doubt", "announced"},
}

every_pair = pytest.mark.parametrize(("step", "state"), [(step, state) for step in STEPS for state in STATES])


@every_pair
def test_a_step_is_taken_from_the_right_states_and_refused_from_all_others(step: str, state: str) -> None:
    video = STATES[state]
    if state in ALLOWED[step]:
        after = STEPS[step](video)
        assert after.updated_at == LATER
        assert (after.id, after.owner, after.request, after.version) == (
            video.id,
            video.owner,
            video.request,
            video.version,
        )
    else:
        with pytest.raises(InvalidTransition):
            STEPS[step](video)


# --- from the queue to Wan -------------------------------------------------------------------------------------------


def test_a_start_gets_a_place_and_a_reservation_and_names_the_first_execution() -> None:
    video = queued().start(LATER, Reservation(TODAY, 5))
    assert (video.status, video.place, video.reservation) == (
        Status.STARTING,
        "singapore#wan2.6-t2v",
        Reservation(TODAY, 5),
    )
    assert (video.execution, video.started_at) == (1, LATER)


def test_users_see_a_starting_video_as_queued_and_every_other_status_unchanged() -> None:
    assert Status.STARTING.public is Status.QUEUED
    assert all(status.public is status for status in Status if status is not Status.STARTING)


def test_four_statuses_are_final() -> None:
    assert {status for status in Status if status.final} == {
        Status.COMPLETED,
        Status.FAILED,
        Status.CANCELLED,
        Status.EXPIRED,
    }


def test_attempts_are_counted() -> None:
    video = starting().submitting(NOW).not_submitted(NOW).submitting(LATER)
    assert video.submission is not None
    assert (video.submission.attempt, video.submission.state, video.submission.started_at) == (
        2,
        SubmissionState.SUBMITTING,
        LATER,
    )


def test_a_lost_answer_sets_a_condition_that_keeps_the_time_of_the_first() -> None:
    video = submitting().submission_uncertain(NOW).submission_uncertain(LATER)
    assert video.condition is not None
    assert (video.condition.code, video.condition.since) == ("submission_uncertain", NOW)
    assert video.in_doubt


@pytest.mark.parametrize("outcome", ["submitted", "not_submitted"])
def test_the_condition_ends_with_the_doubt(outcome: str) -> None:
    video = STEPS[outcome](submitting().submission_uncertain(NOW))
    assert video.condition is None
    assert not video.in_doubt


def test_a_refusal_frees_the_place_and_the_whole_reservation() -> None:
    for video in (starting(), submitting()):
        refused = video.refused(LATER, FAILURE)
        assert (refused.place, refused.reservation, refused.spent_seconds) == (None, None, 0)
        assert refused.error == FAILURE
        assert not refused.status.final


def test_a_submission_that_stays_in_doubt_keeps_its_reservation_when_the_waiting_ends() -> None:
    video = submitting().submission_uncertain(NOW).unresolved(LATER, FAILURE)
    assert video.in_doubt
    assert video.reservation == Reservation(TODAY, 5)
    ended = video.ended(LATER, FAILURE)
    assert (ended.place, ended.reservation, ended.spent_seconds) == (None, None, 5)


# --- while Wan works -------------------------------------------------------------------------------------------------


def test_a_poll_without_news_does_not_change_the_row() -> None:
    video = running()
    assert video.task_seen(LATER, known_task(video), 1) is video
    assert video.task_seen(LATER, replace(known_task(video), status="RUNNING"), 1) is not video
    assert video.task_seen(LATER, known_task(video), 2).execution == 2


def test_an_older_execution_does_not_replace_a_newer_one() -> None:
    assert replace(running(), execution=3).task_seen(LATER, TASK, 1).execution == 3


def test_success_frees_the_place_and_records_what_is_billed() -> None:
    video = running().task_succeeded(LATER, Usage(7, Decimal(1), "CNY"))
    assert (video.place, video.reservation, video.spent_seconds) == (None, None, 7)
    assert video.status is Status.IN_PROGRESS


def test_a_failed_task_costs_nothing() -> None:
    video = running().task_ended(LATER, FAILURE)
    assert (video.place, video.reservation, video.spent_seconds, video.error) == (None, None, 0, FAILURE)


def test_a_video_that_was_generated_but_cannot_be_stored_counts_as_paid() -> None:
    ended = made().undeliverable(LATER, FAILURE).ended(LATER, FAILURE)
    assert (ended.spent_seconds, ended.usage) == (5, USAGE)


def test_a_task_whose_end_was_not_seen_counts_as_paid() -> None:
    ended = running().ended(LATER, FAILURE)
    assert (ended.place, ended.reservation, ended.spent_seconds) == (None, None, 5)


def test_a_video_that_never_reached_wan_costs_nothing() -> None:
    for video in (queued(), starting(), submitting().not_submitted(NOW)):
        ended = video.ended(LATER, FAILURE)
        assert (ended.place, ended.reservation, ended.spent_seconds) == (None, None, 0)


def test_a_failing_copy_is_shown_once_it_has_failed_for_some_time() -> None:
    video = made()
    for after in (0, 10, TROUBLE_SECONDS - 1):
        video = video.delivery_failed(NOW + after, replace(DELAYED, since=NOW + after))
        assert video.condition is None
    video = video.delivery_failed(NOW + TROUBLE_SECONDS, replace(DELAYED, since=NOW + TROUBLE_SECONDS))
    shown = video.condition
    assert shown is not None
    assert video.delivery_failed(LATER, DELAYED).condition is shown


def test_polls_that_failed_before_do_not_make_a_copy_late() -> None:
    polled = made()
    for _ in range(5):
        polled = polled.poll_failed(NOW, 1, Condition("wan_unavailable", "Gone.", NOW))
    polled = replace(polled, condition=None)
    assert polled.delivery_failed(NOW + TROUBLE_SECONDS, DELAYED).condition is None


# --- the end ---------------------------------------------------------------------------------------------------------


def test_a_completed_video_has_its_object_and_no_condition() -> None:
    video = made().delivery_failed(NOW, DELAYED).undeliverable(NOW, FAILURE).completed(LATER, stored())
    assert (video.status, video.object, video.condition, video.error) == (Status.COMPLETED, stored(), None, None)
    assert video.ended_at == LATER


@pytest.mark.parametrize(
    ("code", "status"),
    [(TASK_EXPIRED, Status.EXPIRED), (TASK_CANCELED, Status.CANCELLED), ("InternalError", Status.FAILED)],
)
def test_the_error_decides_the_final_status(code: str, status: Status) -> None:
    error = replace(FAILURE, code=code)
    assert final_status(error) is status
    assert running().ended(LATER, error).status is status


def test_a_video_is_open_from_its_start_until_its_notice_is_out() -> None:
    opened = {name for name, video in STATES.items() if video.open}
    assert opened == set(STATES) - {"queued", "announced"}


# --- progress, ids and queues ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("video", "seconds", "progress"),
    [
        (queued(), 100, 0),
        (submitting(), 100, 0),
        (running(), -5, 1),
        (running(), 0, 1),
        (running(), 90, 50),
        (running(), 9999, 99),
        (STATES["completed"], 0, 100),
        (STATES["failed"], 100, 0),
    ],
)
def test_progress_follows_time_and_is_100_only_once_completed(video: Video, seconds: int, progress: int) -> None:
    assert video.progress(NOW + seconds) == progress


def test_the_age_of_a_task_counts_from_its_acceptance_or_from_the_submission_in_doubt() -> None:
    assert running().task_age(NOW + 7) == 7
    assert submitting().task_age(NOW + 7) == 7
    assert queued().task_age(NOW + 7) == 0


def test_the_pool_is_named_after_region_and_model() -> None:
    assert (
        queued(request=request(region=Region.BEIJING, model="wan2.5-t2v-preview")).pool == "beijing#wan2.5-t2v-preview"
    )


def test_an_id_depends_on_owner_and_key_and_reveals_neither() -> None:
    assert video_id("alice", "key") == video_id("alice", "key")
    assert (
        len({video_id("alice", "key"), video_id("bob", "key"), video_id("alice", "key2"), video_id("alicek", "ey")})
        == 4
    )
    assert video_id("alice", "key").startswith("video_")
    assert "alice" not in video_id("alice", "key")


def test_the_queue_is_ordered_by_priority_and_then_by_time() -> None:
    keys = [
        queue_key(INTERACTIVE, 1.001, "video_b"),
        queue_key(INTERACTIVE, 1.002, "video_a"),
        queue_key(INTERACTIVE, 99_999_999_999, "video_a"),
        queue_key(BATCH, 0, "video_a"),
    ]
    assert keys == sorted(keys)


# --- the two things that must never happen ---------------------------------------------------------------------------


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=25))
def test_no_sequence_of_steps_submits_again_while_a_task_may_exist_or_changes_a_final_state(steps: list[str]) -> None:
    video = queued()
    for name in steps:
        try:
            after = STEPS[name](video)
        except InvalidTransition:
            continue
        if name == "submitting":
            assert not video.in_doubt
            assert video.task is None
        if video.status.final:
            # Only an announcement and a search for a lost task are recorded.
            noted: dict[str, Any] = {"announced_at": None, "submission": None, "updated_at": 0}
            assert replace(after, **noted) == replace(video, **noted)
        if video.task is not None:
            assert after.task is not None
        if after.reservation is None and video.reservation is not None and video.in_doubt and after.status.final:
            assert after.spent_seconds == video.reservation.seconds
        video = after
