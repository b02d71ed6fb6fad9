"""Receivers of webhooks that fail in every way, and a record of what each of them was sent."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from standardwebhooks import Webhook, WebhookVerificationError

from tests.chaos.plan import OWNER, THRIFTY, Dice

Kind = Literal["steady", "flaky", "gone", "down", "moving"]

KINDS: Final[Mapping[str, Sequence[Kind]]] = {
    OWNER: ("steady", "flaky", "gone", "down", "moving"),
    THRIFTY: ("steady", "flaky"),
}
"""The endpoints of each owner.

`gone` answers 410. Nothing listens at `down` until `open` is called. The name of `moving` leads to a private address as
soon as its endpoint is created, so nothing may be sent there.
"""

OWED: Final[Sequence[Kind]] = ("steady", "flaky", "down")
"""The endpoints that every event of their owner has to reach."""

CALLBACK: Final = "callback"
CALLBACK_GONE: Final = "callback-gone"
"""A callback whose receiver answers 410, which ends only this delivery."""

CALLBACKS: Final = 0.4
CALLBACKS_GONE: Final = 0.1
"""The share of the videos and batches with a callback, and the share that is answered with 410."""

MOVING_HOST: Final = "moving.example.com"
TOKEN: Final = "hooktoken-5b1d90ce"
"""A word in every callback URL; it must not reach any log, history or notice."""

FAULTS: Final[Mapping[str, float]] = {"500": 0.12, "503": 0.12, "302": 0.08, "308": 0.08, "reset": 0.08, "hang": 0.04}
FAULTY_ATTEMPTS: Final = 3
"""The number of attempts to deliver one event to one receiver that may meet a fault."""

HANG_SECONDS: Final = 20.0
"""Real seconds without an answer: longer than a request may take."""

REDIRECTED: Final = "/redirected"


@dataclass(frozen=True)
class Hook:
    """An endpoint that the harness created."""

    id: str
    owner: str
    kind: Kind

    @property
    def path(self) -> str:
        """The path of its URL, which names the owner."""
        return f"/{self.owner}/{self.kind}"


@dataclass(frozen=True)
class Posted:
    """One request to a receiver, and the status that it was answered with; 0 if there was no answer."""

    path: str
    webhook_id: str
    body: str
    signed: bool
    status: int


class Receivers:
    """Two servers on loopback while the block runs: one listens from the beginning, the other from `open` on."""

    def __init__(self, seed: int) -> None:
        self.posted: list[Posted] = []
        self.redirected = 0
        """Requests that followed a redirect."""
        self._seed = seed
        self._dice = Dice(seed, "webhooks", FAULTS)
        self._secrets: dict[tuple[str, str], str] = {}
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=True)
        # A port that is bound and not listened on refuses connections.
        self._down = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=False)
        self._down.server_bind()

    @property
    def origins(self) -> str:
        """Both origins, separated by a comma."""
        return ",".join(_origin(server) for server in (self._server, self._down))

    @property
    def faults(self) -> Mapping[str, int]:
        """The number of faults of each kind that requests have met."""
        return self._dice.thrown

    def url(self, owner: str, kind: Kind) -> str:
        """Return the URL of an endpoint."""
        if kind == "moving":
            return f"https://{MOVING_HOST}/{owner}/{kind}"
        return f"{_origin(self._down if kind == 'down' else self._server)}/{owner}/{kind}"

    def callback(self, owner: str, name: str) -> str | None:
        """Return the callback URL of a video or batch, if it has one; the same name always gets the same."""
        at = Random(f"{self._seed}/callbacks/{name}").random()
        if at >= CALLBACKS:
            return None
        kind = CALLBACK_GONE if at < CALLBACKS_GONE * CALLBACKS else CALLBACK
        return f"{_origin(self._server)}/{owner}/{kind}/{name}?token={TOKEN}"

    def expect(self, owner: str, kind: str, secret: str) -> None:
        """Check the signatures of requests to one kind of path with a secret."""
        self._secrets[owner, kind] = secret

    def open(self) -> None:
        """Listen at `down`."""
        self._down.server_activate()
        threading.Thread(target=self._down.serve_forever, args=(0.1,), daemon=True).start()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        for server in (self._server, self._down):
            server.socket.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if self.path.startswith(REDIRECTED):
                    receivers.redirected += 1
                    return
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fault = receivers._receive(urlsplit(self.path).path, dict(self.headers.items()), body)
                if fault == "hang":
                    receivers._closing.wait(HANG_SECONDS)
                elif fault != "reset":
                    self.send_response_only(int(fault))
                    self.send_header("Location", f"{_origin(receivers._server)}{REDIRECTED}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            def do_GET(self) -> None:
                receivers.redirected += 1

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler

    def _receive(self, path: str, headers: Mapping[str, str], body: str) -> str:
        """Record a request, and return the status of its answer, or the fault that it meets."""
        named = {name.lower(): value for name, value in headers.items()}
        webhook_id = named.get("webhook-id", "")
        _, owner, kind, *_ = path.split("/")
        with self._lock:
            self._attempts[path, webhook_id] += 1
            answer = self._answer(kind, self._attempts[path, webhook_id])
            status = int(answer) if answer.isdigit() else 0
            signed = _is_signed(body, named, self._secrets.get((owner, kind)))
            self.posted.append(Posted(path, webhook_id, body, signed, status))
        return answer

    def _answer(self, kind: str, attempt: int) -> str:
        if kind in ("gone", CALLBACK_GONE):
            return "410"
        fails = kind in ("flaky", CALLBACK) and attempt <= FAULTY_ATTEMPTS
        return (self._dice.throw() if fails else None) or "204"


def _origin(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def _is_signed(body: str, headers: dict[str, str], secret: str | None) -> bool:
    if secret is None:
        return False
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


@dataclass(frozen=True)
class Webhooks:
    """What a run shows of webhooks, from outside the stack.

    `callbacks` are the paths of callback URLs by the id of their video or batch. `events` are the bodies of each final
    event on the topic by its id, and `owners` who has requested what each of them is about. `disabled` are the
    endpoints that the API shows as disabled, and `trapped` counts the connections to the private address of `moving`.
    """

    hooks: Sequence[Hook]
    callbacks: Mapping[str, str]
    events: Mapping[str, frozenset[str]]
    owners: Mapping[str, str]
    posted: Sequence[Posted]
    disabled: frozenset[str] = frozenset()
    redirected: int = 0
    trapped: int = 0

    @property
    def delivered(self) -> frozenset[tuple[str, str]]:
        """The events that were accepted, each with the path that accepted it."""
        return frozenset((one.webhook_id, one.path) for one in self.posted if 200 <= one.status < 300)

    def missing(self) -> list[tuple[str, str]]:
        """Return the events that have not reached a path that they have to reach."""
        delivered = self.delivered
        return [
            (event_id, path)
            for event_id in self.events
            for path in self._paths(event_id)
            if (event_id, path) not in delivered
        ]

    def callback_of(self, event_id: str) -> str | None:
        """Return the path of the callback of what an event is about."""
        return self.callbacks.get(_event(self.events[event_id])["data"]["id"])

    def _paths(self, event_id: str) -> list[str]:
        owner = self.owners.get(event_id)
        paths = [hook.path for hook in self.hooks if hook.owner == owner and hook.kind in OWED]
        callback = self.callback_of(event_id)
        if callback is not None and callback.split("/")[2] == CALLBACK:
            paths.append(callback)
        return paths


def _event(bodies: frozenset[str]) -> Mapping[str, Any]:
    event: dict[str, Any] = json.loads(min(bodies))
    return event
