"""The body of the request that creates a batch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from wan_video.domain.hosts import MAX_URL_LENGTH


class BatchBody(BaseModel):
    """The name and the content type of the file of a batch."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = Field(
        description="The name of the file, which ends in `.jsonl`, `.csv`, `.json` or `.txt`; at most 255 bytes."
    )
    content_type: str | None = Field(
        default=None, description="The content type of the upload; by default it follows from the name."
    )
    callback_url: str | None = Field(
        default=None,
        description="A public https link to which the event `batch.completed` is posted, signed with the secret of "
        "your webhook endpoint without a URL. It is not shown again.",
        json_schema_extra={"maxLength": MAX_URL_LENGTH},
    )
