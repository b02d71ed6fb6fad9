"""The OpenAPI document, made from the routes themselves."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from wan_video.wire.documents import Document, ProblemDocument, schema_of
from wan_video.wire.problem import CONTENT_TYPE

TITLE: Final = "Wan Video"
VERSION: Final = "1"
LICENSE: Final = "Apache-2.0"
"""By its SPDX identifier."""

DESCRIPTION: Final = (
    "A prompt goes in; a video that stays comes out, paid for once. Times are Unix seconds, money is text. "
    "Errors are problem details (RFC 9457) that also carry an `error` member."
)

_POWERTOOLS_OWN: Final = ("HTTPValidationError", "ResponseValidationError", "ValidationError")

_BY_GATEWAY: Final = (429, 500, 504)
"""What API Gateway answers by itself everywhere; 401 too, wherever a token is needed."""

_MEANINGS: Final = {
    HTTPStatus.OK: "Here it is.",
    HTTPStatus.ACCEPTED: "It is stored and goes on by itself.",
    HTTPStatus.FOUND: "The link.",
    HTTPStatus.BAD_REQUEST: "The request cannot be carried out; `errors` says what would be right.",
    HTTPStatus.UNAUTHORIZED: "There is no valid token.",
    HTTPStatus.PAYMENT_REQUIRED: "It costs more than `max_price`, or never fits a daily budget.",
    HTTPStatus.FORBIDDEN: "The token lacks the scope.",
    HTTPStatus.NOT_FOUND: "The caller has none of that id.",
    HTTPStatus.CONFLICT: "Not in the state that it is in.",
    HTTPStatus.GONE: "It was deleted, is no longer kept, or has ended without content.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body has more than 64 KiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is neither JSON nor a form.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The Idempotency-Key came with another request before.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests at once; `Retry-After` says when to go on.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something broke; look before you send it again.",
    HTTPStatus.GATEWAY_TIMEOUT: "No answer in time; look before you send it again.",
}

_HEADERS: Final = {
    HTTPStatus.FOUND: {"Location": {"description": "It works for some minutes.", "schema": {"type": "string"}}}
}


def answers(good: Mapping[int, type[Document] | None], *problems: int, public: bool = False) -> dict[int, Any]:
    """What an operation may answer: documents by status, and the statuses that come as problems.

    Every operation refuses parameters that it does not know, so 400 is always among them.
    """
    told = {status: _told(status, schema_of(document) if document else {}) for status, document in good.items()}
    for status in sorted({400, *problems, *_BY_GATEWAY, *(() if public else (HTTPStatus.UNAUTHORIZED,))}):
        told[int(status)] = _told(status, {CONTENT_TYPE: {"model": ProblemDocument}})
    return told


def _told(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    known = HTTPStatus(status)
    headers = {"headers": _HEADERS[known]} if known in _HEADERS else {}
    return {"description": _MEANINGS[known], "content": dict(content), **headers}


def openapi_document(app: APIGatewayRestResolver, base_url: str) -> dict[str, Any]:
    """The document, with the address under which the API was asked for it."""
    # Half as much to import as everything else of Powertools, and wanted nowhere but here.
    from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, License, Server

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
    for path in document["paths"].values():
        for operation in path.values():
            _forget_powertools_own(operation)
            _take_forms_too(operation)
    for name in _POWERTOOLS_OWN:
        document["components"]["schemas"].pop(name, None)
    return document


def _forget_powertools_own(operation: dict[str, Any]) -> None:
    """Powertools describes validation errors of its own, which this API never answers."""
    operation["responses"] = {
        status: answer
        for status, answer in operation["responses"].items()
        if not any(name in json.dumps(answer) for name in _POWERTOOLS_OWN)
        and answer["description"] != "Successful Response"
    }


def _take_forms_too(operation: dict[str, Any]) -> None:
    """Whatever is taken as JSON is taken as a form."""
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        content["multipart/form-data"] = content["application/json"]
