"""A proxy to the API that loses answers: creates are accepted, and their callers never learn of it."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import requests

from tools.harness.patience import PATIENCE

STILL_SECONDS: Final = 1.0
"""Seconds between two interim answers while the API works on a request."""

Loss = Literal["cut", "silence", "503"]
"""What happens to an answer: the connection is closed, it stays open without a byte, or a 503 is sent instead."""

LOSSES: Final[Sequence[Loss]] = ("cut", "silence", "503")


@dataclass
class BadLine:
    """What a bad line forwarded: the headers of each sending of each create, by its prompt."""

    sent: dict[str, list[Mapping[str, str]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self, prompt: str, headers: Mapping[str, str]) -> int:
        """Record a sending, and return the number of earlier sendings of the same create."""
        with self.lock:
            self.sent[prompt].append(headers)
            return len(self.sent[prompt]) - 1


@contextmanager
def losing_answers(
    url: str, losses: Mapping[str, Sequence[Loss]], on_timed_out: Callable[[bytes, int], None] = lambda _, __: None
) -> Iterator[tuple[str, BadLine]]:
    """Yield a proxy to `url`; `losses` lists for each prompt what happens to the answers to its sendings, in order.

    `on_timed_out` is called before a create is forwarded whose caller got no answer to the previous sending; it
    receives the body and the number of earlier sendings.

    While the API works on a request, the caller gets interim answers (102). A read time-out of the caller therefore
    measures how long the line is silent, and never how fast this machine is.
    """
    target = urlsplit(url)
    with _Server(f"{target.scheme}://{target.netloc}", losses, on_timed_out) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield urlunsplit((target.scheme, f"127.0.0.1:{server.server_port}", target.path, "", "")), server.line
        finally:
            server.over.set()
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, origin: str, losses: Mapping[str, Sequence[Loss]], on_timed_out: Callable[[bytes, int], None]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.origin = origin
        self.losses = losses
        self.on_timed_out = on_timed_out
        self.line = BadLine()
        self.over = threading.Event()

    def handle_error(self, *_: Any) -> None:
        """Callers that have given up are part of the test."""


class _Passage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer(self._passed_on("GET", None))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        prompt = str(json.loads(body)["input"]["prompt"]) if body else ""
        number = self.server.line.number(prompt, {name.lower(): value for name, value in self.headers.items()})
        losses = self.server.losses.get(prompt, ())
        if _loss(losses, number - 1) == "silence":
            self.server.on_timed_out(body, number)
        answer = self._passed_on("POST", body)
        match _loss(losses, number):
            case None:
                self._answer(answer)
            case "cut":
                self.close_connection = True
            case "silence":
                self.server.over.wait(PATIENCE)
                self.close_connection = True
            case "503":
                unavailable = {"code": "ServiceUnavailable", "message": "Try again later.", "request_id": "line"}
                self._write(503, "application/json", json.dumps(unavailable).encode())

    def _passed_on(self, method: str, body: bytes | None) -> requests.Response:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        with _still_working(self.wfile):
            return requests.request(
                method, f"{self.server.origin}{self.path}", data=body, headers=headers, timeout=PATIENCE
            )

    def _answer(self, answer: requests.Response) -> None:
        self._write(answer.status_code, answer.headers["Content-Type"], answer.content)

    def _write(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _loss(losses: Sequence[Loss], number: int) -> Loss | None:
    """Return what happens to the answer to one sending, the first of which is 0; None if it arrives."""
    return losses[number] if 0 <= number < len(losses) else None


@contextmanager
def _still_working(caller: BufferedIOBase) -> Iterator[None]:
    """Send `caller` an interim answer every second while the block runs."""
    done = threading.Event()

    def send() -> None:
        with suppress(OSError):  # The caller has given up.
            while not done.wait(STILL_SECONDS):
                caller.write(b"HTTP/1.1 102 Processing\r\n\r\n")

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()
