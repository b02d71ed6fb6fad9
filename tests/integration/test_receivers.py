"""Requests to receivers of webhooks: over TLS to an address that was looked up once, and never longer than allowed."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from openai import OpenAI
from standardwebhooks import Webhook

from tests.fakes.webhooks import STACK_SECRET, World
from tests.fakes.world import FakeClock
from tools.harness.patience import PATIENCE
from tools.harness.samples import NOW
from tools.harness.tls import TlsServer, certificate
from wan_video.adapters.connections import Address, Connections, PrivateAddress
from wan_video.adapters.receivers import HttpReceivers, receiver_addresses
from wan_video.adapters.signatures import sign
from wan_video.domain.delivery import Outcome
from wan_video.domain.hosts import WebhookOrigins
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.webhook import WebhookEndpoint

HOST = "hooks.example.com"
URL = f"https://{HOST}/hook?token=CANARY"
HEADERS = {"webhook-id": "evt_1", "Content-Type": "application/json"}
BODY = b'{"id": "evt_1"}'
SOON = 0.5
"""Seconds after which a request ends in tests of receivers that never answer."""


@dataclass
class Host:
    """A receiver with a certificate for a name."""

    port: int
    ca_file: str
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: answered(handler, 204)
    closing: threading.Event = field(default_factory=threading.Event)

    def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Stand for DNS and the check of addresses: the name leads to this receiver."""
        assert (host, port) == (HOST, 443)
        return [(socket.AF_INET, ("127.0.0.1", self.port))]

    def wait(self, _: BaseHTTPRequestHandler) -> None:
        """Answer nothing."""
        self.closing.wait(PATIENCE)

    def receivers(self, seconds: float = PATIENCE) -> HttpReceivers:
        return HttpReceivers(ca_file=self.ca_file, addresses=self.addresses, seconds=seconds)


def answered(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response_only(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def tls_host(folder: Path, name: str = HOST) -> Iterator[Host]:
    context, ca_file = certificate(folder, name)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            host.requests.append((self.path, dict(self.headers.items()), body))
            host.answer(self)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with TlsServer(context, Handler) as server:
        host = Host(server.server_port, ca_file)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield host
        host.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture(name="host")
def a_host(tmp_path: Path) -> Iterator[Host]:
    with tls_host(tmp_path) as found:
        yield found


def test_an_event_is_posted_to_the_path_with_its_headers_under_the_hosts_name(host: Host) -> None:
    assert host.receivers().post(URL, HEADERS, BODY) == Outcome(status_code=204)

    ((path, headers, body),) = host.requests
    assert (path, body) == ("/hook?token=CANARY", BODY)
    assert headers | HEADERS == headers
    assert headers["Host"] == HOST
    assert "Authorization" not in headers


def test_a_path_without_a_query_gets_no_question_mark(host: Host) -> None:
    host.receivers().post(f"https://{HOST}/hook", HEADERS, BODY)
    host.receivers().post(f"https://{HOST}", HEADERS, BODY)

    assert [path for path, _, _ in host.requests] == ["/hook", "/"]


@pytest.mark.parametrize("status", [200, 201, 301, 302, 307, 308, 400, 410, 429, 500, 503])
def test_the_outcome_is_the_status_and_a_redirect_is_not_followed(host: Host, status: int) -> None:
    host.answer = lambda handler: answered(handler, status, Location=URL)

    outcome = host.receivers().post(URL, HEADERS, BODY)

    assert outcome == Outcome(status_code=status)
    assert outcome.success == (200 <= status < 300)
    assert len(host.requests) == 1


def test_a_receiver_that_does_not_answer_is_left_after_the_time_that_a_request_may_take(host: Host) -> None:
    host.answer = host.wait

    assert host.receivers(SOON).post(URL, HEADERS, BODY) == Outcome(error="timeout")


def test_a_request_that_ends_because_its_time_is_up_is_a_timeout_even_if_it_ends_first(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(connections: Connections, reason: BaseException) -> None:
        begun = {thread for thread in threading.enumerate() if thread.name.endswith("(send)")}
        cut_now(connections, reason)
        for thread in begun:
            thread.join(PATIENCE)

    cut_now = Connections.cut
    monkeypatch.setattr(Connections, "cut", cut)
    host.answer = host.wait

    assert host.receivers(SOON).post(URL, HEADERS, BODY) == Outcome(error="timeout")


def test_a_receiver_that_drips_the_head_of_its_answer_is_left_too(host: Host) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not host.closing.wait(SOON / 10):
            handler.wfile.write(b"y")

    host.answer = drip

    assert host.receivers(SOON).post(URL, HEADERS, BODY) == Outcome(error="timeout")


def test_an_answer_counts_as_soon_as_its_status_is_known_however_long_the_rest_is(host: Host) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.end_headers()
        while not host.closing.is_set():
            handler.wfile.write(b"a" * 4096)

    host.answer = endless

    assert host.receivers().post(URL, HEADERS, BODY) == Outcome(status_code=200)


def test_a_name_whose_lookup_takes_too_long_is_a_timeout(host: Host) -> None:
    def never(*_: object) -> Sequence[Address]:
        host.closing.wait(PATIENCE)
        raise OSError

    assert HttpReceivers(addresses=never, seconds=SOON).post(URL, HEADERS, BODY) == Outcome(error="timeout")


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    with tls_host(tmp_path, "other.example.com") as host:
        assert host.receivers().post(URL, HEADERS, BODY) == Outcome(error="tls_failed")
        assert host.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(host: Host) -> None:
    receivers = HttpReceivers(addresses=host.addresses, seconds=PATIENCE)

    assert receivers.post(URL, HEADERS, BODY) == Outcome(error="tls_failed")
    assert host.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
    ],
)
@pytest.mark.parametrize("beside", [[], ["93.184.215.14"]])
def test_a_name_that_leads_to_a_private_address_is_refused_at_each_request(address: str, beside: list[str]) -> None:
    def look_up(host: str, port: int) -> list[Address]:
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, (one, port)) for one in [*beside, address]]

    def addresses(host: str, port: int) -> list[Address]:
        return receiver_addresses(host, port, look_up)

    receivers = HttpReceivers(addresses=addresses, seconds=PATIENCE)
    assert receivers.problem(URL) == "names a host whose address is not public"
    assert receivers.post(URL, HEADERS, BODY) == Outcome(error="address_not_public")
    with pytest.raises(PrivateAddress):
        receiver_addresses(HOST, 443, look_up)


def test_the_name_is_looked_up_once_and_only_its_first_answer_is_connected_to(host: Host) -> None:
    answers = [[(socket.AF_INET, ("127.0.0.1", host.port))], [(socket.AF_INET, ("127.0.0.1", 9))]]

    def rebound(*_: object) -> Sequence[Address]:
        return answers.pop(0)

    receivers = HttpReceivers(ca_file=host.ca_file, addresses=rebound, seconds=PATIENCE)

    assert receivers.post(URL, HEADERS, BODY) == Outcome(status_code=204)
    assert len(answers) == 1


def test_a_name_that_cannot_be_looked_up_is_its_own_outcome() -> None:
    def look_up(*_: object) -> list[Address]:
        raise socket.gaierror

    receivers = HttpReceivers(addresses=lambda host, port: receiver_addresses(host, port, look_up), seconds=PATIENCE)

    assert receivers.problem(URL) == "names a host that cannot be looked up"
    assert receivers.post(URL, HEADERS, BODY) == Outcome(error="not_resolved")


def test_addresses_of_ipv4_come_first_and_only_a_few_are_tried() -> None:
    found: list[Address] = [(socket.AF_INET6, (f"2606:4700::{number}", 443, 0, 0)) for number in range(1, 5)]
    found += [(socket.AF_INET, (f"93.184.215.{number}", 443)) for number in range(1, 3)]

    tried = receiver_addresses(HOST, 443, lambda *_: found)

    assert [address[0] for _, address in tried] == ["93.184.215.1", "93.184.215.2", "2606:4700::1"]


@pytest.mark.parametrize(
    "url", ["http://example.com/", "https://10.0.0.1/", "https://example.com:444/", "https://a@b.com/"]
)
def test_a_stored_url_that_the_rules_refuse_is_not_connected_to(url: str) -> None:
    receivers = HttpReceivers(addresses=lambda *_: pytest.fail("nothing may be looked up"), seconds=PATIENCE)

    assert receivers.post(url, HEADERS, BODY) == Outcome(error="address_not_public")


def test_only_exactly_the_origin_that_is_exempt_gets_plain_http(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    origins = WebhookOrigins.parse(f"http://127.0.0.1:{port}")

    assert HttpReceivers(origins).post(f"http://127.0.0.1:{port}/", HEADERS, BODY) == Outcome(error="connection_failed")
    for other in (f"http://127.0.0.1:{host.port}/", f"http://localhost:{port}/", f"https://127.0.0.1:{port}/"):
        assert HttpReceivers(origins).post(other, HEADERS, BODY) == Outcome(error="address_not_public")


class RealClock(FakeClock):
    """A clock whose real time is that of this machine, which the libraries compare with the signature's."""

    def real(self) -> float:
        return time.time()


def test_official_libraries_accept_an_event_over_https(host: Host) -> None:
    world = World()
    endpoint = WebhookEndpoint(id="whe_1", owner="alice", created_at=NOW, url=URL)
    world.endpoints.create(endpoint)
    notify = replace(world.notify, receivers=host.receivers(), sign=sign, clock=RealClock())
    body = json.dumps({"id": "evt_1", "object": "event", "type": "video.completed", "created_at": NOW, "data": {}})
    assert notify.announce(body, "alice") == 1
    task = world.queue.receive()
    assert task is not None
    assert notify.deliver(task) is None
    ((path, headers, received),) = host.requests
    assert (path, received.decode()) == ("/hook?token=CANARY", body)
    (secret,) = endpoint.secrets(STACK_SECRET, NOW)
    assert Webhook(secret).verify(received, {name.lower(): value for name, value in headers.items()})["id"] == "evt_1"
    event = OpenAI(api_key="unused").webhooks.unwrap(received.decode(), headers, secret=secret)
    assert (event.id, event.type) == ("evt_1", "video.completed")


def test_a_name_that_moves_to_a_private_address_between_two_deliveries_gets_the_second_one_when_it_is_back(
    tmp_path: Path,
) -> None:
    led_to = ["93.184.215.14"]
    with tls_host(tmp_path) as host, socket.create_server(("127.0.0.1", 0)) as private:
        private.setblocking(False)

        def addresses(name: str, port: int) -> Sequence[Address]:
            """Check what DNS says; then the public address is this receiver, and any other one the private server."""
            checked = receiver_addresses(name, port, lambda *_: [(socket.AF_INET, (led_to[0], port))])
            public = [address[0] for _, address in checked] == ["93.184.215.14"]
            return [(socket.AF_INET, ("127.0.0.1", host.port if public else private.getsockname()[1]))]

        world = World()
        world.endpoints.create(WebhookEndpoint(id="whe_1", owner="alice", created_at=NOW, url=URL))
        receivers = HttpReceivers(ca_file=host.ca_file, addresses=addresses, seconds=PATIENCE)
        notify = world.notify = replace(world.notify, receivers=receivers)
        events = [
            json.dumps({"id": f"evt_{number:032x}", "type": "video.completed", "created_at": NOW + number, "data": {}})
            for number in range(2)
        ]

        assert notify.announce(events[0], "alice") == 1
        world.run(60)
        led_to[0] = "127.0.0.1"
        assert notify.announce(events[1], "alice") == 1
        world.run(3600)

        assert [body.decode() for _, _, body in host.requests] == events[:1]
        (refused, _) = world.deliveries.list("whe_1", 10)
        assert refused.last_outcome == Outcome(error="address_not_public")
        assert refused.attempts > 1
        with pytest.raises(BlockingIOError):
            private.accept()

        led_to[0] = "93.184.215.14"
        world.run(DAY_SECONDS)
        assert [body.decode() for _, _, body in host.requests] == events
        ids = [
            {name.lower(): value for name, value in headers.items()}["webhook-id"] for _, headers, _ in host.requests
        ]
        assert ids == [json.loads(event)["id"] for event in events]
