"""HTTP servers on loopback that speak TLS, with certificates of an authority of their own."""

from __future__ import annotations

import socket
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, str]:
    """Return the context of a server with a certificate for `name`, and the file of the authority that issued it."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca_file = str(folder / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert(name).configure_cert(context)
    return context, ca_file


class TlsServer(ThreadingHTTPServer):
    """A server whose handshakes take place in the threads of their connections; `accepted` lists the clients."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.accepted: list[object] = []
        self._context = context

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection."""
        connection, address = super().get_request()
        self.accepted.append(address)
        return connection, address

    def finish_request(self, request: object, client_address: object) -> None:
        """Answer one connection, unless the client refuses the certificate or ends the connection."""
        assert isinstance(request, socket.socket)
        try:
            with self._context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:
            """The client is gone."""
