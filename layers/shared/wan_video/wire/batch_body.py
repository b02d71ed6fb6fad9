"""The body that opens a batch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BatchBody(BaseModel):
    """What the file of a batch is called, and as what it is uploaded."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(description="The name of the file: `.jsonl`, `.csv`, `.json` or `.txt`, at most 255 bytes.")
    content_type: str | None = Field(
        default=None, description="As it will be uploaded; by its name where it is left out."
    )
