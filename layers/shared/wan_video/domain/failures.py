"""The failures and conditions that users see: code, message, stage, and whether a retry may help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wan_video.domain.models import Region
from wan_video.domain.task import TaskStatus
from wan_video.domain.trouble import SUBMISSION_UNCERTAIN, TASK_CANCELED, TASK_EXPIRED, Condition, Failure
from wan_video.errors import ImageRefused, WanRefused, WanUnauthorized

if TYPE_CHECKING:
    from collections.abc import Collection

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
"""Wan's codes for which its own documentation says "try again later" (Model Studio, "Error codes")."""

SERVER_MAY_RECOVER: Final = frozenset(
    {"InvalidURL.Timeout", "InvalidURL.ConnectionRefused", "GatewayTimeout.InputDownload"}
)
"""Wan's codes for a server of the caller that did not answer Wan in time; the file that it serves may be good."""

ENDPOINT_DENIED: Final = "Endpoint.AccessDenied"
"""Wan's code for the wrong host of a workspace, and for a model that was retired."""

_DOWNLOAD_TIMED_OUT: Final = "Download the media resource timed out"
"""The beginning of Wan's message for the same fault if the code is `InvalidParameter`, which has other causes too."""


def retry_may_help(code: str, message: str = "") -> bool:
    """Return whether the same request may succeed later, according to Wan's documentation or to the kind of fault.

    A file of the wrong format, size, ratio or length stays wrong, so a retry helps with no other fault of a file.
    """
    if code in RETRY_LATER or code in SERVER_MAY_RECOVER or code.startswith("Throttling"):
        return True
    return code.startswith("InvalidParameter") and message.startswith(_DOWNLOAD_TIMED_OUT)


def submission_refused(error: WanRefused, region: Region) -> Failure:
    """Return the failure of a submission that Wan refused; nothing is billed."""
    message = error.message
    if isinstance(error, WanUnauthorized):
        message = (
            f"Wan refused the API key for region {region}: {message} Check that region's key in the stack's secret."
        )
    if error.code == ENDPOINT_DENIED:
        message = f"{message} Check WanWorkspaceId, or choose another model: Wan may have retired this one."
    return Failure(error.code, message, "submit", retry_may_help(error.code, error.message))


def never_submitted(code: str, reason: str) -> Failure:
    """Return the failure of a video that could not be submitted for a whole day; nothing is billed."""
    return Failure(code, f"The video could not be submitted for 24 hours: {reason}", "submit", retryable=True)


def image_refused(error: ImageRefused) -> Failure:
    """Return the failure of a video whose image is gone or cannot be used; nothing is billed."""
    return Failure(error.code, error.message, "submit", error.temporary)


def over_budget(limit: int) -> Failure:
    """Return the failure of an accepted video that no longer fits, because the daily budget was lowered."""
    return Failure(
        "budget_exceeded",
        f"The video is longer than the daily budget, which has been lowered to {limit} seconds.",
        "dispatch",
        True,
    )


def submission_unresolved(*, absent: bool = False, candidates: Collection[str] = ()) -> Failure:
    """Return the failure of a submission that stayed uncertain for as long as Wan keeps a task.

    `absent` says that Wan's list had no task for it; `candidates` are the ids of tasks that may be its own.
    """
    found = "Wan's list has no task for it, so most likely nothing was billed" if absent else "its task was not found"
    if candidates:
        found = f"its task may be one of these, which Wan's answers do not distinguish: {', '.join(sorted(candidates))}"
    message = f"Wan's answer to the submission was lost; {found}. The video may have been billed once."
    return Failure(SUBMISSION_UNCERTAIN, message, "submit", retryable=False)


def task_ended(status: str, code: str | None, message: str | None) -> Failure:
    """Return the failure of a task that ended without a video; nothing is billed."""
    if status == TaskStatus.CANCELED:
        return Failure(TASK_CANCELED, message or "The task was cancelled at Wan.", "poll", retryable=True)
    code = code or "task_failed"
    return Failure(code, message or "Wan gave no reason.", "poll", retry_may_help(code, message or ""))


def never_known() -> Failure:
    """Return the failure of a cancelled import whose task does not exist, according to Wan; nothing is billed."""
    return Failure(TASK_CANCELED, "Wan has no task with this id.", "api", retryable=False)


def task_expired() -> Failure:
    """Return the failure of a task that is older than Wan keeps tasks, and that no poll saw succeed."""
    return Failure(
        TASK_EXPIRED, "Wan did not finish the task within the 24 hours for which it keeps tasks.", "poll", True
    )


def result_missing() -> Failure:
    """Return the failure of a task that succeeded, although Wan never returned a link to its video."""
    return Failure("result_missing", "Wan reported success but returned no link for 24 hours.", "poll", retryable=True)


def not_delivered(reason: str) -> Failure:
    """Return the failure of a video that was generated, but whose link expired before it could be stored."""
    return Failure(
        "delivery_failed", f"The video could not be stored before its link expired: {reason}.", "deliver", True
    )


def unreported(stage: str) -> Failure:
    """Return the failure of an execution that ended without reporting a reason."""
    return Failure(
        "internal_error", "An internal error stopped the video; the stack's alarms and logs say more.", stage, True
    )


def poll_trouble(code: str, now: int) -> Condition:
    """Return the condition of a video while polls do not return the state of its task."""
    messages = {
        "task_unknown": "Wan does not know the task, although it is less than 24 hours old; polling continues.",
        "result_missing": "Wan reports success but returns no link to the video; polling continues.",
    }
    return Condition(code, messages.get(code, "Wan does not answer polls of the task; polling continues."), now)


def delivery_delayed(now: int) -> Condition:
    """Return the condition of a video whose copy has failed so far and is tried again."""
    return Condition("delivery_delayed", "The video is generated, but storing it takes longer than usual.", now)
