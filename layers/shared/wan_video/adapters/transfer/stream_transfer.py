"""The port `Transfer`: makes a copy, from the first answer of the source to the object in S3."""

from __future__ import annotations

import threading
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
from wan_video.adapters.transfer.limits import Limits, Tally, spans
from wan_video.adapters.transfer.source import Answer, Source, Version
from wan_video.adapters.transfer.upload import Part, PartRefused, Target, Upload
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

    `addresses` looks up the host names of results; `on_trouble` is called with the names and counts of retries.
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
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._bucket = bucket
        self._objects = objects
        self._limits = limits or Limits()
        self._ca_file = ca_file
        self._addresses = addresses
        self._on_trouble = on_trouble

    def copy(
        self, ask: Callable[[], str], key: str, task_id: str, seconds: float, replaced: StoredObject | None = None
    ) -> StoredObject:
        tally = Tally()
        connections = Connections(self._limits.connect, self._ca_file, self._addresses)
        late = DeliveryInterrupted("too_slow", f"It could not be copied within {seconds:.0f} seconds.")
        watchdog = threading.Timer(max(0.0, seconds), connections.cut, [late])
        watchdog.daemon = True
        watchdog.start()
        copy = _Copy(
            self._client,
            self._credentials,
            self._limits,
            connections,
            Source(ask, connections, self._limits, tally),
            tally,
        )
        try:
            etag, whole = copy.run(self._bucket, key, task_id, replaced)
        except (ClientError, BotoCoreError) as error:
            # Another worker was faster, or the last answer of S3 was lost.
            found = self._objects.find(key)
            if found is not None and found.task_id == task_id and self._objects.is_sound(found.object):
                return found.object
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in _TAKEN:
                raise DeliveryInterrupted("store_conflict", "Another copy was being stored at the same time.") from None
            raise
        except Cut:
            raise connections.reason or late from None
        finally:
            watchdog.cancel()
            connections.close()
            if tally.counts:
                self._on_trouble(tally.counts)
        return StoredObject(self._bucket, key, whole.length, etag, f"{whole.nvme:016x}", f"{whole.xz:016x}")


@dataclass(frozen=True)
class _Copy:
    """One copy of one video."""

    client: S3Client
    credentials: Credentials
    limits: Limits
    connections: Connections
    source: Source
    tally: Tally

    def run(self, bucket: str, key: str, task_id: str, replaced: StoredObject | None) -> tuple[str, Checksums]:
        """Store the video; return the ETag of the object and the checksums of its bytes."""
        connection = self._source_connection()
        answer = self.source.first(connection, self.limits.head_bytes - 1)
        if answer.ranged and answer.version.etag is None and not answer.whole:
            # Nothing would show whether two ranges are of the same video.
            connection.close()
            answer = self.source.first(connection, None)
        metadata = {TASK_ID: task_id}
        if answer.version.xz is not None:
            metadata[CRC64XZ] = f"{answer.version.xz:016x}"
        target = Target(bucket, key, metadata, None if replaced is None else replaced.etag)
        length = answer.version.bytes
        if answer.ranged and not answer.whole and length is not None:
            return self._in_streams(target, connection, answer, length)
        with closing(self.source.chunks(connection, 0, None if length is None else length - 1, answer)) as chunks:
            if length is not None and length <= self.limits.head_bytes:
                return self._at_once(target, _like_an_mp4(chunks), answer.version)
            return self._in_turn(target, _like_an_mp4(chunks), answer.version)

    def _at_once(self, target: Target, chunks: Iterable[memoryview], version: Version) -> tuple[str, Checksums]:
        """Store a video that fits into memory with one PUT."""
        body = b"".join(bytes(chunk) for chunk in chunks)
        whole = Checksums().extended(body)
        _check(whole, version)
        # The source may not state one. Of a long video, our own is known too late.
        stated = replace(target, metadata={**target.metadata, CRC64XZ: f"{whole.xz:016x}"})
        answer = self.client.put_object(
            **stated.described, **target.condition, Body=body, ChecksumCRC64NVME=whole.nvme_base64
        )
        return answer["ETag"].strip('"'), whole

    def _in_turn(self, target: Target, chunks: Iterable[memoryview], version: Version) -> tuple[str, Checksums]:
        """Store the body of one GET, part by part from memory, because a range of it may not be available again."""
        store = self.connections.new(self.limits.store_silence)
        parts: list[Part] = []
        with self._uploading(target) as upload:
            for block in _blocks(chunks, self.limits.head_bytes):
                parts.append(self._put(upload, store, len(parts) + 1, len(block), _kept(block)))
            return self._complete(upload, version, parts)

    def _in_streams(self, target: Target, connection: Connection, answer: Answer, length: int) -> tuple[str, Checksums]:
        """Store a video range by range, several at once; `answer`, on `connection`, holds the first range."""
        head, *rest = enumerate(spans(length, self.limits), start=1)
        left = iter(rest)
        parts: dict[int, Part] = {}

        def work(
            upload: Upload, connection: Connection, todo: Iterable[tuple[int, tuple[int, int]]], answer: Answer | None
        ) -> None:
            store = self.connections.new(self.limits.store_silence)
            try:
                for number, (first, last) in todo:
                    opened = partial(self._opened, connection, first, last, answer)
                    parts[number] = self._put(upload, store, number, last + 1 - first, opened)
                    answer = None
            except BaseException as error:  # noqa: BLE001  (it ends the copy, which raises it again)
                self.connections.cut(error)

        with self._uploading(target) as upload:
            others = [
                self.connections.new(self.limits.source_silence, to_results=True)
                for _ in rest[: self.limits.streams - 1]
            ]
            with ThreadPoolExecutor(1 + len(others), "transfer") as pool:
                try:
                    # Advancing the iterator of a list is atomic: no two threads get the same part.
                    begun = [pool.submit(work, upload, connection, chain([head], left), answer)]
                    begun += [pool.submit(work, upload, other, left, None) for other in others]
                    wait(begun)
                except BaseException as error:
                    self.connections.cut(error)
                    raise
            self.connections.check()
            return self._complete(upload, answer.version, [part for _, part in sorted(parts.items())])

    @contextmanager
    def _opened(
        self, connection: Connection, first: int, last: int, answer: Answer | None
    ) -> Iterator[Iterable[memoryview]]:
        unread = answer if answer is not None and not answer.response.isclosed() else None
        with closing(self.source.chunks(connection, first, last, unread)) as chunks:
            yield chunks if first else _like_an_mp4(chunks)

    def _put(self, upload: Upload, store: Connection, number: int, size: int, opened: Opened) -> Part:
        """Store one part, and retry a few times, after growing pauses, while S3 does not accept it."""
        attempt = 1
        while True:
            try:
                with opened() as chunks:
                    return upload.put(store, number, size, chunks)
            except PartRefused as refused:
                if refused.for_good or attempt == self.limits.part_attempts:
                    raise DeliveryInterrupted("store_failed", f"S3 did not take a part: {refused.code}.") from None
            self.tally.count("part_retried")
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
        upload = Upload(self.client, self.credentials, self.connections, target)
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
