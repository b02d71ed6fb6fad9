"""HTTP connections that nothing can hold up, and that do nothing by themselves: no retry, no redirect, no log."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Final

import certifi

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from urllib.parse import SplitResult

    from wan_video.adapters.s3.checksums import Chunk

TROUBLE: Final = (OSError, HTTPException)
"""What a connection raises when it fails; the text may quote a link, so it is told by its type alone."""


class Cut(Exception):
    """Raised in a worker whose copy is over; the reason is the copy's own."""


class Lines:
    """All connections of one copy. `cut` ends them at once, whatever they wait for, and lets no other begin."""

    def __init__(self, connect_seconds: float, ca_file: str | None = None) -> None:
        self._connect_seconds = connect_seconds
        self._ca_file = ca_file
        self._lines: list[Line] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.reason: BaseException | None = None

    def line(self, silence: float) -> Line:
        """A connection for one thread; `silence` is how long, in seconds, it may neither take nor give a byte."""
        line = Line(self, silence, self._connect_seconds, self._ca_file)
        with self._lock:
            self._lines.append(line)
        return line

    def cut(self, reason: BaseException) -> None:
        """End the copy; the first reason is the one that counts."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
            self._over.set()
            for line in self._lines:
                line.cut()

    def check(self) -> None:
        """Raise Cut once the copy is over."""
        if self._over.is_set():
            raise Cut

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the copy."""
        self._over.wait(seconds)
        self.check()

    def close(self) -> None:
        """Close what is open; no thread uses it any more."""
        for line in self._lines:
            line.close()


class Line:
    """One connection at a time, kept between requests to the same origin; used by one thread, and cut by any."""

    def __init__(self, lines: Lines, silence: float, connect_seconds: float, ca_file: str | None) -> None:
        self._lines = lines
        self._silence = silence
        self._connect_seconds = connect_seconds
        self._ca_file = ca_file
        self._connection: HTTPConnection | None = None
        self._response: HTTPResponse | None = None
        self._origin = ("", "")
        self._socket: socket.socket | None = None

    def request(
        self,
        method: str,
        url: SplitResult,
        headers: Mapping[str, str],
        body: Iterable[Chunk] = (),
    ) -> HTTPResponse:
        """Send one request and read the head of its answer; raises TROUBLE, Cut, and what `body` raises."""
        connection = self._connected(url)
        try:
            connection.putrequest(method, f"{url.path or '/'}?{url.query}", skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            # A server may refuse before it has heard everything; where it did not answer either, `getresponse` raises.
            with suppress(ConnectionError):
                for chunk in body:
                    self._lines.check()
                    connection.send(chunk)
            self._response = connection.getresponse()
            return self._response
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; the next request begins a new connection."""
        for opened in (self._response, self._connection):
            if opened is not None:
                opened.close()
        self._response = self._connection = None

    def cut(self) -> None:
        """End what the line's own thread waits for."""
        connected = self._socket
        if connected is not None:
            with suppress(OSError):
                # Not the method of an SSLSocket, which would go on in plain text.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _connected(self, url: SplitResult) -> HTTPConnection:
        origin = (url.scheme, url.netloc)
        if self._connection is None or self._origin != origin or self._connection.sock is None:
            self.close()
            connection = (
                HTTPSConnection(url.netloc, timeout=self._connect_seconds, context=_tls(self._ca_file))
                if url.scheme == "https"
                else HTTPConnection(url.netloc, timeout=self._connect_seconds)
            )
            connection.connect()
            connection.sock.settimeout(self._silence)
            self._connection, self._origin, self._socket = connection, origin, connection.sock
        self._lines.check()
        return self._connection


@cache
def _tls(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or certifi.where())
