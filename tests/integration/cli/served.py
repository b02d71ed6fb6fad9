"""The real API on a loopback port: its routes over rows in memory, and the objects that its links lead to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from anycrc import Model

from functions.api import account, batches, console, content, inputs, videos, webhooks
from functions.api.app import App
from tests.fakes.api import api_over
from tests.fakes.images import FakeInputs, FakeWebImages
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.webhooks import World
from tests.fakes.world import FakeClock, FakeObjects, FakeTokens, FakeUploadLinks
from tools.harness.lambdas import Event, event
from tools.harness.samples import DEFAULTS, NOW, TODAY, known_task, request, rows_of, stored
from tools.template import source
from wan_video import observe
from wan_video.domain.batch import ERRORS, MANIFEST, RESULTS, Batch, Source, report_key
from wan_video.domain.budget import Reservation, Usage
from wan_video.domain.endpoints import Endpoints
from wan_video.domain.listing import VideoQuery
from wan_video.domain.names import metadata_key, thumbnail_key, video_key
from wan_video.domain.objects import UploadLink
from wan_video.domain.price import total
from wan_video.domain.request import Defaults
from wan_video.domain.task import Task, TaskStatus
from wan_video.domain.thumbnail import Thumbnail
from wan_video.domain.token import Token
from wan_video.domain.trouble import Failure
from wan_video.domain.video import Status, Video
from wan_video.errors import Unauthorized
from wan_video.services.authorize import Authorize
from wan_video.services.batch_rows import rows_page

TOKEN: Final = "wv_CANARY-TOKEN-of-alice"
STAGE: Final = "/v1"
FILM: Final = b"a film, to the last byte" * 4096
FILM_CRC: Final = f"{Model('CRC64-NVME').calc(FILM):016x}"
THROTTLED: Final = b'{"detail": "There are too many requests.", "error": {"code": "throttled"}}'

OPEN: Final = re.compile("/|/healthz|/console/.+")
"""The paths that need no token."""

WITH_WORKSPACE: Final = replace(DEFAULTS, endpoints=Endpoints(workspace="ws-1"))
"""The defaults of a stack that can use the models that only workspaces have."""

Mishap = Callable[[BaseHTTPRequestHandler, bytes], bool]
"""Spoils one answer: receives the handler and the whole answer, and returns whether to cut the connection."""


class Bucket(FakeObjects):
    """Objects with working links."""

    base_url = ""

    def link(self, key: str, *, filename: str, seconds: int, save: bool = False, head: bool = False) -> str:
        return f"{self.base_url}/bucket/{key}?X-Amz-Signature=CANARY-LINK"

    def origin(self) -> str:
        return self.base_url


class Uploads(FakeUploadLinks):
    """Working permissions to upload."""

    base_url = ""

    def sign(self, key: str, *, content_type: str, seconds: int) -> UploadLink:
        link = super().sign(key, content_type=content_type, seconds=seconds)
        return replace(link, url=f"{self.base_url}/bucket/{key}?X-Amz-Signature=CANARY-LINK")

    def origin(self) -> str:
        return self.base_url


class Inputs(FakeInputs):
    """Inputs with working permissions to upload."""

    base_url = ""

    def sign(self, key: str, seconds: int) -> UploadLink:
        link = super().sign(key, seconds)
        return replace(link, url=f"{self.base_url}/bucket/{key}?X-Amz-Signature=CANARY-LINK")

    def origin(self) -> str:
        return self.base_url


@dataclass
class Served:
    """A running API, and the steps that a test takes without it."""

    store: MemoryStore
    bucket: Bucket
    clock: FakeClock
    tokens: FakeTokens
    uploads: Uploads = field(default_factory=Uploads)
    inputs: Inputs = field(default_factory=Inputs)
    web: FakeWebImages = field(default_factory=FakeWebImages)
    files: dict[str, bytes] = field(default_factory=dict)
    """Uploaded files and reports, by key."""
    api_url: str = ""
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """Method, path with its query, and headers of every request, in order."""
    webhooks: World = field(default_factory=World)
    mishaps: list[Mishap] = field(default_factory=list)
    """Functions, each of which spoils the answer to the next request."""
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    """Functions, each of which is called before the next reading of a video."""

    def key_headers(self) -> list[str]:
        """The Idempotency-Key of every POST that had one."""
        return [headers["idempotency-key"] for _, _, headers in self.requests if "idempotency-key" in headers]

    def the_video(self) -> Video:
        """Return the newest video."""
        return self.store.list("alice", VideoQuery(limit=1)).videos[0]

    def start(self) -> None:
        """Start the newest video and submit it."""
        video = self.the_video()
        starting = video.start(int(NOW), Reservation(TODAY, video.request.seconds))
        started = self.store.start(video, starting, places=6, budgets={video.owner: None})
        task = Task(id=f"task-of-{video.id}", accepted_at=int(NOW), status=TaskStatus.RUNNING)
        self.store.save(started, started.submitting(int(NOW)).submitted(int(NOW), task))

    def complete(self, *, thumbnail: bool = True) -> None:
        """Store and announce the newest video, which is in progress, and make its thumbnail."""
        video = self.the_video()
        task = replace(known_task(video), status=TaskStatus.SUCCEEDED)
        paid = Usage(video.estimate.seconds, video.estimate.price, video.estimate.currency)
        made = video.task_seen(int(NOW), task, 1).task_succeeded(int(NOW), paid)
        kept = stored(video.id, bytes=len(FILM), crc64nvme=FILM_CRC)
        self.bucket.stored[video_key(video.id)] = kept
        self.bucket.put_json(metadata_key(video.id), {"id": video.id})
        ended = self.store.save(video, made.completed(int(NOW), kept).announced(int(NOW)))
        if thumbnail:
            self.make_thumbnail(ended)

    def make_thumbnail(self, video: Video) -> None:
        """Store something as the thumbnail of a video."""
        self.bucket.put_json(thumbnail_key(video.id), {"picture": video.id})
        self.store.save(video, video.with_thumbnail(int(NOW), Thumbnail.READY))

    def fail(self) -> None:
        """Let Wan refuse the newest video, which is in progress."""
        video = self.the_video()
        error = Failure("DataInspectionFailed", "Input data may contain inappropriate content.", "poll", False)
        self.store.save(video, video.ended(int(NOW), error).announced(int(NOW)))

    def the_batch(self) -> Batch:
        """Return the newest batch."""
        return self.store.batches.list("alice", 1)[0][0]

    def ingest(self, refused: int = 0) -> None:
        """Turn the file of the newest batch, or the failures that it retries, into rows."""
        batch = self.the_batch()
        if batch.retry_of is None:
            key = f"batches/{batch.id}/{batch.name}"
            total = len(self.files[key].splitlines())
            batch = self.store.batches.save(batch, batch.receive(int(NOW), Source("prompts", key, "etag")))
        else:
            total = self.store.batches.get(batch.retry_of).failed
        batch = self.store.batches.save(batch, batch.accept(int(NOW), total=total, refused=refused))
        if batch.accepted:
            self.store.accept_rows(batch, rows_of(batch, *range(refused + 1, total + 1)), int(NOW))

    def finish(self, failed: int = 0) -> None:
        """End all rows of the newest batch, the first of them as failures, and write its reports."""
        batch = self.the_batch()
        listed = rows_page(self.store, batch, VideoQuery(limit=100, descending=False), None).videos
        rows = sorted(listed, key=lambda row: row.row)
        results = []
        for at, row in enumerate(rows):
            status = Status.FAILED if at < failed else Status.COMPLETED
            kept = stored(row.id, bytes=len(FILM), crc64nvme=FILM_CRC) if status is Status.COMPLETED else None
            if kept is not None:
                self.bucket.stored[video_key(row.id)] = kept
            self.store.save(row, replace(row, status=status, object=kept, ended_at=int(NOW)))
            results.append(json.dumps({"video_id": row.id, "status": str(status)}))
        batch = self.store.batches.get(batch.id)
        self.store.batches.save(batch, batch.finalize(int(NOW)))
        batch = self.store.batches.get(batch.id)
        failures = total([row.estimate for row in rows[:failed]])
        self.store.batches.save(batch, batch.end(int(NOW), failures).announce(int(NOW)))
        for name, text in ((RESULTS, "\n".join(results)), (ERRORS, ""), (MANIFEST, "{}")):
            self.files[report_key(batch.id, name)] = text.encode()


def pass_on(handler: BaseHTTPRequestHandler, answer: bytes) -> bool:
    """Spoil nothing."""
    handler.wfile.write(answer)
    return False


def lose_answer(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
    """Carry out the request, and cut the connection before the answer."""
    return True


def cut(handler: BaseHTTPRequestHandler, answer: bytes) -> bool:
    """Cut the connection shortly before the end of the answer."""
    handler.wfile.write(answer[:-10])
    return True


def answer_instead(status: int, body: bytes = b"", **headers: str) -> Mishap:
    """Answer as another server in front of the API."""

    def mishap(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
        handler.wfile.write(_raw(status, {n.replace("_", "-"): v for n, v in headers.items()}, body))
        return False

    return mishap


@contextmanager
def served(defaults: Defaults = WITH_WORKSPACE) -> Iterator[Served]:
    """Serve the API while the block runs, with one token, of alice."""
    api = Served(MemoryStore(), Bucket(), FakeClock(), FakeTokens())
    api.tokens.by_digest[hashlib.sha256(TOKEN.encode()).hexdigest()] = Token("alice", frozenset({"read", "write"}))
    app = _app(api, defaults)
    server = _Server(("127.0.0.1", 0), _handler(api, app))
    api.uploads.base_url = api.inputs.base_url = api.bucket.base_url = f"http://127.0.0.1:{server.server_address[1]}"
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
    """Let the API log to this test's standard output, and never to that of a command."""
    with pytest.MonkeyPatch.context() as environment:
        # Powertools keeps a logger for each service name until the process ends.
        environment.setenv("POWERTOOLS_SERVICE_NAME", f"service-{uuid.uuid4()}")
        observe.logger.cache_clear()
        observe.logger()
        yield
        observe.logger.cache_clear()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Log nothing, because broken connections are what these tests are about."""


def _app(api: Served, defaults: Defaults) -> App:
    app = App()
    wan = FakeWan(clock=api.clock)
    wan.make(request())  # task-1, which can be imported
    services = api_over(
        api.store,
        api.store,
        api.store.batches,
        api.clock,
        wan=lambda: wan,
        objects=api.bucket,
        uploads=api.uploads,
        quotas=api.store,
        defaults=defaults,
        thumbnails=True,
        inputs=api.inputs,
        web=api.web,
        webhooks=api.webhooks,
    )
    videos.add_routes(app, services.new_videos(), services.own_videos(), services.documents())
    batches.add_routes(app, services.batches())
    content.add_routes(app, services.content())
    account.add_routes(app, services.account())
    console.add_routes(app, services.content(), services.batches(), services.images())
    inputs.add_routes(app, services.images())
    webhooks.add_routes(app, services.webhooks())
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

        def do_PUT(self) -> None:
            self._serve()

        def do_DELETE(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            with lock:
                api.requests.append((self.command, self.path, headers))
                answer = self._answer(headers, body)
                mishap = api.mishaps.pop(0) if api.mishaps else None
            if mishap is None:
                self.wfile.write(answer)
            elif mishap(self, answer):
                self.close_connection = True

        def _answer(self, headers: dict[str, str], body: bytes) -> bytes:
            path = urlsplit(self.path)
            if path.path.startswith("/bucket/"):
                key = unquote(path.path.removeprefix("/bucket/"))
                return _upload(api, key, headers, body) if self.command == "PUT" else _object(api, key, headers)
            if self.command == "GET" and re.search("/(videos|batches)/", path.path) and api.meanwhile:
                api.meanwhile.pop(0)()
            given = event("api_post")
            given["requestContext"]["path"] = path.path
            given |= {
                "httpMethod": self.command,
                "path": unquote(path.path.removeprefix(STAGE)),
                "pathParameters": {"proxy": unquote(path.path.removeprefix(STAGE)).lstrip("/")},
                "headers": headers,
                "multiValueHeaders": {name: [value] for name, value in headers.items()},
                "queryStringParameters": dict(parse_qsl(path.query)) or None,
                "multiValueQueryStringParameters": {n: [v] for n, v in parse_qsl(path.query)} or None,
                "body": body.decode() or None,
            }
            return _through_gateway(api, app, given)

    return Handler


def _through_gateway(api: Served, app: App, given: Event) -> bytes:
    """Handle a request as API Gateway does: by the authorizer, if there is one, and then by the function."""
    try:
        if not OPEN.fullmatch(given["path"]):
            token = Authorize(api.tokens)(given["headers"].get("authorization", ""))
            caller = {"owner": token.owner, "scopes": " ".join(sorted(token.scopes))}
            given["requestContext"]["authorizer"] = caller
    except Unauthorized:
        return _raw(401, {"Content-Type": "application/problem+json"}, _gateway("UNAUTHORIZED"))
    raw = app.resolve(given, None)
    headers = {name: values[0] for name, values in (raw.get("multiValueHeaders") or {}).items()}
    return _raw(raw["statusCode"], headers, (raw["body"] or "").encode())


def _upload(api: Served, key: str, headers: dict[str, str], body: bytes) -> bytes:
    """Answer a presigned PUT as S3 does: it needs the signed headers, and no object may have that key."""
    assert "authorization" not in headers
    is_input = key.startswith("inputs/")
    if ("content-type" not in headers and not is_input) or headers.get("if-none-match") != "*":
        return _raw(403, {}, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
    if key in api.files or key in api.inputs.stored:
        return _raw(412, {}, b"<Error><Code>PreconditionFailed</Code></Error>")
    (api.inputs.stored if is_input else api.files)[key] = body
    return _raw(200, {}, b"")


def _object(api: Served, key: str, headers: dict[str, str]) -> bytes:
    """Answer a presigned GET as S3 does, also one for the rest of an object that has not changed."""
    if key in api.files:
        body = api.files[key]
    elif key in api.bucket.documents:
        body = str(dict(api.bucket.documents[key])).encode()
    elif key in api.bucket.stored:
        body = FILM
    else:
        return _raw(403, {}, b"<Error/>")
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    wanted = re.match(r"bytes=(\d+)-", headers.get("range", ""))
    first = int(wanted[1]) if wanted else 0
    if not first or headers.get("if-range") != etag:
        return _raw(200, {"Content-Type": "video/mp4", "ETag": etag}, body)
    total = len(body)
    return _raw(206, {"ETag": etag, "Content-Range": f"bytes {first}-{total - 1}/{total}"}, body[first:])


@cache
def _gateway(name: str) -> bytes:
    """The answers that the template configures in API Gateway itself."""
    responses: dict[str, Any] = source()["Resources"]["RestApi"]["Properties"]["GatewayResponses"]
    text: str = responses[name]["ResponseTemplates"]["application/json"]
    return text.encode()


def _raw(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} x", *(f"{n}: {v}" for n, v in headers.items()), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
