"""A video: its row, its statuses, and the transitions between them.

    queued -> starting -> in_progress -> completed | failed | cancelled | expired

Every transition returns a new `Video`, and raises InvalidTransition if the status does not allow it, so a service can
save only steps that this module allows. All times are Unix seconds of the stack's clock; all lengths of video are in
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from wan_video.domain.budget import Reservation, Usage, utc_day
from wan_video.domain.digests import id_digest
from wan_video.domain.models import AUTO_SECONDS, MODELS, pool_name
from wan_video.domain.names import imported_id
from wan_video.domain.price import Estimate
from wan_video.domain.queue import INTERACTIVE, queue_key
from wan_video.domain.request import VideoRequest
from wan_video.domain.submission import Submission, SubmissionState
from wan_video.domain.task import TASK_LIFE_SECONDS, Task, TaskStatus
from wan_video.domain.thumbnail import Thumbnail
from wan_video.domain.trouble import SUBMISSION_UNCERTAIN, TASK_CANCELED, TASK_EXPIRED, Condition, Failure, Trouble

if TYPE_CHECKING:
    from collections.abc import Collection


class Status(StrEnum):
    """The status of a video. Users see `starting` as `queued`."""

    QUEUED = "queued"
    STARTING = "starting"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether the status can no longer change."""
        return self in _FINAL

    @property
    def public(self) -> Status:
        """The status as users see it."""
        return Status.QUEUED if self is Status.STARTING else self


_FINAL: Final = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED})


class InvalidTransition(Exception):
    """Raised if the current state does not allow a step; the fault is in the code that calls it."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A finished video in S3; checksums are 16 lower-case hex digits."""

    bucket: str
    key: str
    bytes: int
    etag: str
    crc64nvme: str | None = None
    crc64xz: str | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """The row of one video. `version` counts its writes; `place` is the pool in which it holds a place.

    `base_url` is the base URL of Wan's API to which its task was submitted, or at which its task was last found. Older
    rows do not have it; their tasks are at the base URL that the stack uses now. `throttled_at` is when Wan answered
    its submission with 429; the next attempt clears it.
    """

    id: str
    owner: str
    request: VideoRequest
    body_hash: str
    queue_key: str
    estimate: Estimate
    created_at: int
    updated_at: int
    batch_id: str | None = None
    link_key: str = field(default="", repr=False)
    status: Status = Status.QUEUED
    version: int = 0
    execution: int = 0
    restarts: int = 0
    daily_seconds: int | None = None
    place: str | None = None
    reservation: Reservation | None = None
    spent_seconds: int = 0
    condition: Condition | None = None
    trouble: Trouble | None = None
    submission: Submission | None = None
    throttled_at: int | None = None
    base_url: str | None = None
    task: Task | None = None
    usage: Usage | None = None
    object: StoredObject | None = None
    error: Failure | None = None
    started_at: int | None = None
    ended_at: int | None = None
    announced_at: int | None = None
    thumbnail: Thumbnail | None = None

    @property
    def pool(self) -> str:
        """The pool in which this video needs a place: Wan's limits apply to a region and a model."""
        return pool_name(self.request.region, self.request.model)

    @property
    def row(self) -> int:
        """The number of the request in its prompt file; 0 for a request without a file."""
        return int(self.queue_key.split("#")[2])

    @property
    def open(self) -> bool:
        """Whether the video has left its queue, and the stack still has to end it or to announce its end."""
        return self.status is not Status.QUEUED and self.announced_at is None

    @property
    def watched(self) -> bool:
        """Whether the video ended without content, and its task, whose id is unknown, may still be found."""
        lost = self.in_doubt or (self.submission is not None and self.submission.resends > 0)
        closed = self.submission is None or self.submission.closed_at is not None
        return self.status.final and self.object is None and lost and not closed

    @property
    def attention(self) -> str | None:
        """The kind of repair that looks at the row from time to time; None while the video waits in its queue."""
        if self.announced_at is None:
            return "open" if self.open else None
        return "watched" if self.watched else "kept"

    @property
    def in_doubt(self) -> bool:
        """Whether a task that the row does not know may exist and be billed."""
        return self.task is None and self.submission is not None and self.submission.in_doubt

    @property
    def unknown_at_wan(self) -> bool:
        """Whether the video was imported while Wan was unavailable, and Wan has not confirmed its task since."""
        return self.task is not None and self.task.status == TaskStatus.UNKNOWN and not self.status.final

    @property
    def spent_price(self) -> Decimal:
        """The list price of what was or may have been spent; 0 if no price is known."""
        if self.usage is not None:
            return self.usage.price or Decimal(0)
        return (self.estimate.price or Decimal(0)) if self.spent_seconds else Decimal(0)

    @property
    def is_unpriced(self) -> bool:
        """Whether the price of what was or may have been spent is unknown."""
        return (self.usage.price if self.usage is not None else self.estimate.price) is None

    @property
    def beyond_estimate(self) -> int:
        """The seconds spent minus the seconds estimated (negative if less was spent); 0 if nothing was spent."""
        return self.spent_seconds - self.estimate.seconds if self.spent_seconds else 0

    @property
    def bill_differs(self) -> bool:
        """Whether the number of seconds that Wan states differs from the estimate.

        If the request leaves the length to the model, the estimate is the maximum, so only a higher number differs.
        """
        if self.usage is None:
            return False
        stated, estimated = self.usage.stated, self.estimate.seconds
        return stated > estimated if self.request.seconds == AUTO_SECONDS else stated != estimated

    @property
    def is_uncertain(self) -> bool:
        """Whether the row already records that the answer to the submission was lost."""
        return self.submission is not None and self.submission.state is SubmissionState.UNCERTAIN

    @property
    def is_absent(self) -> bool:
        """Whether it is proven that the submission in doubt created no task."""
        return self.submission is not None and self.submission.absent

    @property
    def candidates(self) -> frozenset[str]:
        """The ids of tasks that may be that of the submission in doubt, and that may as well belong to others."""
        return self.submission.candidates if self.submission is not None else frozenset()

    def task_age(self, now: int) -> int:
        """Return the seconds since the task was accepted, or since the submission that may have created it.

        The age is 0 if there is no task and no submission.
        """
        if self.task is not None:
            return now - self.task.accepted_at
        return now - self.submission.started_at if self.submission is not None else 0

    def may_still_come(self, now: int) -> bool:
        """Return whether a task that exists, or may exist, can still make the video, which then must not be ended."""
        lives = (self.task is not None or self.in_doubt) and self.task_age(now) <= TASK_LIFE_SECONDS
        return lives and self.error is None and not self.status.final

    def progress(self, now: float) -> int:
        """Return the progress in percent, estimated from the elapsed time and the usual duration of the model.

        It is 100 only if the video is completed.
        """
        if self.status is Status.COMPLETED:
            return 100
        if self.task is None or self.status.final or self.unknown_at_wan:
            return 0
        return max(1, min(99, int(100 * (now - self.task.accepted_at) / MODELS[self.request.model].usual_seconds)))

    # --- from the queue to Wan ---------------------------------------------------------------------------------------

    def start(self, now: int, reservation: Reservation) -> Video:
        """Take a place and a reservation; the execution `{id}-1` can then begin."""
        self._expect(Status.QUEUED)
        return replace(
            self,
            status=Status.STARTING,
            place=self.pool,
            reservation=reservation,
            execution=1,
            started_at=now,
            updated_at=now,
        )

    def submitting(self, now: int, base_url: str | None = None) -> Video:
        """Record the intent to submit to `base_url`; the next step may create a billable task."""
        self._expect(Status.STARTING, Status.IN_PROGRESS)
        if self.task is not None or self.in_doubt:
            raise InvalidTransition(f"{self.id} has been submitted, or may have been")
        submission = Submission.after(self.submission, now)
        return replace(
            self,
            status=Status.IN_PROGRESS,
            submission=submission,
            throttled_at=None,
            base_url=base_url,
            updated_at=now,
        )

    def not_submitted(self, now: int, *, throttled: bool = False) -> Video:
        """Withdraw the intent: it is certain that no task was created, so another attempt is safe.

        If Wan answered 429 (`throttled`), the row makes `sweep` read Wan's quotas.
        """
        return replace(self._submission(now, None), condition=None, throttled_at=now if throttled else None)

    def submission_uncertain(self, now: int) -> Video:
        """Record that the answer to the submission was lost; the intent stays open."""
        condition = Condition(
            SUBMISSION_UNCERTAIN, "Wan's answer to the submission was lost; its task is looked for.", now
        )
        return replace(self._submission(now, SubmissionState.UNCERTAIN), condition=self.condition or condition)

    def scanned(self, began: int, *, empty: bool, grace: int, candidates: Collection[str] = ()) -> Video:
        """Record a complete read of Wan's list; `empty` says that no task in it can belong to this video.

        `candidates` are tasks that may belong to it, or to others.
        """
        scanned = self._doubt().scanned(began, empty=empty, grace=grace, candidates=candidates)
        condition = self.condition
        if condition is not None and scanned.candidates:
            names = ", ".join(sorted(scanned.candidates))
            condition = replace(
                condition, message=f"Wan's answer to the submission was lost; its task may be one of these: {names}."
            )
        elif condition is not None and scanned.absent:
            condition = replace(
                condition, message="Wan's answer to the submission was lost, and Wan lists no task of it."
            )
        return replace(self, submission=scanned, condition=condition, updated_at=began)

    def resent(self, now: int) -> Video:
        """Withdraw an intent that is proven to have created no task, so that another attempt is safe."""
        doubt = self._doubt()
        if not doubt.resendable:
            raise InvalidTransition(f"{self.id} was not proven absent, or was sent too often")
        return replace(self, submission=doubt.resent(), condition=None, updated_at=now)

    def without_place(self, now: int) -> Video:
        """Free the place of an uncertain submission; its seconds stay reserved.

        Returns the same video if it holds no place.
        """
        return self if self.place is None else replace(self, place=None, updated_at=now)

    def unresolved(self, now: int, error: Failure) -> Video:
        """Stop waiting for an uncertain submission; `report_failure` ends the video, and its seconds count as spent."""
        return replace(self._submission(now, SubmissionState.UNCERTAIN), error=error)

    def refused(self, now: int, error: Failure) -> Video:
        """Release the place and the reservation, because no task was or will be created; `report_failure` ends it."""
        self._expect(Status.STARTING, Status.IN_PROGRESS)
        if self.task is not None:
            raise InvalidTransition(f"{self.id} has a task")
        submission = replace(self.submission, state=SubmissionState.REFUSED) if self.submission is not None else None
        return replace(self._released(error=error, spent=0), submission=submission, updated_at=now)

    def submitted(self, now: int, task: Task, base_url: str | None = None) -> Video:
        """Record the task, whose id is now known; `base_url` is where it was found, if it had to be searched for."""
        video = self._submission(now, SubmissionState.SUBMITTED)
        return replace(video, task=task, base_url=base_url or self.base_url, condition=None)

    # --- while Wan works ---------------------------------------------------------------------------------------------

    def task_seen(self, now: int, task: Task, execution: int, base_url: str | None = None) -> Video:
        """Record what a poll has seen, and in which execution; return the same video if nothing has changed.

        `base_url` is where the task was found; later polls use it.
        """
        self._expect_task()
        seen = replace(
            self,
            status=Status.IN_PROGRESS,
            task=task,
            base_url=base_url or self.base_url,
            execution=max(execution, self.execution),
            trouble=None,
            condition=None,
        )
        return self if seen == self else replace(seen, updated_at=now)

    def poll_failed(self, now: int, execution: int, condition: Condition) -> Video:
        """Record a poll without a usable answer; `condition` is shown if the problem lasts."""
        self._expect_task()
        troubled = self._troubled(now, self.trouble, condition)
        return replace(troubled, status=Status.IN_PROGRESS, execution=max(execution, self.execution))

    def task_succeeded(self, now: int, usage: Usage) -> Video:
        """Release the place and settle the reservation of a task that succeeded and is billed; `deliver` is next."""
        self._expect(Status.IN_PROGRESS)
        return replace(self._released(usage=usage, spent=usage.seconds), updated_at=now)

    def task_ended(self, now: int, error: Failure) -> Video:
        """Record that the task has ended without a video and is not billed; `report_failure` comes next."""
        self._expect(Status.IN_PROGRESS)
        return replace(self._released(error=error, spent=0), updated_at=now)

    def undeliverable(self, now: int, error: Failure) -> Video:
        """Record that the task has ended and its video, if one was made and billed, can no longer be fetched.

        `report_failure` comes next.
        """
        self._expect_task()
        return replace(self, error=error, updated_at=now)

    def delivery_failed(self, now: int, condition: Condition) -> Video:
        """Record a copy that failed; `condition` is shown if the problem lasts."""
        self._expect(Status.IN_PROGRESS)
        known = self.trouble if self.trouble is not None and self.trouble.code == condition.code else None
        return self._troubled(now, known, condition)

    # --- the end -----------------------------------------------------------------------------------------------------

    def completed(self, now: int, stored: StoredObject) -> Video:
        """Record that the video is stored in S3 and can be read."""
        self._expect(Status.IN_PROGRESS)
        return replace(
            self,
            status=Status.COMPLETED,
            object=stored,
            condition=None,
            trouble=None,
            error=None,
            ended_at=now,
            updated_at=now,
        )

    def ended(self, now: int, error: Failure) -> Video:
        """End the video without content. What may have been billed counts as spent; the rest is released."""
        if self.status.final:
            raise InvalidTransition(f"{self.id} is {self.status} already")
        # If the reservation is still held, no poll has seen how the task ended.
        may_be_billed = self.task is not None or self.in_doubt
        spent = self.reservation.seconds if self.reservation is not None and may_be_billed else self.spent_seconds
        video = self._released(error=error, spent=spent)
        return replace(video, status=final_status(error), condition=None, ended_at=now, updated_at=now)

    def cancelled(self, now: int) -> Video:
        """End the video before anything is paid; only a queued video can be cancelled."""
        self._expect(Status.QUEUED)
        return replace(self, status=Status.CANCELLED, ended_at=now, updated_at=now)

    def announced(self, now: int) -> Video:
        """Record that the final notice has been published."""
        if not self.status.final:
            raise InvalidTransition(f"{self.id} is {self.status}: there is nothing final to announce")
        return replace(self, announced_at=now, updated_at=now)

    def with_thumbnail(self, now: int, thumbnail: Thumbnail) -> Video:
        """Record the thumbnail of a completed video, or that none can be made.

        The notice must have been published: a worker that has published it could not record that after this write.
        """
        self._expect(Status.COMPLETED)
        if self.announced_at is None:
            raise InvalidTransition(f"{self.id} has not been announced")
        return replace(self, thumbnail=thumbnail, updated_at=now)

    # --- repair ------------------------------------------------------------------------------------------------------

    def restarted(self, now: int, execution: int) -> Video:
        """Record the execution that continues after one that failed."""
        self._expect(Status.STARTING, Status.IN_PROGRESS)
        return replace(self, execution=execution, restarts=self.restarts + 1, updated_at=now)

    def rescued(self, now: int, task_id: str, base_url: str | None = None) -> Video:
        """Return a new video for a task that was found after the end of this video, because an end is final.

        It reserves the seconds that the task may be billed, unless they count as spent already, because this video
        ended while nothing was known of its task. `base_url` is where the task was found.
        """
        new_id = imported_id(self.owner, self.request.region, task_id)
        is_spent = self.task is None and self.spent_seconds > 0
        return Video(
            id=new_id,
            owner=self.owner,
            request=self.request,
            body_hash=new_id,
            queue_key=queue_key(INTERACTIVE, now, new_id),
            estimate=self.estimate,
            created_at=now,
            updated_at=now,
            link_key=id_digest(self.link_key, new_id),
            status=Status.STARTING,
            execution=1,
            base_url=base_url or self.base_url,
            task=Task(id=task_id, accepted_at=self.submission.started_at if self.submission is not None else now),
            started_at=now,
            reservation=None if is_spent else Reservation(utc_day(now), self.request.most_seconds),
        )

    def looked_for(self, began: int, *, empty: bool, candidates: Collection[str] = ()) -> Video:
        """Record a search for the lost task of an ended video that did not find it."""
        if self.submission is None or not self.watched:
            raise InvalidTransition(f"{self.id} has nothing that could be looked for")
        scanned = self.submission.scanned(began, empty=empty, grace=0, candidates=candidates)
        return replace(self, submission=scanned, updated_at=began)

    def closed(self, now: int) -> Video:
        """End the search for lost tasks of an ended video."""
        if self.submission is None or not self.status.final:
            raise InvalidTransition(f"{self.id} is {self.status}: nothing is looked for that can be closed")
        return replace(self, submission=replace(self.submission, closed_at=now), updated_at=now)

    def _expect(self, *statuses: Status) -> None:
        if self.status not in statuses:
            raise InvalidTransition(f"{self.id} is {self.status}, not {' or '.join(statuses)}")

    def _expect_task(self) -> None:
        """Raise InvalidTransition unless the video is in progress, or was adopted with a task and is about to be."""
        if self.task is None or self.status is not Status.STARTING:
            self._expect(Status.IN_PROGRESS)

    def _submission(self, now: int, state: SubmissionState | None) -> Video:
        return replace(self, submission=replace(self._doubt(), state=state), updated_at=now)

    def _doubt(self) -> Submission:
        self._expect(Status.IN_PROGRESS)
        if self.submission is None or not self.in_doubt:
            raise InvalidTransition(f"{self.id} has no submission whose outcome is open")
        return self.submission

    def _troubled(self, now: int, known: Trouble | None, condition: Condition) -> Video:
        trouble = replace(known, sightings=known.sightings + 1) if known else Trouble(condition.code, now)
        shown = self.condition or (condition if trouble.lasts(now) else None)
        return replace(self, trouble=trouble, condition=shown, updated_at=now)

    def _released(self, *, spent: int, usage: Usage | None = None, error: Failure | None = None) -> Video:
        return replace(
            self,
            place=None,
            reservation=None,
            spent_seconds=spent,
            usage=usage or self.usage,
            error=error or self.error,
        )


def final_status(error: Failure) -> Status:
    """Return the final status to which an error leads."""
    return {TASK_EXPIRED: Status.EXPIRED, TASK_CANCELED: Status.CANCELLED}.get(error.code, Status.FAILED)
