"""A proxy to a server that a test can shut: new connections are refused, and open ones are cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Self
from urllib.parse import urlsplit


class Gate:
    """A proxy from its own port to the server at `url`; it is open while the block runs, unless it is shut.

    `passes` is called with each piece that clients send. If it returns false, that piece and everything that its
    connection sends after it never arrive.
    """

    def __init__(self, url: str, passes: Callable[[bytes], bool] = lambda _: True) -> None:
        address = urlsplit(url)
        self._passes = passes
        self._target = (address.hostname, address.port)
        self._port = 0
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()

    @property
    def url(self) -> str:
        """The URL of the proxy; it stays the same when the gate is shut and opened again."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Start to listen."""
        self._server = _Server(("127.0.0.1", self._port), self._target, self._passes)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def shut(self) -> None:
        """Refuse new connections, and cut the open ones."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, address: tuple[str, int], target: tuple[str | None, int | None], passes: Callable[[bytes], bool]
    ) -> None:
        super().__init__(address, _Passage)
        self.passes = passes
        self.target = target
        self.connections: set[socket.socket] = set()

    def server_close(self) -> None:
        super().server_close()
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Passage(BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(self.server.target) as upstream:
            self.server.connections |= {self.request, upstream}
            back = threading.Thread(target=_pump, args=(upstream, self.request), daemon=True)
            back.start()
            _pump(self.request, upstream, self.server.passes)
            back.join()
            self.server.connections -= {self.request, upstream}


def _pump(source: socket.socket, sink: socket.socket, passes: Callable[[bytes], bool] = lambda _: True) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if not passes(data):
                while source.recv(65536):
                    pass
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
