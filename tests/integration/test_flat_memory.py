"""A copy needs as much memory for a long video as for a short one; each is measured in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.harness.patience import PATIENCE

MIB = 1024 * 1024
SHORT, LONG = 20 * MIB, 1024 * MIB
MOST = 100 * MIB
GROWS = 1.10

COPY = """
import re, sys
from pathlib import Path
from boto3.session import Session
from botocore.config import Config
from wan_video.adapters.s3.objects import S3Objects
from wan_video.adapters.transfer import StreamTransfer

session = Session()
client = session.client("s3", config=Config(request_checksum_calculation="when_required"))
transfer = StreamTransfer(client, session.get_credentials(), "videos", S3Objects(lambda: client, "videos"))
for url in sys.argv[1:]:
    copied = transfer.copy(lambda: url, "videos/film", "task", 600).bytes
    # Not getrusage, which counts the parent's memory until the exec.
    print(copied, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


class ForgetfulS3(BaseHTTPRequestHandler):
    """The part of S3 that a multipart upload needs; the parts themselves are discarded."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Create or complete an upload."""
        self._forget()
        if self.path.endswith("?uploads"):
            self._say("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        else:
            self._say('<CompleteMultipartUploadResult><ETag>"a-1"</ETag></CompleteMultipartUploadResult>')

    def do_PUT(self) -> None:
        """Receive a part."""
        self._forget()
        self._say("")

    def log_message(self, *_: object) -> None:
        """Log nothing."""

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
    """An S3 outside the measured process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ForgetfulS3) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class EmptyFilms(BaseHTTPRequestHandler):
    """A result host of films that consist of zeros; the path is the length in bytes."""

    protocol_version = "HTTP/1.1"
    zeros = memoryview(bytes(MIB))

    def do_GET(self) -> None:
        """Send a range."""
        length = int(self.path.strip("/?"))
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        self.send_response(206)
        self.send_header("ETag", '"a"')
        self.send_header("Content-Range", f"bytes {first}-{last}/{length}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if first == 0:
            self.wfile.write(b"\x00\x00\x00\x18ftypisom")
        for at in range(12 if first == 0 else first, last + 1, MIB):
            self.wfile.write(self.zeros[: min(MIB, last + 1 - at)])

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def films() -> Iterator[str]:
    """A result host outside the measured process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyFilms) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_gigabyte_needs_hardly_more_memory_than_twenty_megabytes_do(
    credentials: None, endpoint: str, films: str
) -> None:
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", COPY, f"{films}/{SHORT}", f"{films}/{LONG}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (short_bytes, short_peak), (long_bytes, long_peak) = (map(int, line.split()) for line in done.stdout.splitlines())
    print(f"peak memory: {short_peak} KiB for {SHORT} bytes, {long_peak} KiB for {LONG}")
    assert (short_bytes, long_bytes) == (SHORT, LONG)
    assert long_peak * 1024 <= MOST
    assert long_peak <= GROWS * short_peak
