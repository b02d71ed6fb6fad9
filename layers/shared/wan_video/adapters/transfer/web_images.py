"""Images on the web: one GET to a public address, which ends by a deadline whatever the server does."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from wan_video.adapters.connections import (
    TROUBLE,
    Address,
    Connections,
    Cut,
    PrivateAddress,
    public_addresses,
)
from wan_video.domain.hosts import public_url_problem
from wan_video.domain.image import MAX_IMAGE_BYTES, MAX_IMAGE_URL
from wan_video.errors import ImageUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection
    from http.client import HTTPResponse

    from wan_video.adapters.connections import Addresses

CONNECT_SECONDS: Final = 4.0
MAX_ADDRESSES: Final = 2
"""The most addresses of one host that are tried."""

MAX_REDIRECTS: Final = 3
READ_BYTES: Final = 64 * 1024
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_TEMPORARY: Final = (408, 425, 429, 500, 502, 503, 504)


class HttpImages:
    """The port `WebImages`.

    Only HTTPS on port 443 and public addresses are used, except for exactly the `origins` (`http://host:port`), which
    are meant for tests. A redirect is followed only on the same host.
    """

    def __init__(
        self, origins: Collection[str] = (), *, ca_file: str | None = None, addresses: Addresses = public_addresses
    ) -> None:
        self._origins = frozenset(origins)
        self._ca_file = ca_file
        self._addresses = addresses

    def fetch(self, url: str, seconds: float) -> bytes:
        connections = Connections(min(CONNECT_SECONDS, seconds), self._ca_file, self._few_addresses)
        # The clock below ends a silent connection, and also one whose server sends byte by byte.
        connection = connections.new(2 * seconds, to_results=True)
        clock = threading.Timer(seconds, connections.cut, [ImageUnavailable("")])
        clock.daemon = True
        clock.start()
        late = ImageUnavailable(
            f"The server of the image did not send it within {seconds:.0f} seconds.", temporary=True
        )
        try:
            for _ in range(1 + MAX_REDIRECTS):
                parts = self._checked(url)
                headers = {"User-Agent": "wan-video", "Accept": "image/*", "Accept-Encoding": "identity"}
                response = connection.request("GET", parts, headers)
                if response.status not in _REDIRECTS:
                    return _content(response, connections)
                url = _redirected(url, response)
                connection.close()
            raise ImageUnavailable(f"The server of the image redirects more than {MAX_REDIRECTS} times.")
        except Cut:
            raise late from None
        except PrivateAddress:
            raise ImageUnavailable("The host of the image has no public address.") from None
        except TROUBLE as error:
            if connections.reason is not None:
                raise late from None
            raise ImageUnavailable(
                f"The server of the image could not be reached ({type(error).__name__}).", temporary=True
            ) from None
        except ValueError:
            raise ImageUnavailable("The link to the image is not a usable URL.") from None
        finally:
            clock.cancel()
            with suppress(OSError):
                connections.close()

    def _few_addresses(self, host: str, port: int) -> list[Address]:
        return list(self._addresses(host, port))[:MAX_ADDRESSES]

    def _checked(self, url: str) -> SplitResult:
        """Return the parts of a URL that may be fetched. Raises ImageUnavailable, and ValueError."""
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" in self._origins:
            return parts
        if problem := public_url_problem(url, MAX_IMAGE_URL):
            raise ImageUnavailable(f"The link to the image {problem}.")
        if parts.scheme != "https" or parts.port not in (None, 443):
            raise ImageUnavailable("The link to the image must be an https URL on port 443.")
        return parts


def _redirected(url: str, response: HTTPResponse) -> str:
    """Return where a redirect leads. Raises ImageUnavailable if that is another host."""
    target = urljoin(url, response.headers.get("Location", ""))
    if urlsplit(target)[:2] != urlsplit(url)[:2]:
        raise ImageUnavailable("The server of the image redirects to another host; send the link that it leads to.")
    return target


def _content(response: HTTPResponse, connections: Connections) -> bytes:
    if response.status != 200:
        raise ImageUnavailable(
            f"The server of the image answers {response.status} instead of sending it.",
            temporary=response.status in _TEMPORARY,
        )
    too_large = ImageUnavailable(f"The image is larger than {MAX_IMAGE_BYTES // (1024 * 1024)} MB.")
    stated = response.headers.get("Content-Length", "")
    length = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 20 else None
    if length is not None and length > MAX_IMAGE_BYTES:
        raise too_large
    content = bytearray()
    while part := response.read1(READ_BYTES):
        content += part
        if len(content) > MAX_IMAGE_BYTES:
            raise too_large
    connections.check()  # a connection that was cut looks like one that its server has closed
    if length is not None and len(content) < length:
        raise ImageUnavailable(
            "The server of the image ended the connection before all of it was sent.", temporary=True
        )
    return bytes(content)
