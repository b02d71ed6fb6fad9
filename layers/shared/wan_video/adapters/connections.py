"""HTTP connections that always end, and that do nothing by themselves: no retry, no redirect, no log."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import certifi

from wan_video.domain.hosts import is_public

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from urllib.parse import SplitResult

    Chunk = bytes | bytearray | memoryview
    Addresses = Callable[[str, int], Sequence["Address"]]

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family of addresses, and an address in it as `socket.connect` takes it."""

TROUBLE: Final = (OSError, HTTPException)
"""The errors that a failing connection raises; their text may quote a link, so only the type is reported."""


class PrivateAddress(Exception):
    """Raised for a host name that leads only into private networks; nothing was sent there."""


def look_up(host: str, port: int) -> list[Address]:
    """Return the addresses of a host name as DNS gives them; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def public_addresses(host: str, port: int, look_up: Addresses = look_up) -> list[Address]:
    """Look up a host name once and return its public addresses; raises PrivateAddress, and OSError from the lookup.

    DNS may answer a second lookup differently, so only what is returned here may be connected to.
    """
    public = [(family, address) for family, address in look_up(host, port) if is_public(ip_address(address[0]))]
    if not public:
        raise PrivateAddress(host)
    return public


class Cut(Exception):
    """Raised in a worker whose copy has ended; `Connections.reason` says why."""


class Connections:
    """All connections of one copy. `cut` ends them at once, whatever they wait for, and prevents new ones.

    `addresses` looks up the host names of results; `clock` returns seconds that never go back.
    """

    def __init__(
        self,
        connect_seconds: float,
        ca_file: str | None = None,
        addresses: Addresses = public_addresses,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._connect_seconds = connect_seconds
        self._ca_file = ca_file
        self._addresses = addresses
        self._connections: list[Connection] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.reason: BaseException | None = None

    def new(self, silence: float, *, to_results: bool = False) -> Connection:
        """Return a connection for one thread; `silence` is how long, in seconds, it may transfer no byte.

        With `to_results`, an HTTPS connection goes only to a public address. Plain HTTP is not checked: it is used
        only for an origin that a rule names.
        """
        addresses = self._addresses if to_results else None
        connection = Connection(self, silence, self._connect_seconds, self._ca_file, addresses)
        with self._lock:
            self._connections.append(connection)
        return connection

    def cut(self, reason: BaseException) -> None:
        """End the copy; only the first reason is kept."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
            self._over.set()
            for connection in self._connections:
                connection.cut()

    def check(self) -> None:
        """Raise Cut once the copy is over."""
        if self._over.is_set():
            raise Cut

    def pause(self, seconds: float) -> None:
        """Wait, but only until the copy ends; raises Cut if it did."""
        self._over.wait(seconds)
        self.check()

    def close(self) -> None:
        """Close what is open, once no thread uses it."""
        for connection in self._connections:
            connection.close()


class Connection:
    """One connection at a time, kept between requests to the same origin; one thread uses it, and any may cut it."""

    def __init__(
        self,
        connections: Connections,
        silence: float,
        connect_seconds: float,
        ca_file: str | None,
        addresses: Addresses | None = None,
    ) -> None:
        self._connections = connections
        self._silence = silence
        self._connect_seconds = connect_seconds
        self._ca_file = ca_file
        self._addresses = addresses
        self._http: HTTPConnection | None = None
        self._response: HTTPResponse | None = None
        self._origin = ("", "")
        self._socket: socket.socket | None = None
        self.opened_in = 0.0
        """Seconds that the open connection took: one round trip over TCP, and one more with a handshake over TLS."""

    def request(
        self,
        method: str,
        url: SplitResult,
        headers: Mapping[str, str],
        body: Iterable[Chunk] = (),
    ) -> HTTPResponse:
        """Send one request and read the head of its answer.

        Raises TROUBLE, PrivateAddress, Cut, ValueError for a URL without a usable host, and what `body` raises. Once
        the copy is over, TROUBLE becomes Cut.
        """
        try:
            http = self._connected(url)
            target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
            http.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                http.putheader(name, value)
            http.endheaders()
            # A server may refuse before it has read everything; if it did not answer either, `getresponse` raises.
            with suppress(ConnectionError):
                for chunk in body:
                    self._connections.check()
                    http.send(chunk)
            self._response = http.getresponse()
            # http.client takes the end of a connection for the end of the head, so a cut looks like an answer.
            self._connections.check()
            return self._response
        except BaseException as error:
            self.close()
            if isinstance(error, TROUBLE):
                # A connection that was cut looks like one that its peer has ended.
                self._connections.check()
            raise

    def open(self, url: SplitResult) -> None:
        """Connect, unless the connection is open; raises like `request`."""
        self._connected(url)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        for opened in (self._response, self._http):
            if opened is not None:
                opened.close()
        self._response = self._http = None

    def cut(self) -> None:
        """End what the connection's own thread waits for."""
        connected = self._socket
        if connected is not None:
            with suppress(OSError):
                # Not the method of an SSLSocket, which would continue in plain text.
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _connected(self, url: SplitResult) -> HTTPConnection:
        origin = (url.scheme, url.netloc)
        if self._http is None or self._origin != origin or self._http.sock is None:
            self.close()
            http = self._connection_to(url)
            began = self._connections.clock()
            http.connect()
            self.opened_in = self._connections.clock() - began
            http.sock.settimeout(self._silence)
            self._http, self._origin, self._socket = http, origin, http.sock
        self._connections.check()
        return self._http

    def _connection_to(self, url: SplitResult) -> HTTPConnection:
        if url.scheme != "https":
            return HTTPConnection(url.netloc, timeout=self._connect_seconds)
        tls = _tls(self._ca_file)
        if self._addresses is None:
            return HTTPSConnection(url.netloc, timeout=self._connect_seconds, context=tls)
        if not url.hostname:
            raise ValueError("no host")
        addresses = self._addresses(url.hostname, url.port or HTTPSConnection.default_port)
        return _ConnectionToAddress(url.netloc, addresses, self._connect_seconds, tls)


class _ConnectionToAddress(HTTPSConnection):
    """A connection over TLS to a host by addresses that were looked up and checked before."""

    def __init__(self, netloc: str, addresses: Sequence[Address], seconds: float, tls: ssl.SSLContext) -> None:
        super().__init__(netloc, timeout=seconds, context=tls)
        self._addresses = addresses
        self._seconds = seconds
        self._tls = tls

    def connect(self) -> None:
        """Connect to the first address that answers; the certificate must be that of the host's name."""
        self.sock = self._tls.wrap_socket(self._dialled(), server_hostname=self.host)

    def _dialled(self) -> socket.socket:
        failure = OSError("no address")
        for family, address in self._addresses:
            dialled = socket.socket(family, socket.SOCK_STREAM)
            try:
                dialled.settimeout(self._seconds)
                dialled.connect(address)
                dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                dialled.close()
                failure = error
            else:
                return dialled
        raise failure


@cache
def _tls(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or certifi.where())
