"""The OpenAPI document, generated from the routes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from wan_video.wire.body import MAX_BODY_BYTES
from wan_video.wire.documents.document import Document, schema_of
from wan_video.wire.documents.problem import ProblemDocument
from wan_video.wire.problem import CONTENT_TYPE

if TYPE_CHECKING:
    from functions.api.app import App

TITLE: Final = "Wan Video"
VERSION: Final = "1"
LICENSE: Final = "Apache-2.0"
"""By its SPDX identifier."""

DESCRIPTION: Final = (
    "Turns text prompts into videos that are stored in your own AWS account and paid for once. "
    "Times are Unix seconds, and amounts of money are decimal numbers as text. "
    "Errors are problem details (RFC 9457) with an additional `error` member."
)

_POWERTOOLS_OWN: Final = ("HTTPValidationError", "ResponseValidationError", "ValidationError")

_BY_GATEWAY: Final = (429, 500, 504)
"""The errors that API Gateway itself returns for every operation; also 401 for every operation that needs a token."""

_MEANINGS: Final = {
    HTTPStatus.OK: "The request succeeded.",
    HTTPStatus.CREATED: "The request is stored and has taken effect.",
    HTTPStatus.ACCEPTED: "The request is stored and is processed asynchronously.",
    HTTPStatus.FOUND: "A redirect to the file.",
    HTTPStatus.BAD_REQUEST: "The request is not valid; `errors` lists every problem and what would be right.",
    HTTPStatus.UNAUTHORIZED: "The token is missing or not valid.",
    HTTPStatus.PAYMENT_REQUIRED: "The price is above `max_price`, or the request can never fit a daily budget.",
    HTTPStatus.FORBIDDEN: "The token does not have the scope that this operation needs.",
    HTTPStatus.NOT_FOUND: "Nothing has this id, or it belongs to another owner.",
    HTTPStatus.CONFLICT: "The current status does not allow this; `error.code` says why.",
    HTTPStatus.GONE: "The video was deleted, is no longer kept, or ended without content.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body is larger than {MAX_BODY_BYTES // 1024} KiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is neither JSON nor a form.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The `Idempotency-Key` was already used with a different request.",
    HTTPStatus.TOO_MANY_REQUESTS: "There are too many requests; `Retry-After` says how many seconds to wait.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "An internal error occurred; check what was stored before you send it again.",
    HTTPStatus.GATEWAY_TIMEOUT: "The API did not answer in time; check what was stored before you send it again.",
}

_HEADERS: Final = {
    HTTPStatus.FOUND: {
        "Location": {"description": "A link that works for several minutes.", "schema": {"type": "string"}}
    }
}


def answers(good: Mapping[int, type[Document] | None], *problems: int, public: bool = False) -> dict[int, Any]:
    """Return the responses of an operation by status: documents for success, and problem documents for errors.

    Every operation rejects unknown parameters, so 400 is always included.
    """
    described = {
        status: _described(status, schema_of(document) if document else {}) for status, document in good.items()
    }
    for status in sorted({400, *problems, *_BY_GATEWAY, *(() if public else (HTTPStatus.UNAUTHORIZED,))}):
        described[int(status)] = _described(status, {CONTENT_TYPE: {"model": ProblemDocument}})
    return described


def _described(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    known = HTTPStatus(status)
    headers = {"headers": _HEADERS[known]} if known in _HEADERS else {}
    return {"description": _MEANINGS[known], "content": dict(content), **headers}


def openapi_document(app: App, base_url: str) -> dict[str, Any]:
    """Return the OpenAPI document; `base_url` is the address of the API as the caller sees it."""
    # Imported here only: it takes half as long as the rest of Powertools, and no other operation needs it.
    from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, License, Server

    app.load()
    schema = app.get_openapi_schema(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        license_info=License(name=LICENSE, identifier=LICENSE),
        servers=[Server(url=base_url)],
        security_schemes={"token": HTTPBearer()},
        security=[{"token": []}],
    )
    document: dict[str, Any] = json.loads(schema.model_dump_json(by_alias=True, exclude_none=True))
    # Groups of routes are loaded in any order; the document is the same for all of them.
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"]["schemas"] = dict(sorted(document["components"]["schemas"].items()))
    for path in document["paths"].values():
        for operation in path.values():
            _remove_powertools_errors(operation)
            _add_form(operation)
    for name in _POWERTOOLS_OWN:
        document["components"]["schemas"].pop(name, None)
    return document


def _remove_powertools_errors(operation: dict[str, Any]) -> None:
    """Remove the validation errors that Powertools describes and this API never returns."""
    operation["responses"] = {
        status: answer
        for status, answer in operation["responses"].items()
        if not any(name in json.dumps(answer) for name in _POWERTOOLS_OWN)
        and answer["description"] != "Successful Response"
    }


def _add_form(operation: dict[str, Any]) -> None:
    """Describe that every JSON body can also be sent as a form."""
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        content["multipart/form-data"] = content["application/json"]
