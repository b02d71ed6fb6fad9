"""The videos bucket, which also contains reports, and the bucket of prompt files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from wan_video.domain.objects import FoundObject, OpenUpload, UploadLink
    from wan_video.domain.prompt_file import PromptFile
    from wan_video.domain.video import StoredObject


class UploadLinks(Protocol):
    """Permission to upload to the bucket of prompt files."""

    def sign(self, key: str, *, content_type: str, seconds: int) -> UploadLink:
        """Return permission to put one object under `key`, if it does not exist yet, within `seconds`."""
        ...

    def origin(self) -> str:
        """Scheme and host of every link."""
        ...


class Transfer(Protocol):
    """Copies a result from Wan to S3."""

    def copy(
        self, ask: Callable[[], str], key: str, task_id: str, seconds: float, replaced: StoredObject | None = None
    ) -> StoredObject:
        """Copy the file behind the link that `ask` returns to `key` within `seconds`, completely or not at all.

        The metadata of the object contains `task_id` and its CRC-64/XZ. It replaces `replaced`; if that is None, the
        object must not exist yet. `ask` is called again if a link is refused; it may be called by any thread, but only
        by one at a time. Raises DeliveryInterrupted, what `ask` raises, and errors of S3, except those of a part.
        """
        ...


class Objects(Protocol):
    """The videos bucket."""

    def find(self, key: str) -> FoundObject | None:
        """Return the object with this `key`, whatever wrote it, or None."""
        ...

    def is_sound(self, stored: StoredObject) -> bool:
        """Read an object completely; return whether it begins like an MP4 and has the CRC-64/XZ that it states."""
        ...

    def put_json(self, key: str, document: Mapping[str, Any]) -> None:
        """Write a small JSON document; an existing one is replaced."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; objects that do not exist are ignored."""
        ...

    def link(self, key: str, *, filename: str, seconds: int, save: bool = False, head: bool = False) -> str:
        """Return a presigned GET of `key`, or HEAD, that lasts `seconds`; a browser shows the object or saves it."""
        ...

    def origin(self) -> str:
        """Scheme and host of every link."""
        ...


class Multiparts(Protocol):
    """The multipart uploads to the videos bucket."""

    def open(self) -> Iterable[OpenUpload]:
        """Return the open uploads."""
        ...

    def abort(self, upload: OpenUpload) -> None:
        """Abort an upload and delete its parts; an upload that no longer exists is ignored."""
        ...


class PromptFiles(Protocol):
    """The bucket that prompt files are uploaded to."""

    def open(self, bucket: str, key: str, etag: str) -> PromptFile:
        """Open one file at the version that an event names.

        Opening and reading raise PromptFileGone and PromptFileChanged. Opening raises PromptFileRefused if S3 will
        never return the content, for example of an archived object, or of one under someone else's key.
        """
        ...


class Report(Protocol):
    """A report that is being written; its length so far is counted in lines and in bytes."""

    lines: int
    size: int

    def add(self, line: bytes) -> None:
        """Add one line, which is passed without a line break."""
        ...


class Reports(Protocol):
    """The reports in the videos bucket, which may be of any length."""

    def write(self, key: str, content_type: str) -> AbstractContextManager[Report]:
        """Write or replace a report: it appears at the end of the `with` block, or not at all."""
        ...

    def lines(self, key: str) -> Iterator[bytes]:
        """Yield the lines of a report; a report that does not exist has no lines."""
        ...
