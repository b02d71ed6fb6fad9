"""Every error of Wan Video that has a name.

    WanVideoError
    ├── InvalidRequest           the caller asked for something that cannot be; says what would be right
    ├── IdempotencyKeyReused     the same key came with another body
    ├── VideoNotFound            no such video, or not the caller's
    │   └── VideoDeleted         it was deleted, and its id is still taken
    ├── ModelNotFound            the stack's regions offer no model of this name
    ├── VideoNotReady            it has no content yet
    ├── VideoNotCancellable      it is being submitted, Wan has begun it, or it has ended
    ├── VideoNotDeletable        it has not ended yet
    ├── VideoNotRetryable        likewise
    ├── VideoGone                it ended without content, or the content was deleted
    ├── BatchNotFound            no such batch, or not the caller's
    ├── BatchNotCancellable      it has ended, or all of its requests have
    ├── BatchNotRetryable        it has not ended yet, or nothing of it failed
    ├── Unauthorized             no such token
    ├── Forbidden                the token lacks the scope
    ├── BudgetExceeded           could never fit a limit on money
    ├── PromptFileRefused        a prompt file cannot be read as a whole
    ├── PromptFileGone           it was deleted before it was read
    ├── PromptFileChanged        it was replaced before it was read
    ├── StoreError
    │   ├── VideoExists          a row with this id is there already
    │   ├── VideoChanged         another writer was first; read again and decide anew
    │   ├── BatchExists          a batch with this id is there already
    │   ├── BatchChanged         another writer was first; read again and decide anew
    │   ├── BatchNotInProgress   no row of the batch may start any more
    │   ├── TaskClaimed          a Wan task belongs to another video already
    │   ├── NoPlace              the pool is full
    │   └── OverBudget           today's budget has no room for it
    ├── WanError
    │   ├── WanRefused           a definite no: nothing was accepted, nothing will be billed
    │   │   └── WanUnauthorized  the API key is missing, wrong, or another region's
    │   ├── WanThrottled         a definite "not now"
    │   ├── WanUnreachable       no byte of the request was sent
    │   ├── WanUncertain         the answer was lost: the task may exist
    │   └── WanUnavailable       a question (never a submission) went unanswered
    └── DeliveryInterrupted      the video could not be copied this time

The state machine matches these class names in its Retry and Catch fields, so a name is part of the interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PROBLEMS: Final = 20
"""At most so many problems of one request are reported; the last of them counts those that are left out."""

MAX_QUOTED: Final = 100
"""Messages quote at most so many characters of what a caller has sent."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a request: a JSON pointer to the field, and what would be right."""

    pointer: str
    detail: str

    @property
    def name(self) -> str:
        """The field that the pointer leads into; empty for the whole request."""
        return self.pointer[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")


def pointer(*parts: int | str) -> str:
    """Return the JSON pointer (RFC 6901) to what lies at `parts`; without any, to the whole request."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def shortened(text: str) -> str:
    """Return what a message quotes of a text that may have any length."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def quoted(value: object) -> str:
    """Return a value as a message shows it: in quotes where it is text, and not at any length."""
    return repr(shortened(value) if isinstance(value, str) else value)


class WanVideoError(Exception):
    """Base of every named error; `code` is the short machine-readable name shown to users."""

    code = "internal_error"


class InvalidRequest(WanVideoError):
    """Raised when a request cannot be carried out as asked; holds up to MAX_PROBLEMS problems, not only the first."""

    code = "invalid_request"

    def __init__(self, problems: Sequence[Problem]) -> None:
        rest = len(problems) - MAX_PROBLEMS
        if rest > 0:
            problems = [*problems[: MAX_PROBLEMS - 1], Problem("", f"There are {rest + 1} more problems.")]
        super().__init__(" ".join(problem.detail for problem in problems))
        self.problems = tuple(problems)


class IdempotencyKeyReused(WanVideoError):
    """Raised when an Idempotency-Key comes again with another body."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another request body; use a new key for a new request.")


class VideoNotFound(WanVideoError):
    """Raised when no video of the caller has this id."""

    code = "video_not_found"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"There is no video {video_id!r}.")
        self.video_id = video_id


class VideoDeleted(VideoNotFound):
    """Raised when a video was deleted: its id stays taken, so that a repeated request does not pay again."""

    def __init__(self, video_id: str, owner: str, created_at: int) -> None:
        super().__init__(video_id)
        self.owner = owner
        self.created_at = created_at


class VideoNotCancellable(WanVideoError):
    """Raised when a video cannot be cancelled: it is being submitted, Wan has begun it, or it has ended."""

    code = "video_not_cancellable"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(f"Video {video_id!r} is {status}; only a video that waits, here or at Wan, can be cancelled.")
        self.video_id = video_id
        self.status = status


class VideoNotDeletable(WanVideoError):
    """Raised when a video is to be deleted that has not ended yet."""

    code = "video_not_deletable"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(f"Video {video_id!r} is {status}; it can be deleted once it has ended and its notice is out.")
        self.video_id = video_id
        self.status = status


class VideoNotRetryable(WanVideoError):
    """Raised when a video is to be made again that has not ended yet."""

    code = "video_not_retryable"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(f"Video {video_id!r} is {status}; it can be made again once it has ended.")
        self.video_id = video_id
        self.status = status


class ModelNotFound(WanVideoError):
    """Raised when the stack's regions offer no model of this name."""

    code = "model_not_found"

    def __init__(self, name: str, names: Sequence[str]) -> None:
        super().__init__(f"There is no model {name!r}; there are {', '.join(names)}.")
        self.name = name


class VideoNotReady(WanVideoError):
    """Raised when the content of a video is asked for before it is completed."""

    code = "video_not_ready"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(f"Video {video_id!r} is {status}; its content can be read once it is completed.")
        self.video_id = video_id
        self.status = status


class VideoGone(WanVideoError):
    """Raised when the content of a video is asked for and there will never be any."""

    code = "video_gone"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(f"Video {video_id!r} is {status}; it has no content.")
        self.video_id = video_id
        self.status = status


class BatchNotFound(WanVideoError):
    """Raised when no batch of the caller has this id."""

    code = "batch_not_found"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"There is no batch {batch_id!r}.")
        self.batch_id = batch_id


class BatchNotCancellable(WanVideoError):
    """Raised when a batch is to be cancelled of which nothing waits any more."""

    code = "batch_not_cancellable"

    def __init__(self, batch_id: str, status: str) -> None:
        super().__init__(f"Batch {batch_id!r} is {status}; nothing of it is left to cancel.")
        self.batch_id = batch_id
        self.status = status


class BatchNotRetryable(WanVideoError):
    """Raised when the failures of a batch are to be made again that has not ended, or has none."""

    code = "batch_not_retryable"

    def __init__(self, batch_id: str, status: str) -> None:
        super().__init__(f"Batch {batch_id!r} is {status}; its failures can be made again once it has ended with some.")
        self.batch_id = batch_id
        self.status = status


class Unauthorized(WanVideoError):
    """Raised when a bearer token is unknown, malformed or revoked."""

    code = "unauthorized"


class Forbidden(WanVideoError):
    """Raised when a token is good but lacks the scope an operation needs."""

    code = "forbidden"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This token lacks the scope {scope!r}.")
        self.scope = scope


class BudgetExceeded(WanVideoError):
    """Raised when a request could never fit `max_price` or a daily budget."""

    code = "budget_exceeded"


class PromptFileRefused(WanVideoError):
    """Raised when a prompt file cannot be read as a whole; says what would be right."""

    code = "file_refused"


class PromptFileGone(WanVideoError):
    """Raised when a prompt file was deleted before it was read."""

    code = "file_gone"


class PromptFileChanged(WanVideoError):
    """Raised when a prompt file was replaced before it was read."""

    code = "file_changed"


class StoreError(WanVideoError):
    """Base of the ways a conditional write can be refused."""


class VideoExists(StoreError):
    """Raised when a row with this id is there already."""

    def __init__(self, video_id: str) -> None:
        super().__init__(video_id)
        self.video_id = video_id


class VideoChanged(StoreError):
    """Raised when a row is no longer as it was read."""

    code = "video_changed"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"Video {video_id!r} was changed by somebody else at the same moment; try again.")
        self.video_id = video_id


class BatchExists(StoreError):
    """Raised when a batch with this id is there already."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id


class BatchChanged(StoreError):
    """Raised when a batch is no longer as it was read."""

    code = "batch_changed"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"Batch {batch_id!r} was changed by somebody else at the same moment; try again.")
        self.batch_id = batch_id


class BatchNotInProgress(StoreError):
    """Raised when a row is to start whose batch was cancelled, or has no record any more."""

    code = "batch_not_in_progress"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"Batch {batch_id!r} is not in progress: none of its rows starts any more.")
        self.batch_id = batch_id


class TaskClaimed(StoreError):
    """Raised when a Wan task belongs to another video already."""

    code = "task_claimed"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"The task {task_id!r} belongs to another video already.")
        self.task_id = task_id


class TooManyUnknownTasks(StoreError):
    """Raised when an owner has imported as many tasks as may be polled without Wan having confirmed them."""

    code = "too_many_unknown_tasks"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"Wan cannot be asked right now, and you have {most} imported tasks that Wan has not confirmed. "
            "Try again later, or cancel one of those."
        )
        self.most = most


class NoPlace(StoreError):
    """Raised when every place of a pool is taken."""

    def __init__(self, pool: str) -> None:
        super().__init__(pool)
        self.pool = pool


class OverBudget(StoreError):
    """Raised when a day's budget has no room for a video."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class WanError(WanVideoError):
    """Base of everything that can go wrong in talking to Wan; `code` is Wan's own where it gave one."""

    def __init__(self, code: str, message: str, *, status: int = 0, request_id: str | None = None) -> None:
        # The code alone is the error's text: Step Functions keeps that, and Wan's message may quote a prompt.
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id


class WanRefused(WanError):
    """Raised when Wan definitely refused: a 4xx answer with a code. Sending the same again would be refused again."""


class WanUnauthorized(WanRefused):
    """Raised when the API key is missing, wrong, or belongs to another region."""


class WanThrottled(WanError):
    """Raised when Wan said "not now" (429, or a 503 with a throttle code): nothing was accepted, try again later."""


class WanUnreachable(WanError):
    """Raised when no connection could be made, so that no byte of the request was sent."""


class WanUncertain(WanError):
    """Raised when a submission got no clear answer: the task may exist and may be billed."""


class WanUnavailable(WanError):
    """Raised when a query got no usable answer; asking again is free."""


class DeliveryInterrupted(WanVideoError):
    """Raised when a video could not be copied this time; `code` says why, and nothing half-written is left behind."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
