"""A host that no function may ever call: it counts the requests and answers them with the wrong film."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from typing import Any, Final, Self

FILM: Final = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x03\xe8free" + bytes(992)


class ForeignHost:
    """A server that listens on a free port while the block runs."""

    def __init__(self) -> None:
        self.visits = 0
        host = self

        class Server(ThreadingHTTPServer):
            def get_request(self) -> tuple[socket, Any]:
                host.visits += 1
                return super().get_request()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "video/mp4")
                self.send_header("Content-Length", str(len(FILM)))
                self.end_headers()
                self.wfile.write(FILM)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Log nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        """The host and port of the server."""
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
