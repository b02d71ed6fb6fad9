"""`python -m bench.transfer.servers films|s3 CERTIFICATE [DELAY RATE]`: one TLS server; the first line is its address.

Both servers do as little as possible, most of it outside of Python, so that the contender is measured.
"""

from __future__ import annotations

import re
import socketserver
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

PIECE = 1024 * 1024
FTYP = b"\x00\x00\x00\x18ftypisom"
_LENGTH = re.compile(r"/(\d+)")


class Films(BaseHTTPRequestHandler):
    """A result host that serves an MP4 header and zeros, in ranges as OSS does. The path is the number of bytes."""

    protocol_version = "HTTP/1.1"
    zeros: ClassVar[memoryview] = memoryview(bytes(PIECE))
    delay: ClassVar[float] = 0.0
    rate: ClassVar[float] = 0.0

    def do_HEAD(self) -> None:
        """Send only the headers."""
        self.do_GET(body=False)

    def do_GET(self, *, body: bool = True) -> None:
        """Send the whole object, or the requested range."""
        time.sleep(self.delay)
        match = _LENGTH.match(self.path)
        size = int(match[1]) if match else 0
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = (int(span[1]), int(span[2] or size - 1)) if span else (0, size - 1)
        whole = span is None or last >= size
        first, last = (0, size - 1) if whole else (first, last)
        self.send_response_only(200 if whole else 206)
        if not whole:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        for name, value in (("ETag", '"AB12"'), ("Accept-Ranges", "bytes"), ("Content-Type", "video/mp4")):
            self.send_header(name, value)
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 10:00:00 GMT")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if body:
            self.send(first, last)

    def send(self, first: int, last: int) -> None:
        """Send the bytes at the rate of the connection."""
        began, sent, position = time.monotonic(), 0, first
        step = PIECE // 4 if self.rate else PIECE
        while position <= last:
            piece = FTYP[position:] if position < len(FTYP) else self.zeros[: min(step, last + 1 - position)]
            self.connection.sendall(piece)
            position += len(piece)
            sent += len(piece)
            if self.rate:
                time.sleep(max(0.0, began + sent / self.rate - time.monotonic()))

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Sink(BaseHTTPRequestHandler):
    """The part of S3 that an upload needs; it discards what is uploaded."""

    protocol_version = "HTTP/1.1"
    rbufsize = 64 * 1024

    def setup(self) -> None:
        """Reuse one buffer, because new memory for each read would cost more than the read."""
        super().setup()
        self.room = memoryview(bytearray(PIECE))

    def do_HEAD(self) -> None:
        """Answer that no object exists."""
        self.say(404 if self.path.count("/") > 1 else 200, "")

    def do_GET(self) -> None:
        """Answer with an empty list."""
        self.say(200, "<ListBucketResult></ListBucketResult>")

    def do_POST(self) -> None:
        """Create or complete an upload."""
        self.discard()
        if "uploads" in self.path:
            self.say(200, "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        else:
            self.say(200, '<CompleteMultipartUploadResult><ETag>"a-1"</ETag></CompleteMultipartUploadResult>')

    def do_PUT(self) -> None:
        """Take an object or a part."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        self.discard()
        self.say(200, "")

    def handle_expect_100(self) -> bool:
        """Send no answer here; `do_PUT` sends it before it reads the body."""
        return True

    def discard(self) -> None:
        """Read a body to its end, given its length or in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            tail = b""
            while not tail.endswith(b"0\r\n\r\n"):
                if not (got := self.rfile.readinto1(self.room)):
                    return
                tail = (tail + bytes(self.room[:got][-8:]))[-8:]
            return
        left = int(self.headers.get("Content-Length", 0))
        while left and (got := self.rfile.readinto1(self.room[:left])):
            left -= got

    def say(self, status: int, xml: str) -> None:
        """Send an answer."""
        self.send_response_only(status)
        self.send_header("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')
        self.send_header("Content-Length", str(len(xml)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(xml.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """A server whose handshakes do not delay other connections, and that logs no broken connections."""

    request_queue_size = 64

    def finish_request(self, request: object, client_address: object) -> None:
        """Do the TLS handshake in the connection's own thread, after the two round trips of TCP and TLS."""
        if role == "films":
            time.sleep(2 * Films.delay)
        secured = context.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
        socketserver.BaseServer.finish_request(self, secured, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing."""


if __name__ == "__main__":
    role, certificate, *pace = sys.argv[1:]
    if pace:
        Films.delay, Films.rate = map(float, pace)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(("127.0.0.1", 0), {"films": Films, "s3": Sink}[role]) as server:
        print(f"https://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
