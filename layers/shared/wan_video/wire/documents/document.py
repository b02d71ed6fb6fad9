"""What all documents of answers have in common."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

LINK_END: Final = (
    "The latest time at which the link works. It stops earlier if the credentials that signed it expire, which the "
    "API cannot know in advance; S3 then answers `ExpiredToken`. Repeat the request for a new link."
)


def _all_of_them(schema: dict[str, Any]) -> None:
    """Mark every member as required, because the answers include members that have a default too."""
    schema["required"] = list(schema["properties"])
    for member in schema["properties"].values():
        member.pop("default", None)


class Document(BaseModel):
    """An answer with exactly these members."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_all_of_them, defer_build=True)


def schema_of(document: type[Document]) -> dict[str, Any]:
    """Return a document as the `content` of an OpenAPI response."""
    return {"application/json": {"model": document}}
