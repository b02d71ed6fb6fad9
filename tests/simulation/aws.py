"""AWS in memory: clients over the virtual clock, and the buckets at the ports of the stack.

DynamoDB, SNS, Step Functions and Lambda are clients, so that the shipped adapters run over them. The buckets and the
transfer are ports, because their adapters use threads, sockets and bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fakes.world import FakePromptFiles, FakeReport
from tests.simulation import dynamo
from tests.simulation.dynamo import Key, Thunk, cancelled, refused
from tests.simulation.wan import FOREIGN, LINK
from wan_video.domain.objects import FoundObject, OpenUpload, UploadLink
from wan_video.domain.prompt_file import PromptFile
from wan_video.domain.video import StoredObject
from wan_video.errors import DeliveryInterrupted

if TYPE_CHECKING:
    from tests.simulation.world import World

AWS: Final = (("throttled", 0.3), ("failed", 0.3), ("lost", 0.3), ("again", 0.1))
"""How a call fails after all attempts of the SDK; `again` is a write that the SDK repeats after a lost answer."""

TRANSFER: Final = (("truncated", 0.04), ("checksum", 0.04), ("unavailable", 0.06), ("left_behind", 0.03))
SPLIT: Final = 0.1
"""The share of reads of several items between which writes happen."""

Current = Callable[[], "World"]


def lost(operation: str) -> Exception:
    """Return what boto3 raises if no answer arrives."""
    return ReadTimeoutError(endpoint_url=f"https://{operation}.invalid")


class TimedClient(dynamo.Client):
    """DynamoDB under the virtual clock: calls take time, fail, conflict, and split their reads."""

    def __init__(self, current: Current) -> None:
        self._current = current

    @property
    def tables(self) -> dynamo.Tables:  # type: ignore[override]
        return self._current().tables

    def _read(self, operation: str, arguments: Mapping[str, Any], read: Thunk) -> Any:
        world = self._current()
        return world.aws(f"dynamodb.{operation}", lambda: self._split(world, arguments, read), writes=False)

    def _split(self, world: World, arguments: Mapping[str, Any], read: Thunk) -> Any:
        wanted = arguments.get("RequestItems")
        if wanted is None:
            return read()
        return self._batch(world, wanted)

    def _batch(self, world: World, wanted: Mapping[str, Any]) -> Any:
        """Read items in an order that is not promised, sometimes with writes in between, sometimes not all of them."""
        ((name, request),) = wanted.items()
        keys, draw = list(request["Keys"]), world.last_draw
        # An order of the seed, whatever the order of the keys is, which may be that of a set.
        keys.sort(key=lambda key: sorted(key.items()))
        turn = draw.below(len(keys), 5)
        keys = keys[turn:] + keys[:turn]
        unprocessed: list[Any] = []
        if len(keys) > 1 and draw.number(6) < SPLIT and not world.decisions.calm:
            unprocessed = keys[-1:]
            keys = keys[:-1]
        found: list[Any] = []
        for part in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
            if part:
                read = {"RequestItems": {name: {**request, "Keys": part}}}
                found += self.tables.batch_get_item(read)["Responses"][name]
            if draw.number(7) < SPLIT:
                world.pause(draw.number(4) * world.decisions.rates.usual)
        left = {name: {**request, "Keys": unprocessed}} if unprocessed else {}
        return {"Responses": {name: found}, "UnprocessedKeys": left}

    def _write(self, operation: str, keys: Sequence[tuple[str, Key]], write: Thunk) -> Any:
        world = self._current()
        if operation == "TransactWriteItems":
            return world.aws(f"dynamodb.{operation}", lambda: self._together(world, keys, write), token=True)
        return world.aws(f"dynamodb.{operation}", lambda: self._one(world, keys[0], write))

    def _together(self, world: World, keys: Sequence[tuple[str, Key]], write: Thunk) -> Any:
        """Write several items; until that is done, other writes of these items conflict."""
        held = world.held
        taken = [held.get(key, 0.0) > world.scheduler.now for key in keys]
        if any(taken):
            world.conflicts += 1
            raise cancelled(["TransactionConflict" if one else "None" for one in taken])
        draw = world.last_draw
        until = world.scheduler.now + draw.number(4) * world.decisions.rates.usual
        for key in keys:
            held[key] = until
        try:
            world.pause(until - world.scheduler.now)
            return write()
        finally:
            for key in keys:
                held.pop(key, None)

    def _one(self, world: World, key: tuple[str, Key], write: Thunk) -> Any:
        if world.held.get(key, 0.0) > world.scheduler.now:
            world.conflicts += 1
            raise refused("TransactionConflictException", "Transaction is ongoing for the item")
        return write()

    def _page_size(self) -> int | None:
        draw = self._current().next_draw("page")
        return 2 if draw.number() < 0.3 else None


@dataclass(frozen=True)
class NotSimulated:
    """A service that the simulation does not have: wiring may hold it, and nothing may use it."""

    name: str

    def __getattr__(self, operation: str) -> Any:
        if operation.startswith("__"):
            raise AttributeError(operation)
        raise NotImplementedError(f"{self.name}: {operation}")


class Session:
    """The session of the functions' clients."""

    def __init__(self, current: Current) -> None:
        self._clients = {"sns": Sns(current), "stepfunctions": StepFunctions(current), "lambda": Lambda(current)}

    def client(self, name: str) -> Any:
        """Return a client. Raises KeyError for a service that the simulation does not have."""
        return self._clients[name]

    def get_credentials(self) -> Any:
        """Return what stands for credentials."""
        return SimpleNamespace()


@dataclass
class Sns:
    """SNS: each message goes to the subscriber at least once, some time later."""

    current: Current

    def publish(self, *, TopicArn: str, Message: str, MessageAttributes: Mapping[str, Any]) -> Any:  # noqa: N803
        world = self.current()
        return world.aws("sns.publish", lambda: world.published(Message, MessageAttributes["owner"]["StringValue"]))


@dataclass
class StepFunctions:
    """Step Functions, as the functions use it."""

    current: Current

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> Any:  # noqa: N803, A002
        world = self.current()
        return world.aws("states.start_execution", lambda: self._start(world, name, input))

    def _start(self, world: World, name: str, text: str) -> Any:
        if not world.start_execution(name, json.loads(text)):
            raise refused("ExecutionAlreadyExists", operation="StartExecution")
        return {}

    def describe_execution(self, *, executionArn: str) -> Any:  # noqa: N803
        world = self.current()
        return world.aws("states.describe_execution", lambda: self._describe(world, executionArn), writes=False)

    def _describe(self, world: World, arn: str) -> Any:
        status = world.executions.get(arn.rpartition(":")[2])
        if status is None:
            raise refused("ExecutionDoesNotExist", operation="DescribeExecution")
        return {"status": status}


@dataclass
class Lambda:
    """Lambda's asynchronous invocations."""

    current: Current

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> Any:  # noqa: N803
        world = self.current()
        if InvocationType != "Event":
            raise NotImplementedError(InvocationType)
        return world.aws("lambda.invoke", lambda: world.send(FunctionName, json.loads(Payload)))


@dataclass
class Bucket:
    """The contents of all buckets, and of the web."""

    stored: dict[str, StoredObject] = field(default_factory=dict)
    task_ids: dict[str, str] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    documents: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, OpenUpload] = field(default_factory=dict)
    images: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """The objects of the inputs bucket, and the images in the prompts bucket."""
    web: dict[str, bytes] = field(default_factory=dict)
    """What web servers outside send."""
    prompts: FakePromptFiles = field(default_factory=lambda: FakePromptFiles(chunk_bytes=1024))
    etags: int = 0


@dataclass
class S3:
    """S3 as the adapter of inputs uses it; what it does not use is refused."""

    current: Current

    def head_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        world = self.current()
        return world.aws("s3.head_object", lambda: self._found(world, Bucket, Key), writes=False)

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        world = self.current()
        content = world.aws("s3.get_object", lambda: self._found(world, Bucket, Key), writes=False)
        return {"Body": io.BytesIO(content), "ContentLength": len(content)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str = "") -> Any:  # noqa: N803
        world = self.current()
        return world.aws("s3.put_object", lambda: world.bucket.images.__setitem__((Bucket, Key), Body))

    def delete_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        world = self.current()
        return world.aws("s3.delete_object", lambda: world.bucket.images.pop((Bucket, Key), None))

    def generate_presigned_url(self, operation: str, *, Params: Mapping[str, str], ExpiresIn: int = 0) -> str:  # noqa: N803
        return f"https://{Params['Bucket']}.s3.invalid/{Params.get('Key', '')}?operation={operation}"

    def _found(self, world: World, bucket: str, key: str) -> bytes:
        if (bucket, key) not in world.bucket.images:
            raise refused("NoSuchKey", operation="GetObject")
        return world.bucket.images[bucket, key]


@dataclass
class Objects:
    """The port `Objects`."""

    current: Current
    _bucket: str = "wan-video-videos"

    def find(self, key: str) -> FoundObject | None:
        world = self.current()
        bucket = world.bucket

        def find() -> FoundObject | None:
            return FoundObject(bucket.stored[key], bucket.task_ids.get(key)) if key in bucket.stored else None

        found: FoundObject | None = world.aws("s3.head_object", find, writes=False)
        return found

    def is_sound(self, stored: StoredObject) -> bool:
        world = self.current()
        sound: bool = world.aws("s3.get_object", lambda: stored.key not in world.bucket.damaged, writes=False)
        return sound

    def put_json(self, key: str, document: Mapping[str, Any]) -> None:
        world = self.current()
        body = json.dumps(document).encode()
        world.aws("s3.put_object", lambda: world.bucket.documents.__setitem__(key, body))

    def delete(self, keys: Sequence[str]) -> None:
        world = self.current()
        for key in keys:
            world.aws("s3.delete_object", partial(self._delete, world.bucket, key))

    def _delete(self, bucket: Bucket, key: str) -> None:
        for part in (bucket.stored, bucket.task_ids, bucket.documents):
            part.pop(key, None)
        bucket.damaged.discard(key)

    def link(self, key: str, *, filename: str, seconds: int, save: bool = False, head: bool = False) -> str:
        return f"https://bucket.invalid/{key}"

    def origin(self) -> str:
        return "https://bucket.invalid"


@dataclass
class Transfer:
    """The port `Transfer`: a copy takes time, may be cut, and is visible completely or not at all."""

    current: Current

    def copy(
        self, ask: Callable[[], str], key: str, task_id: str, seconds: float, replaced: StoredObject | None = None
    ) -> StoredObject:
        world = self.current()
        link = ask()
        if link == FOREIGN.format(task_id):
            world.leaks.append(f"{key} was fetched from a foreign host")
        call = world.call("transfer.copy", TRANSFER, world.decisions.rates.wan)
        upload = f"upload-{key}-{world.scheduler.current().label}-{call.draw.bits():x}"
        world.bucket.uploads[upload] = OpenUpload(key, upload, world.scheduler.now)
        world.pause(call.draw.between(0.5, 30.0, 5))
        if call.fault is not None and call.fault != "left_behind":
            world.bucket.uploads.pop(upload)
            call.end()
            raise DeliveryInterrupted(call.fault, "The copy failed.")
        if call.fault is None:
            world.bucket.uploads.pop(upload)
        stored = self._store(world, key, task_id, link, replaced)
        call.end()
        return stored

    def _store(self, world: World, key: str, task_id: str, link: str, replaced: StoredObject | None) -> StoredObject:
        bucket = world.bucket
        known = bucket.stored.get(key)
        if known != replaced:
            if known is not None and bucket.task_ids.get(key) == task_id:
                return known
            raise refused("PreconditionFailed", operation="CompleteMultipartUpload")
        bucket.etags += 1
        bucket.stored[key] = StoredObject("wan-video-videos", key, 4096, f"etag-{bucket.etags}", "0" * 16, "1" * 16)
        bucket.task_ids[key] = task_id if link == LINK.format(task_id) else ""
        world.story.add("stores the video", key=key, task_id=task_id)
        return bucket.stored[key]


@dataclass
class Multiparts:
    """The port `Multiparts`."""

    current: Current

    def open(self) -> Iterable[OpenUpload]:
        world = self.current()
        uploads: list[OpenUpload] = world.aws(
            "s3.list_multipart_uploads", lambda: list(world.bucket.uploads.values()), writes=False
        )
        return uploads

    def abort(self, upload: OpenUpload) -> None:
        world = self.current()
        world.aws("s3.abort_multipart_upload", lambda: world.bucket.uploads.pop(upload.upload_id, None))


@dataclass
class Reports:
    """The port `Reports`."""

    current: Current

    @contextmanager
    def write(self, key: str, content_type: str) -> Iterator[FakeReport]:
        report = FakeReport()
        yield report
        world = self.current()
        world.aws("s3.put_object", lambda: world.bucket.documents.__setitem__(key, bytes(report.body)))

    def lines(self, key: str) -> Iterator[bytes]:
        world = self.current()
        body: bytes = world.aws("s3.get_object", lambda: world.bucket.documents.get(key, b""), writes=False)
        return iter(body.splitlines())


@dataclass
class PromptFiles:
    """The port `PromptFiles`."""

    current: Current

    def open(self, bucket: str, key: str, etag: str) -> PromptFile:
        world = self.current()
        found = world.aws("s3.head_object", lambda: world.bucket.prompts.open(bucket, key, etag), writes=False)
        chunks = found.chunks

        def timed() -> Iterator[bytes]:
            for chunk in chunks():
                yield world.aws("s3.get_object", partial(bytes, chunk), writes=False)

        return PromptFile(bucket, found.key, found.etag, found.size, timed, found.metadata)


class UploadLinks:
    """The port `UploadLinks`."""

    def sign(self, key: str, *, content_type: str, seconds: int) -> UploadLink:
        return UploadLink(f"https://prompts.invalid/{key}", {"Content-Type": content_type, "If-None-Match": "*"})

    def origin(self) -> str:
        return "https://prompts.invalid"


def failure(kind: str, operation: str) -> ClientError:
    """Return the error with which an AWS service fails after all attempts of the SDK."""
    code = "ThrottlingException" if kind == "throttled" else "InternalServerError"
    return refused(code, operation=operation)
