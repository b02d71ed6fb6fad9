"""A way to the API on which answers are lost: creates are taken, and their callers do not learn of it."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import requests

PATIENCE: Final = 120

Loss = Literal["cut", "silence", "503"]
"""What becomes of an answer: the connection is closed, or stays open without a byte, or a 503 takes its place."""

LOSSES: Final[Sequence[Loss]] = ("cut", "silence", "503")


@dataclass
class BadLine:
    """What passed a bad line: how often each create was sent, by its prompt, and with which headers."""

    sent: dict[str, list[Mapping[str, str]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self, prompt: str, headers: Mapping[str, str]) -> int:
        """Note a sending; gives how many of that create there were before."""
        with self.lock:
            self.sent[prompt].append(headers)
            return len(self.sent[prompt]) - 1


@contextmanager
def losing_answers(
    url: str, losses: Mapping[str, Sequence[Loss]], on_silence: Callable[[bytes], None] = lambda _: None
) -> Iterator[tuple[str, BadLine]]:
    """A way to `url`; `losses` says for each prompt what becomes of the answers to its sendings, one after another.

    `on_silence` is called with the body of a create that was taken and whose caller waits for its answer in vain.
    """
    line, over = BadLine(), threading.Event()
    target = urlsplit(url)

    class Passage(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(self._passed_on("GET", None))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            prompt = json.loads(body)["input"]["prompt"] if body else ""
            number = line.number(prompt, {name.lower(): value for name, value in self.headers.items()})
            answer = self._passed_on("POST", body)
            wanted = losses.get(prompt, ())
            if number >= len(wanted):
                self._answer(answer)
                return
            match wanted[number]:
                case "cut":
                    self.close_connection = True
                case "silence":
                    on_silence(body)
                    over.wait(PATIENCE)
                    self.close_connection = True
                case "503":
                    unavailable = {"code": "ServiceUnavailable", "message": "Try again later.", "request_id": "line"}
                    self._write(503, "application/json", json.dumps(unavailable).encode())

        def _passed_on(self, method: str, body: bytes | None) -> requests.Response:
            path = urlunsplit((target.scheme, target.netloc, self.path, "", ""))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            return requests.request(method, path, data=body, headers=headers, timeout=PATIENCE)

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

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """Callers that have given up are what this line is about."""

    with Server(("127.0.0.1", 0), Passage) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield urlunsplit((target.scheme, f"127.0.0.1:{server.server_port}", target.path, "", "")), line
        finally:
            over.set()
            server.shutdown()
