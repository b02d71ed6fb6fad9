"""A loopback server that sends exactly the bytes that a test asks for, or nothing at all, unlike a correct server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tools.harness.patience import PATIENCE, until

DRIPS = 250

Talk = Callable[[socket.socket, threading.Event], None]


@dataclass
class RawServer:
    """A running server: its address, and the requests that arrived completely, with headers and body."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def await_requests(self, number: int) -> None:
        """Wait for requests that an impatient client may have abandoned before this server could read them."""
        until(lambda: len(self.requests) >= number, f"request {number}")


@contextmanager
def raw_server(talk: Talk) -> Iterator[RawServer]:
    """Accept connections on a free port while the block runs; `talk` receives each one after its request was read."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                server.requests.append(_read_request(connection))
                talk(connection, server.closing)
            except OSError:
                return

    def accept() -> None:
        while not server.closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        server.closing.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [acceptor, *threads]:
            thread.join(PATIENCE)


def say(text: str | bytes) -> Talk:
    """Send these bytes and close the connection."""
    data = text.encode() if isinstance(text, str) else text
    return lambda connection, _: connection.sendall(data)


def never_answer(connection: socket.socket, closing: threading.Event) -> None:
    """Keep the connection open and send nothing."""
    closing.wait(PATIENCE)


def drip(head: str) -> Talk:
    """Send `head` at once and then single bytes, for longer than any client should wait."""

    def talk(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(head.encode())
        for _ in range(DRIPS):
            if closing.wait(0.02):
                return
            connection.sendall(b" ")

    return talk


def answer(status: str, body: bytes, *headers: str) -> bytes:
    """Return an HTTP/1.1 answer with this status line and body."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionResetError
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        chunk = connection.recv(65536)
        if not chunk:
            raise ConnectionResetError
        body += chunk
    return head + b"\r\n\r\n" + body
