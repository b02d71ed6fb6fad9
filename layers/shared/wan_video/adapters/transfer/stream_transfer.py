"""The port `Transfer`: makes a copy, from the first answer of the source to the object in S3."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import chain
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from wan_video.adapters.connections import Connection, Connections, Cut, public_addresses
from wan_video.adapters.s3.checksums import HEAD, Checksums, Chunk, begins_like_an_mp4
from wan_video.adapters.s3.objects import CRC64XZ, TASK_ID
from wan_video.adapters.transfer.limits import Limits, Tally, ranges, spans
from wan_video.adapters.transfer.source import Answer, Chunks, Source, Version
from wan_video.adapters.transfer.upload import Part, Store, Target, Upload, UploadRefused
from wan_video.domain.video import StoredObject
from wan_video.errors import DeliveryInterrupted

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client

    from wan_video.adapters.connections import Addresses
    from wan_video.ports.objects import Objects

Opened = Callable[[], AbstractContextManager[Iterable[Chunk]]]

_TAKEN: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class StreamTransfer:
    """The copying of videos to one bucket.

    `addresses` looks up the host names of results; `on_trouble` is called with the names and counts of retries. `clock`
    returns seconds that never go back; they show whether the source is near.
    """

    def __init__(
        self,
        client: S3Client,
        credentials: Credentials,
        bucket: str,
        objects: Objects,
        *,
        limits: Limits | None = None,
        ca_file: str | None = None,
        addresses: Addresses = public_addresses,
        on_trouble: Callable[[Mapping[str, int]], None] = lambda counts: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._bucket = bucket
        self._objects = objects
        self._limits = limits or Limits()
        self._ca_file = ca_file
        self._addresses = addresses
        self._on_trouble = on_trouble
        self._clock = clock

    def copy(
        self, ask: Callable[[], str], key: str, task_id: str, seconds: float, replaced: StoredObject | None = None
    ) -> StoredObject:
        tally = Tally()
        connections = Connections(self._limits.connect, self._ca_file, self._addresses, self._clock)
        late = DeliveryInterrupted("too_slow", f"It could not be copied within {seconds:.0f} seconds.")
        watchdog = threading.Timer(max(0.0, seconds), connections.cut, [late])
        watchdog.daemon = True
        watchdog.start()
        copy = _Copy(
            Store(self._client, self._credentials, connections),
            self._limits,
            connections,
            Source(ask, connections, self._limits, tally),
            tally,
        )
        try:
            etag, whole = copy.run(self._bucket, key, task_id, replaced)
        except (ClientError, BotoCoreError, UploadRefused) as error:
            # Another worker was faster, or the last answer of S3 was lost.
            found = self._objects.find(key)
            if found is not None and found.task_id == task_id and self._objects.is_sound(found.object):
                return found.object
            if _code(error) in _TAKEN:
                raise DeliveryInterrupted("store_conflict", "Another copy was being stored at the same time.") from None
            if isinstance(error, UploadRefused):
                raise DeliveryInterrupted("store_failed", f"S3 did not take the video: {error.code}.") from None
            raise
        except Cut:
            raise connections.reason or late from None
        finally:
            watchdog.cancel()
            connections.close()
            if tally.counts:
                self._on_trouble(tally.counts)
        return StoredObject(self._bucket, key, whole.length, etag, f"{whole.nvme:016x}", f"{whole.xz:016x}")


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"]
    return error.code if isinstance(error, UploadRefused) else ""


class _Arriving:
    """A video that arrives in memory: each reader gets what has arrived, and then the rest while it arrives."""

    def __init__(self, room: memoryview, chunks: Iterator[memoryview]) -> None:
        """Read the rest from `chunks`, which write it to `room`."""
        self._room = room
        self._chunks = chunks
        self._arrived = 0

    @contextmanager
    def opened(self) -> Iterator[Iterable[memoryview]]:
        """Yield the video in chunks, for one reader at a time."""
        yield self._read()

    def _read(self) -> Iterator[memoryview]:
        if self._arrived:
            yield self._room[: self._arrived]
        for chunk in self._chunks:
            self._arrived += len(chunk)
            yield chunk


@dataclass
class _Head:
    """The first range, whose bytes up to `last` are arriving on a connection; they can be read once."""

    connection: Connection
    chunks: Chunks
    last: int
    first_chunk: memoryview | None = None
    used: bool = False

    def measure(self, clock: Callable[[], float]) -> float:
        """Read the first chunk, and return its bytes a second."""
        began = clock()
        self.first_chunk = next(self.chunks, None)
        seconds = clock() - began
        return len(self.first_chunk or b"") / seconds if seconds > 0 else math.inf

    def take(self) -> Iterable[memoryview]:
        """Return the bytes."""
        self.used = True
        return self.chunks if self.first_chunk is None else chain([self.first_chunk], self.chunks)


@dataclass(frozen=True)
class _Copy:
    """One copy of one video."""

    store: Store
    limits: Limits
    connections: Connections
    source: Source
    tally: Tally

    def run(self, bucket: str, key: str, task_id: str, replaced: StoredObject | None) -> tuple[str, Checksums]:
        """Store the video; return the ETag of the object and the checksums of its bytes."""
        connection = self._source_connection()
        answer = self.source.first(connection, self.limits.head)
        if answer.ranged and answer.version.etag is None and not answer.whole:
            # Nothing would show whether two ranges are of the same video.
            connection.close()
            answer = self.source.first(connection, None)
        metadata = {TASK_ID: task_id}
        if answer.version.xz is not None:
            metadata[CRC64XZ] = f"{answer.version.xz:016x}"
        target = Target(bucket, key, metadata, None if replaced is None else replaced.etag)
        length = answer.version.bytes
        if answer.ranged and not answer.whole and length is not None and answer.last is not None:
            near = self.limits.is_near(connection.opened_in)
            if not near and length <= self.limits.part_bytes:
                return self._gathered(target, connection, answer, length)
            head = _Head(connection, self.source.chunks(connection, 0, answer.last, answer), answer.last)
            streams = self.limits.streams_at(head.measure(self.connections.clock)) if near else self.limits.streams
            return self._in_streams(
                target, head, answer.version, spans(length, answer.last + 1, streams, self.limits), streams
            )
        if length is not None and length <= self.limits.head_bytes:
            room = memoryview(bytearray(length))
            with closing(self.source.chunks(connection, 0, length - 1, answer, room)) as chunks:
                return self._at_once(target, room, chunks, answer.version)
        with closing(self.source.chunks(connection, 0, None if length is None else length - 1, answer)) as chunks:
            return self._in_turn(target, _like_an_mp4(chunks), answer.version)

    def _at_once(
        self, target: Target, room: memoryview, chunks: Iterator[memoryview], version: Version
    ) -> tuple[str, Checksums]:
        """Store a video with one PUT while it arrives in `room`."""
        video = _Arriving(room, _like_an_mp4(chunks))
        store = self.connections.new(self.limits.store_silence)
        if version.xz is None:
            # The source states no CRC, so our own goes into the metadata, which are sent before the video.
            whole = Checksums()
            with video.opened() as all_chunks:
                for chunk in all_chunks:
                    whole = whole.extended(chunk)
            target = replace(target, metadata={**target.metadata, CRC64XZ: f"{whole.xz:016x}"})

        def put(chunks: Iterable[Chunk]) -> Part:
            return self.store.put(store, target, len(room), chunks, partial(_check, version=version))

        stored = self._persistently(put, video.opened, "put_retried")
        return stored.etag.strip('"'), stored.checksums

    def _gathered(self, target: Target, connection: Connection, answer: Answer, length: int) -> tuple[str, Checksums]:
        """Store a video with one PUT while its ranges arrive in memory, several at once."""
        room = memoryview(bytearray(length))
        head = 0 if answer.last is None else answer.last + 1
        wanted = [(0, head - 1), *ranges(head, length, self.limits)]
        reached = [first for first, _ in wanted]
        news = threading.Condition()
        left = iter(list(enumerate(wanted))[1:])

        def work(connection: Connection, todo: Iterable[tuple[int, tuple[int, int]]], answer: Answer | None) -> None:
            try:
                for number, (first, last) in todo:
                    place = room[first : last + 1]
                    with closing(self.source.chunks(connection, first, last, answer, place)) as chunks:
                        for chunk in chunks:
                            with news:
                                reached[number] += len(chunk)
                                news.notify()
                    answer = None
            except BaseException as error:  # noqa: BLE001  (it ends the copy, which raises it again)
                self.connections.cut(error)
                with news:
                    news.notify()

        def in_order() -> Iterator[memoryview]:
            for number, (position, last) in enumerate(wanted):
                while position <= last:
                    with news:
                        while reached[number] == position and self.connections.reason is None:
                            news.wait()
                        self.connections.check()
                        given, position = position, reached[number]
                    yield room[given:position]

        with self._workers(len(wanted) - 1) as pool:
            pool.submit(work, connection, chain([(0, wanted[0])], left), answer)
            for _ in wanted[2:]:
                pool.submit(work, self._source_connection(), left, None)
            return self._at_once(target, room, in_order(), answer.version)

    def _in_turn(self, target: Target, chunks: Iterable[memoryview], version: Version) -> tuple[str, Checksums]:
        """Store the body of one GET, part by part from memory, because a range of it may not be available again."""
        store = self.connections.new(self.limits.store_silence)
        parts: list[Part] = []
        with self._uploading(target) as upload:
            for block in _blocks(chunks, self.limits.head_bytes):
                parts.append(self._put(upload, store, len(parts) + 1, len(block), _kept(block)))
            return self._complete(upload, version, parts)

    def _in_streams(
        self, target: Target, head: _Head, version: Version, parts: Sequence[tuple[int, int]], streams: int
    ) -> tuple[str, Checksums]:
        """Store a video part by part, several at once; `head` holds the beginning of the first part."""
        begin, *rest = enumerate(parts, start=1)
        left = iter(rest)
        stored: dict[int, Part] = {}

        def work(connection: Connection, todo: Iterable[tuple[int, tuple[int, int]]]) -> None:
            store = self.connections.new(self.limits.store_silence)
            try:
                for number, (first, last) in todo:
                    opened = partial(self._opened, connection, first, last, head)
                    stored[number] = self._put(upload, store, number, last + 1 - first, opened)
            except BaseException as error:  # noqa: BLE001  (it ends the copy, which raises it again)
                self.connections.cut(error)

        with self._uploading(target) as upload:
            with self._workers(min(streams, len(parts))) as pool:
                # Advancing the iterator of a list is atomic: no two threads get the same part.
                begun = [pool.submit(work, head.connection, chain([begin], left))]
                begun += [pool.submit(work, self._source_connection(), left) for _ in rest[: streams - 1]]
                wait(begun)
            self.connections.check()
            return self._complete(upload, version, [part for _, part in sorted(stored.items())])

    @contextmanager
    def _workers(self, most: int) -> Iterator[ThreadPoolExecutor]:
        """Yield threads for a copy, which ends with an error of the block."""
        with ThreadPoolExecutor(most, "transfer") as pool:
            try:
                yield pool
            except BaseException as error:
                self.connections.cut(error)
                raise

    @contextmanager
    def _opened(self, connection: Connection, first: int, last: int, head: _Head) -> Iterator[Iterable[memoryview]]:
        if first or head.used:
            with closing(self.source.chunks(connection, first, last)) as chunks:
                yield chunks if first else _like_an_mp4(chunks)
            return
        with closing(head.chunks), closing(self.source.chunks(connection, head.last + 1, last)) as others:
            try:
                yield _like_an_mp4(chain(head.take(), others) if head.last < last else head.take())
            except BaseException:
                # What is unread of the answer must not be taken for that of another request.
                connection.close()
                raise

    def _put(self, upload: Upload, store: Connection, number: int, size: int, opened: Opened) -> Part:
        """Store one part; raises DeliveryInterrupted if S3 does not accept it."""
        try:
            return self._persistently(partial(upload.put, store, number, size), opened, "part_retried")
        except UploadRefused as refused:
            raise DeliveryInterrupted("store_failed", f"S3 did not take a part: {refused.code}.") from None

    def _persistently(self, put: Callable[[Iterable[Chunk]], Part], opened: Opened, count: str) -> Part:
        """Retry an upload a few times, after growing pauses, while S3 does not accept it; raises UploadRefused.

        `count` is the name under which retries are counted.
        """
        attempt = 1
        while True:
            try:
                with opened() as chunks:
                    return put(chunks)
            except UploadRefused as refused:
                if refused.for_good or attempt == self.limits.part_attempts:
                    raise
            self.tally.count(count)
            self.connections.pause(self.limits.pause * 2 ** (attempt - 1))
            attempt += 1

    def _complete(self, upload: Upload, version: Version, parts: Sequence[Part]) -> tuple[str, Checksums]:
        whole = reduce(Checksums.followed_by, (part.checksums for part in parts), Checksums())
        _check(whole, version)
        return upload.complete(parts, whole), whole

    def _source_connection(self) -> Connection:
        return self.connections.new(self.limits.source_silence, to_results=True)

    @contextmanager
    def _uploading(self, target: Target) -> Iterator[Upload]:
        upload = Upload(self.store, target)
        try:
            yield upload
        except BaseException:
            upload.abort()
            raise


def _check(whole: Checksums, version: Version) -> None:
    """Raise DeliveryInterrupted if the CRC is not the one stated; the source has checked the length."""
    if version.xz not in (None, whole.xz):
        raise DeliveryInterrupted("corrupted", "The CRC-64 of what arrived is not the one stated.")


def _like_an_mp4(chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    """Yield the chunks; raises DeliveryInterrupted unless they begin like an MP4."""
    head = b""
    for chunk in chunks:
        if len(head) < HEAD:
            head += bytes(chunk[: HEAD - len(head)])
            if len(head) == HEAD and not begins_like_an_mp4(head):
                break
        yield chunk
    if not begins_like_an_mp4(head):
        raise DeliveryInterrupted("not_a_video", "The result does not begin like an MP4 file.")


def _kept(block: bytearray) -> Opened:
    """Return the source of a part that is in memory."""
    return lambda: nullcontext([block])


def _blocks(chunks: Iterable[memoryview], size: int) -> Iterator[bytearray]:
    """Join chunks to blocks of at least `size` bytes; only the last one may be shorter."""
    block = bytearray()
    for chunk in chunks:
        block += chunk
        if len(block) >= size:
            yield block
            block = bytearray()
    if block:
        yield block
