"""A receiver of webhooks on loopback, whose answers a test chooses."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from tools.harness.tls import certificate


@dataclass(frozen=True)
class Received:
    """One request that was received."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server that records requests; it answers with the next of `statuses`, and with 204 after them.

    With a `folder` it speaks HTTPS, and `ca_file` is the authority of its certificate.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Location", receiver.url("redirected"))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.ca_file = ""
        if folder is not None:
            context, self.ca_file = certificate(folder, "127.0.0.1")
            # Each handshake takes place in the thread of its connection, so that none holds up the others.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def origin(self) -> str:
        """Its origin, which is not public."""
        return f"{'https' if self.ca_file else 'http'}://127.0.0.1:{self._server.server_port}"

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return f"{self.origin}/{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
