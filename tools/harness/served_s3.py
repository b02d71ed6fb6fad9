"""moto's S3 on loopback: what a function sends over its own connections reaches the buckets of botocore's calls."""

from __future__ import annotations

import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from tools.harness.stack import REGION

_HOST = f"s3.{REGION}.amazonaws.com"


@cache
def served_s3() -> str:
    """Return the URL of the server, which runs until the process ends; it answers only within `fake_aws`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 60.0}, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """Hand each request to moto, as if botocore were about to send it."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        headers = HTTPHeaders()
        for name, value in self.headers.items():
            headers[name] = _HOST if name.lower() == "host" else value
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = AWSPreparedRequest(self.command, f"https://{_HOST}{self.path}", headers, body, stream_output=False)
        answer = botocore_stubber(event_name="before-send", request=request)
        content = b"" if answer is None or self.command == "HEAD" else answer.content
        self.send_response_only(503 if answer is None else answer.status_code)
        for name, value in {} if answer is None else answer.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding") or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Log nothing."""
