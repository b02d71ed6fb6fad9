"""Images of requests: the inputs bucket, and the web."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wan_video.domain.objects import UploadLink


class Inputs(Protocol):
    """The inputs bucket, as `submit` uses it."""

    def exists(self, key: str) -> bool:
        """Return whether there is an object with this key."""
        ...

    def read(self, key: str, most_bytes: int) -> bytes | None:
        """Return the content of an object, or None if it does not exist. Raises BadImage if it has more bytes."""
        ...

    def link(self, key: str, seconds: int, content_type: str) -> str:
        """Return a presigned GET that lasts `seconds`, or as long as the credentials that sign it.

        Its answer has the given content type, whatever the object was uploaded with.
        """
        ...

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Write an object; an existing one is replaced."""
        ...


class ApiInputs(Inputs, Protocol):
    """The inputs bucket, as the API uses it."""

    def sign(self, key: str, seconds: int) -> UploadLink:
        """Return permission to put one object under `key`, if it does not exist yet, within `seconds`."""
        ...

    def renew(self, key: str) -> bool:
        """Let the period begin again for which an object is kept; return False if it does not exist."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object; one that does not exist is ignored."""
        ...

    def origin(self) -> str:
        """Scheme and host of every link."""
        ...


class WebImages(Protocol):
    """Images on the web."""

    def fetch(self, url: str, seconds: float) -> bytes:
        """Return what a URL serves, within `seconds`; only public addresses are connected to.

        Raises ImageUnavailable, also for more than MAX_IMAGE_BYTES and for redirects to another host.
        """
        ...
