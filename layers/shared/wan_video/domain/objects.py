"""Values about objects in S3: what is stored, what is being uploaded, and how one may be uploaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wan_video.domain.video import StoredObject

JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonl"


@dataclass(frozen=True, slots=True)
class FoundObject:
    """A stored object, and the task whose result it is according to its metadata; None if it names no task."""

    object: StoredObject
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """A multipart upload that is neither completed nor aborted; `begun_at` in Unix seconds of the stack's clock."""

    key: str
    upload_id: str
    begun_at: float


@dataclass(frozen=True, slots=True)
class UploadLink:
    """The link and the required headers of one PUT. The link is a credential."""

    url: str = field(repr=False)
    headers: Mapping[str, str]
