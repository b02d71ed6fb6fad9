"""The two buckets: videos, reports and prompt files."""

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
        """Stream what `ask` gives a link to into `key` within `seconds`, whole or not at all.

        The object carries `task_id` and its CRC-64/XZ. It takes the place of `replaced`; without that, nothing may be
        there. `ask` is called again where a link is refused; it may be called by any thread, one at a time. Raises
        DeliveryInterrupted, what `ask` raises, and what S3 answers to a request that is not about a part.
        """
        ...


class Objects(Protocol):
    """The videos bucket."""

    def find(self, key: str) -> FoundObject | None:
        """What is stored under `key`, by any writer, or None."""
        ...

    def is_sound(self, stored: StoredObject) -> bool:
        """Whether an object carries a CRC-64/XZ, begins like an MP4, and has that CRC; it is read whole."""
        ...

    def put_json(self, key: str, document: Mapping[str, Any]) -> None:
        """Write a small JSON document, replacing what is there."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there are no error."""
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
        """Those that are open."""
        ...

    def abort(self, upload: OpenUpload) -> None:
        """End one, and throw away what it holds; one that is gone is no error."""
        ...


class PromptFiles(Protocol):
    """The bucket that prompt files are uploaded to."""

    def open(self, bucket: str, key: str, etag: str) -> PromptFile:
        """Open one file at the version that an event names.

        This and reading it raise PromptFileGone and PromptFileChanged. Where the store will never give its content, as
        for an archived object or one under someone else's key, this raises PromptFileRefused.
        """
        ...


class Report(Protocol):
    """A report that is being written, and how much of it there is, in lines and in bytes."""

    lines: int
    size: int

    def add(self, line: bytes) -> None:
        """Add one line, given without its end."""
        ...


class Reports(Protocol):
    """The reports in the videos bucket, however long they are."""

    def write(self, key: str, content_type: str) -> AbstractContextManager[Report]:
        """Write a report, in place of what is there: it appears at the end of the block, or not at all."""
        ...

    def lines(self, key: str) -> Iterator[bytes]:
        """The lines of a report; none where it is not there."""
        ...
