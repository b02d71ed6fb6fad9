"""The OpenAPI document, made from the routes themselves."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, Server

from wan_video.wire.documents import Document, ProblemDocument, schema_of
from wan_video.wire.problem import CONTENT_TYPE

TITLE: Final = "Wan Video"
VERSION: Final = "1"
DESCRIPTION: Final = (
    "A prompt goes in; a video that stays comes out, paid for once. Times are Unix seconds, money is text. "
    "Errors are problem details (RFC 9457) that also carry an `error` member."
)

_POWERTOOLS_OWN: Final = ("HTTPValidationError", "ResponseValidationError", "ValidationError")

_BY_GATEWAY: Final = (401, 429, 500)
"""What API Gateway answers by itself wherever a token is needed."""


def answers(good: Mapping[int, type[Document] | None], *problems: int, public: bool = False) -> dict[int, Any]:
    """What an operation may answer: documents by status, and the statuses that come as problems."""
    told: dict[int, Any] = {}
    for status, document in good.items():
        told[status] = {"description": HTTPStatus(status).phrase}
        if document is not None:
            told[status]["content"] = schema_of(document)
    for status in sorted({*problems, *(() if public else _BY_GATEWAY)}):
        content = {CONTENT_TYPE: {"model": ProblemDocument}}
        told[status] = {"description": HTTPStatus(status).phrase, "content": content}
    return told


def openapi_document(app: APIGatewayRestResolver, base_url: str) -> dict[str, Any]:
    """The document, with the address under which the API was asked for it."""
    schema = app.get_openapi_schema(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        servers=[Server(url=base_url)],
        security_schemes={"token": HTTPBearer()},
        security=[{"token": []}],
    )
    document: dict[str, Any] = json.loads(schema.model_dump_json(by_alias=True, exclude_none=True))
    for path in document["paths"].values():
        for operation in path.values():
            _forget_powertools_own(operation)
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
