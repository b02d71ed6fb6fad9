"""A copy connects over TLS, to a public address that was looked up once."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from tests.integration.transfer.copying import BUCKET, KEY, LIMITS, TASK, TIME, Bucket, big, client_of
from tools.harness.patience import PATIENCE
from tools.harness.s3_server import SIGNS_WITH
from tools.harness.tls import TlsServer, certificate
from wan_video.adapters.connections import Address, public_addresses
from wan_video.adapters.s3.objects import S3Objects
from wan_video.adapters.transfer import StreamTransfer
from wan_video.domain.video import StoredObject
from wan_video.errors import DeliveryInterrupted

HOST = "dashscope-result-test.oss-cn-beijing.aliyuncs.com"
"""A name that cannot be resolved here, so that a second lookup would fail."""
FILM = big(4096)


@dataclass
class TlsHost:
    """A result host with a certificate for a name; it counts the connections that it accepts."""

    port: int
    ca_file: str
    connections: list[object]

    @property
    def link(self) -> str:
        return f"https://{HOST}:{self.port}/film.mp4?Signature=CANARY"


@contextmanager
def tls_host(folder: Path, name: str = HOST) -> Iterator[TlsHost]:
    context, ca_file = certificate(folder, name)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(FILM)))
            self.end_headers()
            self.wfile.write(FILM)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with TlsServer(context, Handler) as server:
        host = TlsHost(server.server_port, ca_file, server.accepted)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@dataclass
class Dns:
    """Answer each lookup with the next list of addresses, and repeat the last one."""

    answers: list[list[str]]
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append((host, port))
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, (address, port)) for address in addresses]


def copied(bucket: Bucket, host: TlsHost, addresses: Callable[[str, int], Sequence[Address]]) -> StoredObject:
    client = client_of(bucket.s3.url)
    transfer = StreamTransfer(
        client,
        Credentials("testing", SIGNS_WITH),
        BUCKET,
        S3Objects(lambda: client, BUCKET),
        limits=LIMITS,
        ca_file=host.ca_file,
        addresses=addresses,
    )
    return transfer.copy(lambda: host.link, KEY, TASK, TIME)


def test_a_copy_connects_to_the_checked_address_without_a_second_lookup(bucket: Bucket, tmp_path: Path) -> None:
    with tls_host(tmp_path) as host:
        dns = Dns([["127.0.0.1"], ["192.0.2.1"]])
        copied(bucket, host, dns)

    assert bucket.body == FILM
    assert dns.asked == [(HOST, host.port)]


def test_a_name_with_a_private_address_gets_no_connection(bucket: Bucket, tmp_path: Path) -> None:
    with tls_host(tmp_path) as host:
        dns = Dns([["127.0.0.1", "10.0.0.1"]])
        with pytest.raises(DeliveryInterrupted) as caught:
            copied(bucket, host, lambda name, port: public_addresses(name, port, dns))

    assert caught.value.code == "host_not_public"
    assert "CANARY" not in str(caught.value)
    assert (host.connections, bucket.is_empty) == ([], True)


def test_the_certificate_must_match_the_name_at_any_address(bucket: Bucket, tmp_path: Path) -> None:
    with tls_host(tmp_path, "evil.example") as host, pytest.raises(DeliveryInterrupted) as caught:
        copied(bucket, host, Dns([["127.0.0.1"]]))

    assert caught.value.code == "download_failed"
    assert bucket.is_empty


def test_after_an_address_that_does_not_answer_the_next_is_tried(bucket: Bucket, tmp_path: Path) -> None:
    with tls_host(tmp_path) as host:

        def addresses(name: str, port: int) -> list[Address]:
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                dead = unused.getsockname()
            return [(socket.AF_INET, dead), (socket.AF_INET, ("127.0.0.1", port))]

        copied(bucket, host, addresses)

    assert bucket.body == FILM
