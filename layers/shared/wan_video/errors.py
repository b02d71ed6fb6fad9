"""All named errors of Wan Video.

    WanVideoError
    ├── InvalidRequest           the request is not valid; the error lists what would be right
    ├── IdempotencyKeyReused     the key was already used with a different body
    ├── VideoNotFound            no such video, or it belongs to another owner
    │   └── VideoDeleted         the video was deleted, and its id is still reserved
    ├── ModelNotFound            the stack's regions do not offer a model with this name
    ├── VideoNotReady            the video has no content yet
    ├── ThumbnailNotReady        the thumbnail of the video is not there yet
    ├── ThumbnailNotFound        the video has no thumbnail and will get none
    ├── ThumbnailImpossible      no picture can be made of the video
    ├── VideoNotAnnounced        the row does not say yet that the notice was published
    ├── VideoNotCancellable      the video is being submitted, Wan has started it, or it has ended
    ├── VideoNotDeletable        the video has not ended yet
    ├── VideoNotRetryable        the video has not ended yet
    ├── VideoGone                the video ended without content, or its content was deleted
    ├── InputNotFound            no such input, or it belongs to another owner
    ├── ImageUnavailable         an image could not be read from its URL
    ├── ImageRefused             an image cannot be sent to Wan; nothing was submitted
    ├── BatchNotFound            no such batch, or it belongs to another owner
    ├── BatchNotCancellable      the batch or all of its requests have ended
    ├── BatchNotRetryable        the batch has not ended yet, or has no failures
    ├── WebhookEndpointNotFound  no such endpoint, or it belongs to another owner
    ├── WebhookEndpointDisabled  the receiver wanted no more events, or the endpoint has no receiver
    ├── DeliveryNotFound         the endpoint has no such delivery
    ├── Unauthorized             the token does not exist
    ├── Forbidden                the token does not have the required scope
    ├── BudgetExceeded           the request can never fit a limit on money
    ├── PromptFileRefused        a prompt file as a whole cannot be read
    ├── PromptFileGone           the prompt file was deleted before it was read
    ├── PromptFileChanged        the prompt file was replaced before it was read
    ├── StoreError
    │   ├── VideoExists          a row with this id already exists
    │   ├── VideoChanged         another writer changed the row; read it and decide again
    │   ├── BatchExists          a batch with this id already exists
    │   ├── BatchChanged         another writer changed the batch; read it and decide again
    │   ├── BatchNotInProgress   no further row of the batch may start
    │   ├── EndpointExists           a webhook endpoint with this id already exists
    │   ├── TooManyEndpoints     the owner has as many webhook endpoints as an owner may have
    │   ├── CallbackSecretExists the owner already has an endpoint that signs callbacks
    │   ├── WebhookChanged       another writer changed an endpoint, a delivery or a lane
    │   ├── TaskClaimed          the Wan task belongs to another video
    │   ├── TooManyUnknownTasks  the owner has imported too many tasks that Wan has not confirmed
    │   ├── NoPlace              the pool is full
    │   └── OverBudget           today's budget has no room for the video
    ├── WanError
    │   ├── WanRefused           a definite no: nothing was accepted, nothing will be billed
    │   │   └── WanUnauthorized  the API key is missing, wrong, or for another region
    │   ├── WanThrottled         a definite "not now": nothing was accepted
    │   ├── WanUnreachable       no byte of the request was sent
    │   ├── WanUncertain         the answer to a submission was lost: the task may exist
    │   └── WanUnavailable       a query (never a submission) got no usable answer
    └── DeliveryInterrupted      the video could not be copied this time

The state machine matches these class names in its Retry and Catch fields, so the names are part of the interface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PROBLEMS: Final = 20
"""The most problems that are reported for one request; the last one then counts those that are left out."""

MAX_QUOTED: Final = 100
"""The most characters of a caller's text that a message quotes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request: a JSON pointer to the field, and what would be right."""

    pointer: str
    detail: str

    @property
    def name(self) -> str:
        """The name of the field that the pointer leads to; empty for the whole request."""
        return self.pointer[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")


def pointer(*parts: int | str) -> str:
    """Return the JSON pointer (RFC 6901) with these parts; without parts it points to the whole request."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def shortened(text: str) -> str:
    """Return at most MAX_QUOTED characters of a text, for use in a message."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."


def quoted(value: object) -> str:
    """Return a value as a message shows it: text is in quotes and shortened."""
    return repr(shortened(value) if isinstance(value, str) else value)


class WanVideoError(Exception):
    """Base of all named errors; `code` is the short machine-readable name that users see."""

    code = "internal_error"
    retry_after: float | None = None
    """The number of seconds after which the same request may succeed; None if that is not known."""


class InvalidRequest(WanVideoError):
    """Raised when a request is not valid; `problems` contains all problems, up to MAX_PROBLEMS."""

    code = "invalid_request"

    def __init__(self, problems: Sequence[Problem]) -> None:
        rest = len(problems) - MAX_PROBLEMS
        if rest > 0:
            problems = [*problems[: MAX_PROBLEMS - 1], Problem("", f"There are {rest + 1} more problems.")]
        super().__init__(" ".join(problem.detail for problem in problems))
        self.problems = tuple(problems)


class IdempotencyKeyReused(WanVideoError):
    """Raised when an Idempotency-Key is sent again with a different body."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was already used with a different request body; use a new key for a new request."
        )


class VideoNotFound(WanVideoError):
    """Raised when the caller has no video with this id."""

    code = "video_not_found"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"The video {video_id!r} does not exist.")
        self.video_id = video_id


class VideoDeleted(VideoNotFound):
    """Raised when a video was deleted; its id stays reserved, so that a repeated request does not pay again."""

    def __init__(self, video_id: str, owner: str, created_at: int) -> None:
        super().__init__(video_id)
        self.owner = owner
        self.created_at = created_at


class VideoNotCancellable(WanVideoError):
    """Raised when a video cannot be cancelled because it is being submitted, Wan has started it, or it has ended."""

    code = "video_not_cancellable"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(
            f"The video {video_id!r} is {status}; only a video that is waiting, here or at Wan, can be cancelled."
        )
        self.video_id = video_id
        self.status = status


class VideoNotDeletable(WanVideoError):
    """Raised when a video cannot be deleted because it has not ended yet."""

    code = "video_not_deletable"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(
            f"The video {video_id!r} is {status}; it can be deleted once it has ended and its notice has been sent."
        )
        self.video_id = video_id
        self.status = status


class VideoNotRetryable(WanVideoError):
    """Raised when a video cannot be retried because it has not ended yet."""

    code = "video_not_retryable"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(f"The video {video_id!r} is {status}; it can be retried once it has ended.")
        self.video_id = video_id
        self.status = status


class ModelNotFound(WanVideoError):
    """Raised when the stack's regions do not offer a model with this name."""

    code = "model_not_found"

    def __init__(self, name: str, names: Sequence[str], reason: str = "") -> None:
        super().__init__(reason or f"The model {name!r} does not exist; the models are {', '.join(names)}.")
        self.name = name


class VideoNotReady(WanVideoError):
    """Raised when the content of a video is requested before the video is completed."""

    code = "video_not_ready"

    def __init__(self, video_id: str, status: str, retry_after: float | None = None) -> None:
        super().__init__(f"The video {video_id!r} is {status}; its content is available once it is completed.")
        self.video_id = video_id
        self.status = status
        self.retry_after = retry_after


class ThumbnailNotReady(WanVideoError):
    """Raised when the thumbnail of a completed video is requested before it is made."""

    code = "thumbnail_not_ready"

    def __init__(self, video_id: str, retry_after: float | None = None) -> None:
        super().__init__(f"The thumbnail of the video {video_id!r} is being made; it is not there yet.")
        self.video_id = video_id
        self.retry_after = retry_after


class ThumbnailNotFound(WanVideoError):
    """Raised when the thumbnail of a completed video is requested that has none and will get none."""

    code = "thumbnail_not_found"

    def __init__(self, video_id: str, reason: str) -> None:
        super().__init__(f"The video {video_id!r} has no thumbnail: {reason}")
        self.video_id = video_id


class ThumbnailImpossible(WanVideoError):
    """Raised when no picture can be made of a video; `reason` says why in one word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class VideoNotAnnounced(WanVideoError):
    """Raised when the row of a video does not say yet that its notice was published."""

    def __init__(self, video_id: str) -> None:
        super().__init__(video_id)
        self.video_id = video_id


class VideoGone(WanVideoError):
    """Raised when the content of a video is requested that has no content and will never have any."""

    code = "video_gone"

    def __init__(self, video_id: str, status: str) -> None:
        super().__init__(f"The video {video_id!r} is {status}; it has no content.")
        self.video_id = video_id
        self.status = status


class InputNotFound(WanVideoError):
    """Raised when the caller has no input with this id, or nothing was uploaded to it."""

    code = "input_not_found"

    def __init__(self, input_id: str) -> None:
        super().__init__(
            f"The input {quoted(input_id)} does not exist: nothing was uploaded to it, or it is no longer kept."
        )
        self.input_id = input_id


class ImageUnavailable(WanVideoError):
    """Raised when an image cannot be read from its URL; the message does not contain the URL.

    `temporary` says whether the same URL may work later.
    """

    code = "image_unavailable"

    def __init__(self, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.temporary = temporary


class ImageRefused(WanVideoError):
    """Raised when an image of a request cannot be sent to Wan; nothing was submitted."""

    def __init__(self, code: str, message: str, *, temporary: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.temporary = temporary


class BatchNotFound(WanVideoError):
    """Raised when the caller has no batch with this id."""

    code = "batch_not_found"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"The batch {batch_id!r} does not exist.")
        self.batch_id = batch_id


class BatchNotCancellable(WanVideoError):
    """Raised when a batch cannot be cancelled because it, or all of its requests, have ended."""

    code = "batch_not_cancellable"

    def __init__(self, batch_id: str, status: str) -> None:
        super().__init__(f"The batch {batch_id!r} is {status}; it has no requests that can be cancelled.")
        self.batch_id = batch_id
        self.status = status


class BatchNotRetryable(WanVideoError):
    """Raised when the failures of a batch cannot be retried because it has not ended or has no failures."""

    code = "batch_not_retryable"

    def __init__(self, batch_id: str, status: str) -> None:
        super().__init__(
            f"The batch {batch_id!r} is {status}; it can be retried once it has ended, if any of its requests failed."
        )
        self.batch_id = batch_id
        self.status = status


class WebhookEndpointNotFound(WanVideoError):
    """Raised when the caller has no webhook endpoint with this id."""

    code = "webhook_endpoint_not_found"

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"The webhook endpoint {endpoint_id!r} does not exist.")
        self.endpoint_id = endpoint_id


class WebhookEndpointDisabled(WanVideoError):
    """Raised when an event is to be sent to an endpoint that receives none."""

    code = "webhook_endpoint_disabled"

    def __init__(self, endpoint_id: str, reason: str) -> None:
        super().__init__(f"The webhook endpoint {endpoint_id!r} receives no events: {reason}.")
        self.endpoint_id = endpoint_id


class DeliveryNotFound(WanVideoError):
    """Raised when a webhook endpoint has no delivery with this id, or no longer."""

    code = "delivery_not_found"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"The delivery {delivery_id!r} does not exist.")
        self.delivery_id = delivery_id


class Unauthorized(WanVideoError):
    """Raised when a bearer token is unknown, malformed or revoked."""

    code = "unauthorized"


class Forbidden(WanVideoError):
    """Raised when a token is valid but does not have the scope that an operation needs."""

    code = "forbidden"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This token does not have the scope {scope!r}, which this operation needs.")
        self.scope = scope


class BudgetExceeded(WanVideoError):
    """Raised when a request can never fit `max_price` or a daily budget."""

    code = "budget_exceeded"


class PromptFileRefused(WanVideoError):
    """Raised when a prompt file as a whole cannot be read; the message says what would be right."""

    code = "file_refused"


class PromptFileGone(WanVideoError):
    """Raised when a prompt file was deleted before it was read."""

    code = "file_gone"


class PromptFileChanged(WanVideoError):
    """Raised when a prompt file was replaced before it was read."""

    code = "file_changed"


class StoreError(WanVideoError):
    """Base of the errors that a conditional write can raise."""


class VideoExists(StoreError):
    """Raised when a row with this id already exists."""

    def __init__(self, video_id: str) -> None:
        super().__init__(video_id)
        self.video_id = video_id


class VideoChanged(StoreError):
    """Raised when a row has changed since it was read."""

    code = "video_changed"

    def __init__(self, video_id: str) -> None:
        super().__init__(f"The video {video_id!r} was changed by another request at the same time; try again.")
        self.video_id = video_id


class BatchExists(StoreError):
    """Raised when a batch with this id already exists."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id


class BatchChanged(StoreError):
    """Raised when a batch has changed since it was read."""

    code = "batch_changed"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"The batch {batch_id!r} was changed by another request at the same time; try again.")
        self.batch_id = batch_id


class BatchNotInProgress(StoreError):
    """Raised when a row cannot start because its batch was cancelled or no longer has a record."""

    code = "batch_not_in_progress"

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"The batch {batch_id!r} is not in progress, so its rows can no longer start.")
        self.batch_id = batch_id


class EndpointExists(StoreError):
    """Raised when a webhook endpoint with this id already exists."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(endpoint_id)
        self.endpoint_id = endpoint_id


class TooManyEndpoints(StoreError):
    """Raised when an owner has as many webhook endpoints as an owner may have."""

    code = "too_many_webhook_endpoints"

    def __init__(self, most: int) -> None:
        super().__init__(f"You already have {most} webhook endpoints, which is the limit; delete one of them first.")
        self.most = most


class CallbackSecretExists(StoreError):
    """Raised when an owner already has the endpoint whose secret signs callbacks."""

    code = "callback_secret_exists"

    def __init__(self) -> None:
        super().__init__("You already have an endpoint without a URL, whose secret signs callbacks; rotate that one.")


class WebhookChanged(StoreError):
    """Raised when an endpoint, a delivery or a lane has changed since it was read."""

    code = "webhook_changed"

    def __init__(self, name: str) -> None:
        super().__init__(f"The webhook record {name!r} was changed by another request at the same time; try again.")
        self.name = name


class TaskClaimed(StoreError):
    """Raised when a Wan task already belongs to another video."""

    code = "task_claimed"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"The task {task_id!r} already belongs to another video.")
        self.task_id = task_id


class TooManyUnknownTasks(StoreError):
    """Raised when an owner has reached the limit of imported tasks that Wan has not confirmed."""

    code = "too_many_unknown_tasks"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"Wan cannot be reached at the moment, and you already have {most} imported tasks that Wan has not "
            "confirmed, which is the limit. Try again later, or cancel one of those."
        )
        self.most = most


class NoPlace(StoreError):
    """Raised when all places of a pool are taken."""

    def __init__(self, pool: str) -> None:
        super().__init__(pool)
        self.pool = pool


class OverBudget(StoreError):
    """Raised when the budget of a day has no room for a video."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


class WanError(WanVideoError):
    """Base of all errors of calls to Wan; `code` is Wan's own code if the answer has one."""

    def __init__(self, code: str, message: str, *, status: int = 0, request_id: str | None = None) -> None:
        # The text of the error is only the code: Step Functions stores it, and Wan's message may quote a prompt.
        super().__init__(code)
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id


class WanRefused(WanError):
    """Raised when Wan refused a request (a 4xx answer with a code) and would refuse the same request again."""


class WanUnauthorized(WanRefused):
    """Raised when the API key is missing, wrong, or belongs to another region."""


class WanThrottled(WanError):
    """Raised when Wan throttled a request (429, or a 503 with a throttle code) and accepted nothing; try later."""


class WanUnreachable(WanError):
    """Raised when no connection could be made, so no byte of the request was sent."""


class WanUncertain(WanError):
    """Raised when a submission got no clear answer, so the task may exist and may be billed."""


class WanUnavailable(WanError):
    """Raised when a query got no usable answer; repeating it is free."""


class DeliveryInterrupted(WanVideoError):
    """Raised when a video could not be copied this time; `code` says why, and no partial object is left."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
