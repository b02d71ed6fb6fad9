"""The other ports in memory: clock, topic, objects, transfer, executions, tokens and more."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from tools.harness import event_schema
from tools.harness.samples import NOW
from wan_video.domain import names
from wan_video.domain.batch import Batch
from wan_video.domain.objects import FoundObject, UploadLink
from wan_video.domain.prompt_file import PromptFile
from wan_video.domain.token import Token
from wan_video.domain.video import StoredObject, Video
from wan_video.errors import PromptFileChanged, PromptFileGone
from wan_video.ports.thumbnails import SeekableFile

Event = Mapping[str, Any]


class Killed(BaseException):
    """The end of a Lambda worker, which the code under test cannot catch."""


@dataclass
class FakeClock:
    """The port `Clock`: time stops until a test moves it."""

    moment: float = NOW

    def now(self) -> float:
        return self.moment

    def unix_seconds(self) -> int:
        return int(self.moment)

    def real(self) -> float:
        return self.moment

    def real_seconds(self, seconds: float) -> float:
        return seconds

    def advance(self, seconds: float) -> None:
        """Move the time ahead."""
        self.moment += seconds


@dataclass
class FakeTopic:
    """The port `Topic`. `refusals` fail a call; `lost_answers` fail it after the event was published."""

    events: list[Event] = field(default_factory=list)
    attributes: list[Mapping[str, str]] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    lost_answers: list[BaseException] = field(default_factory=list)

    def publish(self, event: Event, attributes: Mapping[str, str]) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        event_schema.check(event)
        self.events.append(event)
        self.attributes.append(attributes)
        if self.lost_answers:
            raise self.lost_answers.pop(0)


@dataclass
class FakeObjects:
    """The port `Objects`: a bucket of descriptions and documents.

    `task_ids` has the tasks that objects name, by key; `damaged` has the keys of objects whose CRC is wrong.
    """

    stored: dict[str, StoredObject] = field(default_factory=dict)
    task_ids: dict[str, str] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    jpegs: dict[str, bytes] = field(default_factory=dict)
    on_put: Callable[[str], None] = lambda _: None

    def find(self, key: str) -> FoundObject | None:
        if key in self.jpegs:
            return FoundObject(StoredObject("videos", key, len(self.jpegs[key]), "etag"))
        return FoundObject(self.stored[key], self.task_ids.get(key)) if key in self.stored else None

    def open(self, stored: StoredObject) -> SeekableFile:
        return BytesIO(stored.key.encode())

    def put_jpeg(self, key: str, picture: bytes) -> None:
        self.on_put(key)
        self.jpegs[key] = picture

    def is_sound(self, stored: StoredObject) -> bool:
        return stored.crc64xz is not None and stored.key not in self.damaged

    def put_json(self, key: str, document: Mapping[str, Any]) -> None:
        self.on_put(key)
        self.documents[key] = document

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.stored.pop(key, None)
            self.task_ids.pop(key, None)
            self.damaged.discard(key)
            self.documents.pop(key, None)
            self.jpegs.pop(key, None)

    def link(self, key: str, *, filename: str, seconds: int, save: bool = False, head: bool = False) -> str:
        asked = f"?filename={filename}&seconds={seconds}{'&save' if save else ''}{'&head' if head else ''}"
        return f"https://bucket.invalid/{key}{asked}"

    def origin(self) -> str:
        return "https://bucket.invalid"


@dataclass
class FakePictures:
    """The port `Pictures`: a picture says of which file it is; `error` is raised instead, if there is one."""

    error: Exception | None = None
    meanwhile: Callable[[], None] = lambda: None
    made: int = 0

    def first_picture(self, file: SeekableFile) -> bytes:
        if self.error is not None:
            raise self.error
        self.made += 1
        self.meanwhile()
        return b"a picture of " + file.read()


@dataclass
class FakeUploadLinks:
    """The port `UploadLinks`: records what it signed."""

    signed: list[tuple[str, str, int]] = field(default_factory=list)

    def sign(self, key: str, *, content_type: str, seconds: int) -> UploadLink:
        self.signed.append((key, content_type, seconds))
        return UploadLink(f"https://prompts.invalid/{key}", {"Content-Type": content_type, "If-None-Match": "*"})

    def origin(self) -> str:
        return "https://prompts.invalid"


@dataclass
class FakeTransfer:
    """The port `Transfer` into a `FakeObjects`; a copy raises the next of `failures`, or calls `meanwhile`."""

    objects: FakeObjects
    copied: list[tuple[str, str]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    replaced: list[StoredObject | None] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def copy(
        self, ask: Callable[[], str], key: str, task_id: str, seconds: float, replaced: StoredObject | None = None
    ) -> StoredObject:
        link = ask()
        if self.failures:
            raise self.failures.pop(0)
        self.copied.append((link, key))
        self.seconds.append(seconds)
        self.meanwhile()
        assert self.objects.stored.get(key) == replaced, "the stored object is not the one to replace"
        self.replaced.append(replaced)
        self.objects.stored[key] = StoredObject("videos", key, 4096, "etag", "0" * 16, "1" * 16)
        self.objects.task_ids[key] = task_id
        self.objects.damaged.discard(key)
        return self.objects.stored[key]


@dataclass
class FakeExecutions:
    """The port `Executions`: a name can be used once; a start raises the next of `failures`."""

    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    failures: list[BaseException] = field(default_factory=list)
    calls: int = 0

    def start(self, video: Video) -> None:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        name = f"{video.id}-{video.execution}"
        if name not in self.inputs:
            task = {} if video.task is None else {"task_id": video.task.id}
            self.inputs[name] = {"video_id": video.id, "n": video.execution, **task}
            self.statuses[name] = "RUNNING"

    def status(self, video_id: str, execution: int) -> str | None:
        return self.statuses.get(f"{video_id}-{execution}")

    def end(self, name: str, status: str = "FAILED") -> None:
        """End an execution, even one that was not started here."""
        self.statuses[name] = status
        self.inputs.setdefault(name, {})


@dataclass
class FakeRepeats:
    """The port `Repeats`."""

    asked: dict[tuple[str, str], tuple[str, int, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def first(
        self,
        owner: str,
        digest: str,
        key: str,
        *,
        now: int,
        since: int,
        session: str = "",
        instead_of: str | None = None,
        except_of: str | None = None,
    ) -> str:
        with self.lock:
            known = self.asked.get((owner, digest))
            if known is not None and known[1] > since and known[0] != instead_of and known[2] != except_of:
                return known[0]
            self.asked[owner, digest] = key, now, session
            return key

    def close(self, owner: str, digest: str, video_id: str, session: str) -> None:
        with self.lock:
            known = self.asked.get((owner, digest))
            if known is not None and (names.video_id(owner, known[0]), known[2]) == (video_id, session):
                del self.asked[owner, digest]


@dataclass
class FakeTokens:
    """The port `Tokens`: tokens by the SHA-256 of their text."""

    by_digest: dict[str, Token] = field(default_factory=dict)

    def find(self, digest: str) -> Token | None:
        return self.by_digest.get(digest)


@dataclass
class FakePromptFiles:
    """The port `PromptFiles`: one bucket, its objects by key, each with its ETag."""

    files: dict[str, PromptFile] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    chunk_bytes: int = 64

    def put(self, key: str, body: bytes, **metadata: str) -> str:
        """Upload a file and return its ETag."""
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.files[key] = PromptFile("prompts", key, etag, len(body), lambda: self._chunks(key, etag), metadata)
        self.bodies[key] = body
        return etag

    def open(self, bucket: str, key: str, etag: str) -> PromptFile:
        self._expect(key, etag)
        return self.files[key]

    def _chunks(self, key: str, etag: str) -> Iterator[bytes]:
        for start in range(0, len(self.bodies[key]), self.chunk_bytes):
            self._expect(key, etag)
            yield self.bodies[key][start : start + self.chunk_bytes]

    def _expect(self, key: str, etag: str) -> None:
        if key not in self.files:
            raise PromptFileGone(key)
        if self.files[key].etag != etag:
            raise PromptFileChanged(key)


class FakeReport:
    """A report that is being written."""

    def __init__(self) -> None:
        self.lines = 0
        self.size = 0
        self.body = bytearray()

    def add(self, line: bytes) -> None:
        self.lines += 1
        self.size += len(line) + 1
        self.body += line + b"\n"


@dataclass
class FakeReports:
    """The port `Reports`: bodies by key, and every key in the order in which it was written."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    on_write: Callable[[str], None] = lambda _: None

    @contextmanager
    def write(self, key: str, content_type: str) -> Iterator[FakeReport]:
        report = FakeReport()
        yield report
        self.on_write(key)
        self.bodies[key] = bytes(report.body)
        self.written.append(key)

    def lines(self, key: str) -> Iterator[bytes]:
        return iter(self.bodies.get(key, b"").splitlines())

    def document(self, key: str) -> dict[str, Any]:
        """Return a report that is one JSON document."""
        loaded: dict[str, Any] = json.loads(self.bodies[key])
        return loaded

    def table(self, key: str) -> list[dict[str, Any]]:
        """Return a report that is JSON Lines."""
        return [json.loads(line) for line in self.lines(key)]


@dataclass
class FakeWorkers:
    """The port `Workers`: records the calls."""

    ingested: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    def ingest(self, batch: Batch) -> None:
        self.ingested.append(batch.id)

    def finish(self, batch_id: str) -> None:
        self.finished.append(batch_id)
