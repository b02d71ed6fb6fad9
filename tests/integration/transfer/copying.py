"""What the copies in these tests use: small limits, a bucket in a strict S3 server, a film, and answers of any size."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from boto3.session import Session
from botocore.config import Config
from botocore.credentials import Credentials

from tools.harness.patience import PATIENCE
from tools.harness.result_host import Reply, Spoil, once
from tools.harness.s3_server import SIGNS_WITH, S3Server, Stored
from wan_simulator.simulator import Simulator
from wan_video.adapters.s3.objects import S3Objects
from wan_video.adapters.transfer import Limits, StreamTransfer
from wan_video.domain.models import Region
from wan_video.domain.objects import FoundObject
from wan_video.domain.video import StoredObject
from wan_video.errors import DeliveryInterrupted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET, KEY = "wan-video-videos", "videos/video_1/video.mp4"


TASK = "task-of-video_1"


FTYP = b"\x00\x00\x00\x18ftypisom"


PART = 256 * 1024


LIMITS = Limits(
    head_bytes=PART,
    part_bytes=PART,
    smallest_part=PART,
    chunk_bytes=PART // 8,
    streams=3,
    fewest_streams=3,
    connect=PATIENCE,
    source_silence=PATIENCE,
    store_silence=PATIENCE,
    pause=0.01,
)
"""The product's limits, adapted to shorter videos, hosts without pauses, and a busy machine."""


TIME = PATIENCE


class OneKey:
    """The simulator's key for Singapore."""

    def __init__(self, key: str) -> None:
        self._key = key

    def key(self, region: Region) -> str:
        return self._key

    def refresh(self, region: Region) -> bool:
        return False


@dataclass(frozen=True)
class Film:
    """A film of the simulator: its task, its link, and its properties."""

    simulator: Simulator
    task_id: str
    link: str

    @property
    def billed(self) -> dict[str, Any]:
        (entry,) = [entry for entry in self.simulator.ledger("billed") if entry["task_id"] == self.task_id]
        return entry


@cache
def client_of(url: str) -> S3Client:
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        retries={"mode": "standard", "total_max_attempts": 2},
        read_timeout=PATIENCE,
    )
    session = Session("testing", SIGNS_WITH, region_name="eu-central-1")
    return session.client("s3", endpoint_url=url, config=config)


@dataclass
class Bucket:
    """The videos bucket, and what tests read from it."""

    s3: S3Server
    troubles: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)

    def copy(
        self,
        *links: str,
        limits: Limits = LIMITS,
        seconds: float = TIME,
        task_id: str = TASK,
        replaced: StoredObject | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> StoredObject:
        """Copy from these links; each is returned once, the last one repeatedly."""
        left = list(links)

        def ask() -> str:
            self.links.append(left[0])
            return left.pop(0) if len(left) > 1 else left[0]

        client = client_of(self.s3.url)
        return StreamTransfer(
            client,
            Credentials("testing", SIGNS_WITH),
            BUCKET,
            S3Objects(lambda: client, BUCKET),
            limits=limits,
            on_trouble=self.note,
            clock=clock,
        ).copy(ask, KEY, task_id, seconds, replaced)

    def note(self, counts: Mapping[str, int]) -> None:
        self.troubles.update(counts)

    def find(self) -> FoundObject | None:
        """Return what is stored under the key."""
        return self.objects.find(KEY)

    @property
    def objects(self) -> S3Objects:
        client = client_of(self.s3.url)
        return S3Objects(lambda: client, BUCKET)

    def put(self, body: bytes, **metadata: str) -> StoredObject:
        """Store an object without a copy."""
        with self.s3.lock:
            self.s3.objects[KEY] = Stored.of(body, **metadata)
        found = self.find()
        assert found is not None
        return found.object

    @property
    def is_empty(self) -> bool:
        return not self.s3.objects and not self.s3.uploads

    @property
    def body(self) -> bytes:
        assert not self.s3.uploads
        return self.s3.objects[KEY].body

    def interruption(self, link: str, **wanted: Any) -> str:
        """Return the error code of a copy that fails and stores nothing."""
        with pytest.raises(DeliveryInterrupted) as caught:
            self.copy(link, **wanted)
        assert self.is_empty
        assert link not in str(caught.value)
        assert "CANARY" not in str(caught.value)
        return caught.value.code


@cache
def big(size: int) -> bytes:
    """Return a film of `size` bytes without two equal pieces."""
    block = b"".join(number.to_bytes(8, "big") for number in range(size // 8 + 1))
    return (FTYP + block)[:size]


def film_answer(body: bytes, *headers: str, length: int | None = None) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def ignoring_ranges(*headers: str) -> Spoil:
    def whole(_: int, reply: Reply) -> Reply:
        kept = {name: value for name, value in reply.headers.items() if name not in (*headers, "Content-Range")}
        return Reply(200, kept, memoryview(big(3 * PART + 9)))

    return whole


def changed(**headers: str) -> Spoil:
    return once(2, lambda reply: replace(reply, headers={**reply.headers, **headers}))
