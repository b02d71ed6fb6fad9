"""A result host on loopback that serves ranges as OSS does, and misbehaves in the ways that a test asks for."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fastcrc.crc64 import xz

from tools.harness.patience import PATIENCE

PIECE = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """An answer before it is sent; the connection ends after `cut` bytes of its body."""

    status: int
    headers: dict[str, str]
    body: memoryview
    cut: int | None = None
    reset: bool = False
    drip: bool = False


Spoil = Callable[[int, Reply], Reply]


@dataclass
class ResultHost:
    """One video at one link. `spoil` may change each answer; it receives the request's number, from 0."""

    body: bytes
    spoil: Spoil = lambda number, reply: reply
    states_crc: bool = True
    requests: list[dict[str, str]] = field(default_factory=list)
    sent: int = 0
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.crc = xz(self.body)

    def link(self) -> str:
        """Return the link that Wan would return."""
        return f"{self.url}/film.mp4?Expires=1&Signature=CANARY"

    def reply(self, headers: dict[str, str]) -> Reply:
        """Return the correct answer: a range that is not entirely inside the object returns the whole object."""
        stated = {"ETag": '"AB12"', "Accept-Ranges": "bytes"}
        if self.states_crc:
            stated["x-oss-hash-crc64ecma"] = str(self.crc)
        if headers.get("if-match", '"AB12"') != '"AB12"':
            return Reply(412, {}, memoryview(b""))
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if span is None or int(span[2] or 0) >= len(self.body):
            return Reply(200, stated, memoryview(self.body))
        first, last = int(span[1]), int(span[2])
        stated["Content-Range"] = f"bytes {first}-{last}/{len(self.body)}"
        return Reply(206, stated, memoryview(self.body)[first : last + 1])

    def take(self, headers: dict[str, str]) -> Reply:
        """Record a request and return its answer."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(headers)
        return self.spoil(number, self.reply(headers))

    def count(self, sent: int) -> None:
        """Count bytes that were sent."""
        with self._lock:
            self.sent += sent


@contextmanager
def result_host(body: bytes, spoil: Spoil | None = None, **wanted: Any) -> Iterator[ResultHost]:
    """Serve a video on a free port while the block runs."""
    host = ResultHost(body, **wanted)
    if spoil is not None:
        host.spoil = spoil

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reply = host.take({name.lower(): value for name, value in self.headers.items()})
            try:
                self.say(reply)
            except OSError:
                self.close_connection = True

        def say(self, reply: Reply) -> None:
            self.send_response_only(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            end = len(reply.body) if reply.cut is None else min(reply.cut, len(reply.body))
            for at in range(0, end, 1 if reply.drip else PIECE):
                piece = reply.body[at : min(at + (1 if reply.drip else PIECE), end)]
                self.connection.sendall(piece)
                host.count(len(piece))
                if reply.drip and host.closing.wait(0.02):
                    break
            if reply.cut is not None or "Content-Length" in reply.headers:
                self.close_connection = True
            if reply.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Close at once: the server would first shut down its sending side, and that is not a reset.
                socket.close(self.connection.detach())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        host.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield host
        finally:
            host.closing.set()
            server.shutdown()
            thread.join(PATIENCE)


def once(number: int, change: Callable[[Reply], Reply]) -> Spoil:
    """Change only the answer to one request."""
    return lambda asked, reply: change(reply) if asked == number else reply


def cut_after(size: int, *, reset: bool = False) -> Spoil:
    """End every connection after `size` bytes of a body."""
    return lambda _, reply: replace(reply, cut=size, reset=reset)


def status(code: int, *numbers: int) -> Spoil:
    """Answer some requests with only a status."""
    return lambda asked, reply: Reply(code, {}, memoryview(b"")) if asked in numbers else reply
