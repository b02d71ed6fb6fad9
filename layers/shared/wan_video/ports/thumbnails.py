"""How thumbnails are made: a stored video is read in parts, and its first picture becomes a JPEG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wan_video.ports.objects import Objects

if TYPE_CHECKING:
    from wan_video.domain.video import StoredObject


class SeekableFile(Protocol):
    """A file that is read in any order, as in the standard library's `io`."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes; none at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to an offset from the beginning (0), from here (1) or from the end (2); return the new position."""
        ...

    def tell(self) -> int:
        """Return the position."""
        ...


class ThumbnailObjects(Objects, Protocol):
    """The videos bucket, as `thumbnail` needs it."""

    def open(self, stored: StoredObject) -> SeekableFile:
        """Open an object of which only the parts that are read are fetched.

        Reading raises ThumbnailImpossible if too much is read, TimeoutError, and what S3 raises.
        """
        ...

    def put_jpeg(self, key: str, picture: bytes) -> None:
        """Write a JPEG; an existing one is replaced."""
        ...


class Pictures(Protocol):
    """Makes pictures of videos."""

    def first_picture(self, file: SeekableFile) -> bytes:
        """Return the first picture of an MP4 as a JPEG whose longest side is at most MAX_SIDE pixels.

        Raises ThumbnailImpossible if the file cannot be decoded within the limits of time and memory, and what reading
        raises.
        """
        ...
