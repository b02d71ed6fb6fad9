"""The body of the request that creates a batch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BatchBody(BaseModel):
    """The name and the content type of the file of a batch."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(
        description="The name of the file, which ends in `.jsonl`, `.csv`, `.json` or `.txt`; at most 255 bytes."
    )
    content_type: str | None = Field(
        default=None, description="The content type of the upload; by default it follows from the name."
    )
