"""The document of a video's file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wan_video.wire.documents.document import LINK_END, Document


class FileDocument(Document):
    """The file of a completed video, with links to it. Times are Unix seconds."""

    object: Literal["video.file"] = "video.file"
    bucket: str
    key: str
    bytes: int
    etag: str
    crc64nvme: str | None = Field(description="The CRC-64/NVME checksum in hexadecimal.")
    crc64xz: str | None = Field(description="The CRC-64/XZ checksum in hexadecimal.")
    url: str = Field(description="A link that plays the video; it works until `expires_at` at the latest.")
    download_url: str = Field(
        description="A link that saves the video under its id; it works until `expires_at` at the latest."
    )
    thumbnail_url: str | None = Field(
        description="A link that shows the thumbnail, which works until `expires_at` at the latest; null unless the "
        "`thumbnail` of the video is `ready`."
    )
    expires_at: int = Field(description=LINK_END)
    lasting_url: str | None = Field(
        description="A link that works for anyone who has it, for seven days or until the video is deleted."
    )
