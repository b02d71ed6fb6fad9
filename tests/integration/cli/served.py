"""The real API on a loopback port: its own routes over rows in memory, and the objects its links lead to."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from functions.api import account, content, videos
from functions.api.app import App
from tests.fakes.samples import DEFAULTS, NOW, TODAY, known_task, stored
from tests.fakes.store import MemoryStore
from tests.fakes.world import FakeClock, FakeObjects, FakeRepeats, FakeTokens
from tests.integration.lambdas import Event, event
from tests.template import source
from wan_video import observe
from wan_video.domain.video import Failure, Reservation, Task, TaskStatus, Usage, Video, metadata_key, video_key
from wan_video.errors import Unauthorized
from wan_video.ports import Token, VideoQuery
from wan_video.services.api import Api
from wan_video.services.authorize import Authorize
from wan_video.services.intake import Intake

TOKEN: Final = "wv_CANARY-TOKEN-of-alice"
STAGE: Final = "/v1"
FILM: Final = b"a film, to the last byte" * 4096
THROTTLED: Final = b'{"detail": "Too many requests at once.", "error": {"code": "throttled"}}'

Mishap = Callable[[BaseHTTPRequestHandler, bytes], bool]
"""Spoils one answer: gets the handler and the whole answer; gives whether the connection is to be cut."""


class Bucket(FakeObjects):
    """Objects whose links work."""

    base_url = ""

    def link(self, key: str, *, filename: str, seconds: int, save: bool = False) -> str:
        return f"{self.base_url}/bucket/{key}?X-Amz-Signature=CANARY-LINK"


@dataclass
class Served:
    """A running API, and what a test does behind its back."""

    store: MemoryStore
    bucket: Bucket
    clock: FakeClock
    tokens: FakeTokens
    api_url: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path with its query, and headers of every request, in order."""
    mishaps: list[Mishap] = field(default_factory=list)
    """Each spoils the answer to the next request."""
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    """Each happens before the next reading of a video."""

    def key_headers(self) -> list[str]:
        """The Idempotency-Key of every POST that came with one."""
        return [headers["idempotency-key"] for _, _, headers in self.requests if "idempotency-key" in headers]

    def the_video(self) -> Video:
        """The newest video there is."""
        return next(iter(self.store.list("alice", VideoQuery(limit=1))[0]))

    def start(self) -> None:
        """The newest video gets a place and is submitted."""
        video = self.the_video()
        starting = video.start(int(NOW), Reservation(TODAY, video.request.seconds))
        started = self.store.start(video, starting, places=6, budgets={video.owner: None})
        task = Task(id=f"task-of-{video.id}", accepted_at=int(NOW), status=TaskStatus.RUNNING)
        self.store.save(started, started.submitting(int(NOW)).submitted(int(NOW), task))

    def complete(self) -> None:
        """The newest video, which is under way, is stored and announced."""
        video = self.the_video()
        task = replace(known_task(video), status=TaskStatus.SUCCEEDED)
        paid = Usage(video.estimate.seconds, video.estimate.price, video.estimate.currency)
        made = video.task_seen(int(NOW), task, 1).task_succeeded(int(NOW), paid)
        there = stored(video.id, bytes=len(FILM))
        self.bucket.stored[video_key(video.id)] = there
        self.bucket.put_json(metadata_key(video.id), {"id": video.id})
        self.store.save(video, made.completed(int(NOW), there).announced(int(NOW)))

    def fail(self) -> None:
        """Wan refuses the newest video, which is under way."""
        video = self.the_video()
        error = Failure("DataInspectionFailed", "Input data may contain inappropriate content.", "poll", False)
        self.store.save(video, video.ended(int(NOW), error).announced(int(NOW)))


def pass_on(handler: BaseHTTPRequestHandler, answer: bytes) -> bool:
    """Nothing is spoilt."""
    handler.wfile.write(answer)
    return False


def lose_answer(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
    """The request was carried out, and the connection breaks before the answer."""
    return True


def cut(handler: BaseHTTPRequestHandler, answer: bytes) -> bool:
    """The connection breaks a little before the end of the answer."""
    handler.wfile.write(answer[:-10])
    return True


def answer_instead(status: int, body: bytes = b"", **headers: str) -> Mishap:
    """Something else in front of the API answers."""

    def mishap(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
        handler.wfile.write(_raw(status, {n.replace("_", "-"): v for n, v in headers.items()}, body))
        return False

    return mishap


@contextmanager
def served() -> Iterator[Served]:
    """The API while the block runs, with one token, of alice."""
    api = Served(MemoryStore(), Bucket(), FakeClock(), FakeTokens())
    api.tokens.by_digest[hashlib.sha256(TOKEN.encode()).hexdigest()] = Token("alice", frozenset({"read", "write"}))
    app = _app(api, Intake(api.clock, DEFAULTS))
    server = _Server(("127.0.0.1", 0), _handler(api, app))
    api.bucket.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    api.api_url = api.bucket.base_url + STAGE
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        with _own_log():
            yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _own_log() -> Iterator[None]:
    """Let the API log to this test's own standard output, and never to that of a command."""
    with pytest.MonkeyPatch.context() as environment:
        # A logger is kept by its service's name for as long as this process lives.
        environment.setenv("POWERTOOLS_SERVICE_NAME", f"service-{uuid.uuid4()}")
        observe.logger.cache_clear()
        observe.logger()
        yield
        observe.logger.cache_clear()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Connections that break are what these tests are about."""


def _app(api: Served, intake: Intake) -> App:
    app = App()
    service = Api(
        intake, api.store, api.store.batches, api.store, api.bucket, FakeRepeats(), api.clock, link_seconds=900
    )
    videos.add_routes(app, service)
    content.add_routes(app, service)
    account.add_routes(app, service)
    app.answer_other_methods()
    return app


def _handler(api: Served, app: App) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0))).decode()
            with lock:
                api.requests.append((self.command, self.path, headers))
                answer = self._answer(headers, body)
                mishap = api.mishaps.pop(0) if api.mishaps else None
            if mishap is None:
                self.wfile.write(answer)
            elif mishap(self, answer):
                self.close_connection = True

        def _answer(self, headers: dict[str, str], body: str) -> bytes:
            path = urlsplit(self.path)
            if path.path.startswith("/bucket/"):
                return _object(api, path.path.removeprefix("/bucket/"))
            if self.command == "GET" and "/videos/" in path.path and api.meanwhile:
                api.meanwhile.pop(0)()
            given = event("api_post") | {
                "httpMethod": self.command,
                "path": unquote(path.path.removeprefix(STAGE)),
                "headers": headers,
                "multiValueHeaders": {name: [value] for name, value in headers.items()},
                "queryStringParameters": dict(parse_qsl(path.query)) or None,
                "multiValueQueryStringParameters": {n: [v] for n, v in parse_qsl(path.query)} or None,
                "body": body or None,
            }
            return _through_gateway(api, app, given)

    return Handler


def _through_gateway(api: Served, app: App, given: Event) -> bytes:
    """What API Gateway makes of a request: the authorizer first, where there is one, and then the function."""
    try:
        if given["path"] != "/healthz":
            token = Authorize(api.tokens)(given["headers"].get("authorization", ""))
            caller = {"owner": token.owner, "scopes": " ".join(sorted(token.scopes))}
            given["requestContext"]["authorizer"] = caller
    except Unauthorized:
        return _raw(401, {"Content-Type": "application/problem+json"}, _gateway("UNAUTHORIZED"))
    raw = app.resolve(given, None)
    headers = {name: values[0] for name, values in (raw.get("multiValueHeaders") or {}).items()}
    return _raw(raw["statusCode"], headers, (raw["body"] or "").encode())


def _object(api: Served, key: str) -> bytes:
    if key in api.bucket.documents:
        return _raw(200, {}, str(dict(api.bucket.documents[key])).encode())
    return _raw(200, {"Content-Type": "video/mp4"}, FILM) if key in api.bucket.stored else _raw(403, {}, b"<Error/>")


def _gateway(name: str) -> bytes:
    """What the template has API Gateway answer by itself."""
    responses: dict[str, Any] = source()["Resources"]["RestApi"]["Properties"]["GatewayResponses"]
    text: str = responses[name]["ResponseTemplates"]["application/json"]
    return text.encode()


def _raw(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} x", *(f"{n}: {v}" for n, v in headers.items()), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
