"""Errors as callers see them: RFC 9457 problem details with the `error` member that SDKs read."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from wan_video.domain.text import without_halves
from wan_video.errors import (
    BatchChanged,
    BatchNotCancellable,
    BatchNotFound,
    BatchNotRetryable,
    BudgetExceeded,
    CallbackSecretExists,
    DeliveryNotFound,
    Forbidden,
    IdempotencyKeyReused,
    InputNotFound,
    InvalidRequest,
    ModelNotFound,
    Problem,
    TaskClaimed,
    ThumbnailNotFound,
    ThumbnailNotReady,
    TooManyEndpoints,
    TooManyUnknownTasks,
    VideoChanged,
    VideoDeleted,
    VideoGone,
    VideoNotCancellable,
    VideoNotDeletable,
    VideoNotFound,
    VideoNotReady,
    VideoNotRetryable,
    WanVideoError,
    WebhookChanged,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
)

CONTENT_TYPE: Final = "application/problem+json"

_TEMPORARY: Final = {
    error.code
    for error in (
        VideoChanged,
        VideoNotReady,
        ThumbnailNotReady,
        VideoNotDeletable,
        VideoNotRetryable,
        BatchChanged,
        TooManyUnknownTasks,
        WebhookChanged,
    )
}
"""Codes of conflicts that resolve by themselves; after any other conflict, the same request always fails."""

_STATUS: Final[dict[type[WanVideoError], HTTPStatus]] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    BudgetExceeded: HTTPStatus.PAYMENT_REQUIRED,
    Forbidden: HTTPStatus.FORBIDDEN,
    ModelNotFound: HTTPStatus.NOT_FOUND,
    InputNotFound: HTTPStatus.NOT_FOUND,
    VideoNotFound: HTTPStatus.NOT_FOUND,
    VideoNotReady: HTTPStatus.CONFLICT,
    ThumbnailNotReady: HTTPStatus.CONFLICT,
    ThumbnailNotFound: HTTPStatus.NOT_FOUND,
    VideoDeleted: HTTPStatus.NOT_FOUND,
    VideoNotCancellable: HTTPStatus.CONFLICT,
    VideoNotDeletable: HTTPStatus.CONFLICT,
    VideoNotRetryable: HTTPStatus.CONFLICT,
    VideoChanged: HTTPStatus.CONFLICT,
    BatchNotFound: HTTPStatus.NOT_FOUND,
    BatchNotCancellable: HTTPStatus.CONFLICT,
    BatchNotRetryable: HTTPStatus.CONFLICT,
    BatchChanged: HTTPStatus.CONFLICT,
    TaskClaimed: HTTPStatus.CONFLICT,
    TooManyUnknownTasks: HTTPStatus.CONFLICT,
    WebhookEndpointNotFound: HTTPStatus.NOT_FOUND,
    WebhookEndpointDisabled: HTTPStatus.CONFLICT,
    DeliveryNotFound: HTTPStatus.NOT_FOUND,
    TooManyEndpoints: HTTPStatus.CONFLICT,
    CallbackSecretExists: HTTPStatus.CONFLICT,
    WebhookChanged: HTTPStatus.CONFLICT,
    VideoGone: HTTPStatus.GONE,
    IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
}


def status_of(error: WanVideoError) -> HTTPStatus:
    """Return the HTTP status of a named error; 500 for an error that is internal."""
    return _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem(
    status: HTTPStatus, code: str, detail: str, *, instance: str, problems: Sequence[Problem] = ()
) -> dict[str, Any]:
    """Return the document of one error; `instance` is the id of the request."""
    # A path may contain lone surrogates, which cannot be encoded.
    detail = without_halves(detail)
    parameter = problems[0].name if problems else ""
    return {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": instance,
        "errors": [
            {"pointer": without_halves(found.pointer), "detail": without_halves(found.detail)} for found in problems
        ],
        "retryable": code in _TEMPORARY or status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500,
        "error": {"message": detail, "type": _kind(status), "param": without_halves(parameter) or None, "code": code},
    }


def _kind(status: HTTPStatus) -> str:
    """Return the error type of the `/v1/videos` convention."""
    if status >= 500:
        return "server_error"
    return {
        HTTPStatus.UNAUTHORIZED: "authentication_error",
        HTTPStatus.FORBIDDEN: "permission_error",
        HTTPStatus.NOT_FOUND: "not_found_error",
        HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    }.get(status, "invalid_request_error")
