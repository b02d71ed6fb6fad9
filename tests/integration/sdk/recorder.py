"""A loopback server that records what a client sends and returns a few canned answers of Wan."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from werkzeug.formparser import parse_form_data

from tools.harness.patience import PATIENCE

Json = dict[str, Any]

TASK_ID: Final = "5b65411f-d946-4e29-859e-000000000000"
UPLOAD_PATH: Final = "/upload-host"

_UNTOLD: Final = frozenset({"host", "connection", "accept-encoding", "content-length", "date"})
"""Headers that the HTTP library sets and that change from run to run."""
_VOLATILE: Final = frozenset({"user-agent", "x-dashscope-sdk-client", "x-dashscope-sdk-session-id", "idempotency-key"})
"""Headers of which only the presence is recorded."""


@dataclass
class Recorder:
    """The requests so far, in order; if `canned` is set, it answers every request, with `status`."""

    origin: str
    requests: list[Json] = field(default_factory=list)
    canned: Json | None = None
    status: int = 200

    @property
    def base_url(self) -> str:
        """The base URL for clients; it ends in `/api/v1`."""
        return f"{self.origin}/api/v1"

    def take(self) -> list[Json]:
        """Return the requests since the last call."""
        taken, self.requests = self.requests, []
        return taken

    def answer(self, method: str, path: str) -> Json:
        """Return the canned answer to a request."""
        if self.canned is not None:
            return self.canned
        pending = {"task_id": TASK_ID, "task_status": "PENDING"}
        if path.rstrip("/").endswith("/tasks"):
            return {"total": 0, "data": [], "total_page": 0, "page_no": 1, "page_size": 10, "request_id": "r"}
        if path.rstrip("/").endswith("/cancel"):
            return {"request_id": "r"}
        if path.endswith("/uploads"):
            return {"request_id": "r", "data": self._policy()}
        return {"request_id": "r", "output": pending}

    def _policy(self) -> Json:
        return {
            "policy": "e30=",
            "signature": "c2ln",
            "upload_dir": "dashscope-instant/0/2026-05-28/0",
            "upload_host": f"{self.origin}{UPLOAD_PATH}",
            "oss_access_key_id": "LTAIRecorder",
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record on a free loopback port while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._record()

        def do_POST(self) -> None:
            self._record()

        def _record(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            recorder.requests.append(_told(self.command, self.path, dict(self.headers.items()), content))
            body = json.dumps(recorder.answer(self.command, urlsplit(self.path).path)).encode()
            self.send_response(recorder.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        recorder = Recorder(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield recorder
        server.shutdown()
        thread.join(PATIENCE)


def _told(method: str, target: str, headers: Mapping[str, str], content: bytes) -> Json:
    """Return a request as the fixtures keep it: values that change from run to run are removed or named."""
    parts = urlsplit(target)
    recorded: Json = {
        "method": method,
        "path": parts.path,
        "headers": {name: _value(name, value) for name, value in _lowered(headers) if name not in _UNTOLD},
    }
    if parts.query:
        recorded["query"] = dict(parse_qsl(parts.query, keep_blank_values=True))
    kind = recorded["headers"].get("content-type", "")
    if kind.startswith("multipart/form-data"):
        recorded["form"] = _form(headers, content)
    elif content:
        recorded["body"] = json.loads(content)
    return recorded


def _lowered(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in headers.items())


def _value(name: str, value: str) -> str:
    if name in _VOLATILE:
        return "<volatile>"
    if name == "authorization":
        return f"{value.partition(' ')[0]} <key>"
    return value.partition("boundary=")[0] + "boundary=<volatile>" if "boundary=" in value else value


def _form(headers: Mapping[str, str], content: bytes) -> Json:
    kind = next(value for name, value in headers.items() if name.lower() == "content-type")
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
    }
    _, fields, files = parse_form_data(environ)
    for file in files.values():
        file.close()
    return {"fields": dict(sorted(fields.items())), "files": {name: file.filename for name, file in files.items()}}
