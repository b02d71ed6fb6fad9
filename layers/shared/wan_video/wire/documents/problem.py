"""The document of an error."""

from __future__ import annotations

from pydantic import Field

from wan_video.wire.documents.document import Document


class FieldProblem(Document):
    """One thing wrong with a request."""

    pointer: str = Field(description="A JSON pointer to the member that is wrong; empty for the whole request.")
    detail: str


class SdkError(Document):
    """The error as SDKs of the `/v1/videos` convention read it."""

    message: str
    type: str
    param: str | None
    code: str


class ProblemDocument(Document):
    """An error, as problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="The id of the request.")
    errors: list[FieldProblem]
    retryable: bool = Field(description="Whether the same request may succeed later.")
    error: SdkError
