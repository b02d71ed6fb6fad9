"""The documents of inputs and uploads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wan_video.wire.documents.document import LINK_END, Document


class UploadDocument(Document):
    """The request that uploads a file: send it once, with the file as its body."""

    method: Literal["PUT"]
    url: str = Field(description="A signed URL. Keep it secret: anyone who has it can upload the file.")
    headers: dict[str, str] = Field(description="The headers to send, all of them and unchanged.")
    expires_at: int = Field(description=LINK_END)


class InputDocument(Document):
    """An input that waits for its file, and how to upload that."""

    id: str = Field(description="The value of `input_reference` or `last_frame` in a request for a video.")
    object: Literal["input"] = "input"
    upload: UploadDocument


class DeletedInputDocument(Document):
    """The confirmation that an input was deleted."""

    id: str
    object: Literal["input.deleted"] = "input.deleted"
    deleted: Literal[True] = True
