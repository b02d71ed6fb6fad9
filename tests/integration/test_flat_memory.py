"""A copy needs as much memory for a long video as for a short one; measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.integration.raw_server import raw_server

MIB = 1024 * 1024
SHORT, LONG = 24 * MIB, 96 * MIB
MAY_GROW = 16 * MIB
"""Two parts: what the allocator may keep, and far less than the difference in length."""

COPY = """
import resource, sys
from boto3.session import Session
from wan_video.adapters.objects import S3Objects
from wan_video.adapters.transfer import StreamTransfer

client = Session().client("s3")
copy = StreamTransfer(client, "videos", S3Objects(client, "videos")).copy
for url in sys.argv[1:]:
    print(copy(url, "videos/" + url.rpartition("/")[2]).bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class ForgetfulS3(BaseHTTPRequestHandler):
    """As much of S3 as an upload in parts needs; the parts themselves are forgotten."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Begin or complete an upload."""
        self._forget()
        if self.path.endswith("?uploads"):
            self._say("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        else:
            self._say('<CompleteMultipartUploadResult><ETag>"a-1"</ETag></CompleteMultipartUploadResult>')

    def do_PUT(self) -> None:
        """Take a part."""
        self._forget()
        self._say("")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _forget(self) -> None:
        left = int(self.headers.get("Content-Length", 0))
        while left:
            left -= len(self.rfile.read(min(left, MIB)))

    def _say(self, xml: str) -> None:
        self.send_response(200)
        self.send_header("ETag", '"a"')
        self.send_header("Content-Length", str(len(xml)))
        self.end_headers()
        self.wfile.write(xml.encode())


@pytest.fixture
def endpoint() -> Iterator[str]:
    """An S3 outside of the process that is measured."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ForgetfulS3) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_memory_does_not_grow_with_the_length_of_the_video(credentials: None, endpoint: str) -> None:
    megabyte = b"\x00\x00\x00\x18ftypisom" + b"\x00" * (MIB - 12)

    def film(size: int) -> bytes:
        return f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + megabyte * (size // MIB)

    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
    with (
        raw_server(lambda connection, _: connection.sendall(film(SHORT))) as short,
        raw_server(lambda connection, _: connection.sendall(film(LONG))) as long,
    ):
        done = subprocess.run(
            [sys.executable, "-c", COPY, f"{short.url}/short", f"{long.url}/long"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    (short_bytes, short_peak), (long_bytes, long_peak) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert (short_bytes, long_bytes) == (SHORT, LONG)
    assert (long_peak - short_peak) * 1024 < MAY_GROW
