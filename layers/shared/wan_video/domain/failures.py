"""How each way of failing is told to users: code, message, where it was found, and whether trying again may help."""

from __future__ import annotations

from typing import Final

from wan_video.domain.models import Region
from wan_video.domain.task import TaskStatus
from wan_video.domain.trouble import SUBMISSION_UNCERTAIN, TASK_CANCELED, TASK_EXPIRED, Condition, Failure
from wan_video.errors import WanRefused, WanUnauthorized

RETRY_LATER: Final = frozenset(
    {
        "InternalError",
        "InternalError.Algo",
        "InternalError.Upload",
        "InternalError.FileUpload",
        "SystemError",
        "ModelServiceFailed",
        "RewriteFailed",
        "RequestTimeOut",
        "ModelServingError",
        "ModelUnavailable",
    }
)
"""Wan's codes for which its own documentation says "try again later" (Model Studio, "Error messages")."""


def retry_may_help(code: str) -> bool:
    """Whether the same request may succeed another time, by Wan's own words."""
    return code in RETRY_LATER or code.startswith("Throttling")


def submission_refused(error: WanRefused, region: Region) -> Failure:
    """Wan refused the submission: nothing was accepted, nothing is billed."""
    message = error.message
    if isinstance(error, WanUnauthorized):
        message = (
            f"Wan refused the API key for region {region}: {message} Check that region's key in the stack's secret."
        )
    return Failure(error.code, message, "submit", retry_may_help(error.code))


def never_submitted(code: str, reason: str) -> Failure:
    """Nobody could submit it for a whole day: nothing was accepted, nothing is billed."""
    return Failure(code, f"It could not be submitted for 24 hours: {reason}", "submit", retryable=True)


def over_budget(limit: int) -> Failure:
    """The daily budget has become smaller than the video since it was accepted."""
    return Failure("budget_exceeded", f"It never fits the {limit} seconds a day that are left.", "dispatch", True)


def submission_unresolved(*, absent: bool = False) -> Failure:
    """The submission stayed uncertain for as long as a task lives; `absent` where Wan listed no task of it."""
    found = "Wan listed no task of it, so most likely nothing was billed" if absent else "its task was not found"
    message = f"Wan's answer to the submission was lost; {found}. It may have been billed once."
    return Failure(SUBMISSION_UNCERTAIN, message, "submit", retryable=False)


def task_ended(status: str, code: str | None, message: str | None) -> Failure:
    """The task is over without a video: nothing is billed."""
    if status == TaskStatus.CANCELED:
        return Failure(TASK_CANCELED, message or "The task was cancelled at Wan.", "poll", retryable=True)
    code = code or "task_failed"
    return Failure(code, message or "Wan gave no reason.", "poll", retry_may_help(code))


def never_known() -> Failure:
    """An imported task was given up, of which Wan says that it does not exist: nothing is billed."""
    return Failure(TASK_CANCELED, "Wan knows no task of this id.", "api", retryable=False)


def task_expired() -> Failure:
    """The task is older than Wan keeps tasks, and was never seen to succeed."""
    return Failure(TASK_EXPIRED, "Wan did not finish this task within the 24 hours it keeps one.", "poll", True)


def result_missing() -> Failure:
    """The task succeeded, but Wan never gave a link to the video."""
    return Failure("result_missing", "Wan reported success but gave no link for 24 hours.", "poll", retryable=True)


def not_delivered(reason: str) -> Failure:
    """The video was made, but its link ended before it could be stored."""
    return Failure(
        "delivery_failed", f"The video could not be stored before its link expired: {reason}.", "deliver", True
    )


def unreported(stage: str) -> Failure:
    """The execution ended without anyone saying why."""
    return Failure("internal_error", "The video could not be carried to its end; the alarm says more.", stage, True)


def poll_trouble(code: str, now: int) -> Condition:
    """Wan tells nothing about a task that may well be at work."""
    messages = {
        "task_unknown": "Wan does not know the task, although it is less than 24 hours old; asking goes on.",
        "result_missing": "Wan reports success but gives no link to the video; asking goes on.",
    }
    return Condition(code, messages.get(code, "Wan cannot be asked about the task; asking goes on."), now)


def delivery_delayed(now: int) -> Condition:
    """Copying the video has failed so far and goes on."""
    return Condition("delivery_delayed", "The video is made; storing it takes longer than usual.", now)
