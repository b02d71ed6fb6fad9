"""An object of S3 as a file: only what is read is fetched, of one version, and not without end."""

from __future__ import annotations

import random

import pytest
from botocore.exceptions import ClientError

from tools.harness.stack import BUCKET, Stack
from wan_video.adapters.s3 import ranges
from wan_video.adapters.s3.objects import S3Objects
from wan_video.adapters.s3.ranges import BLOCK_BYTES, KEPT_BLOCKS, MAX_BLOCKS, MAX_SECONDS, RangedObject
from wan_video.errors import ThumbnailImpossible

KEY = "videos/video_1/video.mp4"


class Requests:
    """The ranges that a client asks for."""

    def __init__(self, stack: Stack) -> None:
        self.ranges: list[str] = []
        stack.s3.meta.events.register("before-call.s3.GetObject", self._note, unique_id="requests")

    def _note(self, params: dict[str, dict[str, str]], **_: object) -> None:
        self.ranges.append(params["headers"]["Range"])


def opened(stack: Stack, content: bytes, monotonic: list[float] | None = None) -> RangedObject:
    """Store `content` and open it."""
    stack.s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)
    found = S3Objects(lambda: stack.s3, BUCKET).find(KEY)
    assert found is not None
    times = monotonic or [0.0]
    return RangedObject(stack.s3, found.object, lambda: times[-1])


def test_it_reads_and_seeks_like_any_file(stack: Stack) -> None:
    content = random.Random(1).randbytes(3 * BLOCK_BYTES + 17)
    file = opened(stack, content)
    chance = random.Random(2)
    for _ in range(60):
        at = chance.randrange(len(content) + 100)
        assert file.seek(at) == file.tell() == at
        size = chance.randrange(1, BLOCK_BYTES)
        read = file.read(size)
        assert len(read) <= size
        assert read == content[at : at + len(read)]
        assert bool(read) == (at < len(content))
        assert file.tell() == at + len(read)
    assert file.seek(-17, 2) == len(content) - 17
    assert file.read() == content[-17:]
    assert file.read(1) == b""
    assert file.seek(-1, 1) == len(content) - 1
    with pytest.raises(ValueError, match="before the beginning"):
        file.seek(-1)
    assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)


def test_only_what_is_read_is_fetched_in_blocks_and_once(stack: Stack) -> None:
    file = opened(stack, bytes(5 * BLOCK_BYTES + 1))
    requests = Requests(stack)
    for at in (0, 10, BLOCK_BYTES - 1, 5 * BLOCK_BYTES, 100):
        file.seek(at)
        file.read(10)
    assert requests.ranges == [f"bytes=0-{BLOCK_BYTES - 1}", f"bytes={5 * BLOCK_BYTES}-{5 * BLOCK_BYTES}"]


def test_memory_does_not_grow_with_what_is_read(stack: Stack) -> None:
    file = opened(stack, bytes(8 * BLOCK_BYTES))
    while file.read(BLOCK_BYTES):
        assert sum(map(len, file._blocks.values())) <= KEPT_BLOCKS * BLOCK_BYTES


def test_a_file_that_would_be_read_without_end_is_given_up(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_BLOCKS * BLOCK_BYTES == 32 * 1024 * 1024
    monkeypatch.setattr(ranges, "BLOCK_BYTES", 10)
    file = opened(stack, bytes(1000))
    for _ in range(MAX_BLOCKS):
        file.read(10)
    with pytest.raises(ThumbnailImpossible, match="too_much_read"):
        file.read(10)


def test_reading_ends_in_time(stack: Stack) -> None:
    times = [0.0]
    file = opened(stack, bytes(2 * BLOCK_BYTES), times)
    times.append(MAX_SECONDS + 1)
    with pytest.raises(TimeoutError):
        file.read(1)


def test_two_versions_of_an_object_are_never_mixed(stack: Stack) -> None:
    file = opened(stack, bytes(2 * BLOCK_BYTES))
    file.read(1)
    stack.s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1" * 2 * BLOCK_BYTES)
    file.seek(BLOCK_BYTES)
    with pytest.raises(ClientError) as caught:
        file.read(1)
    assert caught.value.response["Error"]["Code"] == "PreconditionFailed"
