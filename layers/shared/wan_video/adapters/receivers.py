"""Requests to the receivers of webhooks, to a public address that is looked up once, for ten seconds at most."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from wan_video.adapters.connections import (
    TROUBLE,
    Connections,
    Cut,
    PrivateAddress,
    look_up,
    public_addresses,
)
from wan_video.domain.delivery import Outcome
from wan_video.domain.hosts import NO_ORIGINS, WebhookOrigins, is_public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wan_video.adapters.connections import Address, Addresses

TOTAL_SECONDS: Final = 10.0
"""The real seconds for which one request may take, from the lookup of the name to the head of the answer."""

CONNECT_SECONDS: Final = 4.0
MAX_ADDRESSES: Final = 3
"""The most addresses of a name that are tried."""

MAX_ANSWER_BYTES: Final = 64 * 1024
"""The most bytes of an answer that are read; they are thrown away."""

TIMEOUT: Final = Outcome(error="timeout")


class NotResolved(OSError):
    """Raised when a host name cannot be looked up."""


def receiver_addresses(host: str, port: int, look_up: Addresses = look_up) -> list[Address]:
    """Look up a host name once and return its addresses, all of which must be public.

    Raises NotResolved, and PrivateAddress also for a name that leads to private addresses among others: that is no
    receiver on the internet.
    """
    try:
        found = look_up(host, port)
    except OSError:
        raise NotResolved from None
    if not all(is_public(ip_address(address[0])) for _, address in found):
        raise PrivateAddress(host)
    # IPv4 first, because functions outside a VPC have no route for IPv6.
    by_family = sorted(found, key=lambda one: one[0] != socket.AF_INET)
    return public_addresses(host, port, lambda *_: by_family)[:MAX_ADDRESSES]


class HttpReceivers:
    """The port `Receivers`. `origins` are exempt from the rules for addresses.

    `ca_file` replaces the authorities whose certificates are accepted, as behind a proxy that inspects TLS. `addresses`
    replaces the lookup of host names; only tests use it.
    """

    def __init__(
        self,
        origins: WebhookOrigins = NO_ORIGINS,
        ca_file: str | None = None,
        addresses: Addresses = receiver_addresses,
        seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._origins = origins
        self._ca_file = ca_file
        self._addresses = addresses
        self._seconds = seconds

    def problem(self, url: str) -> str | None:
        if self._origins.exempt(url):
            return None
        try:
            self._addresses(urlsplit(url).hostname or "", 443)
        except PrivateAddress:
            return "names a host whose address is not public"
        except OSError:
            return "names a host that cannot be looked up"
        return None

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        if self._origins.problem(url) is not None:
            return Outcome(error="address_not_public")
        connections = Connections(min(CONNECT_SECONDS, self._seconds), self._ca_file, self._addresses)
        outcomes: list[Outcome] = []
        answered = threading.Event()

        def send() -> None:
            try:
                self._send(connections, url, headers, body, outcomes)
            finally:
                answered.set()

        # In a thread of its own, because nothing can interrupt the lookup of a name.
        threading.Thread(target=send, daemon=True).start()
        if not answered.wait(self._seconds):
            connections.cut(TimeoutError())
        return outcomes[0] if outcomes else TIMEOUT

    def _send(
        self,
        connections: Connections,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        outcomes: list[Outcome],
    ) -> None:
        """Send the request and append its outcome as soon as it is known."""
        # Only HTTPS goes to addresses that are checked; plain HTTP is used only for an origin that is exempt.
        connection = connections.new(self._seconds, to_results=not self._origins.exempt(url))
        try:
            length = {"Content-Length": str(len(body))}
            response = connection.request("POST", urlsplit(url), {**headers, **length}, [body])
            outcomes.append(Outcome(status_code=response.status))
            with suppress(*TROUBLE):
                response.read(MAX_ANSWER_BYTES)
        except (PrivateAddress, Cut, *TROUBLE) as error:
            outcomes.append(Outcome(error=_name(error)))
        finally:
            connections.close()


def _name(error: Exception) -> str:
    """Return the name of what prevented an answer; the text of the error may quote the URL."""
    match error:
        case PrivateAddress():
            return "address_not_public"
        case NotResolved():
            return "not_resolved"
        case TimeoutError() | Cut():
            return "timeout"
        case ssl.SSLError():
            return "tls_failed"
    return "connection_failed"
