"""An object of S3 as a file that fetches only the ranges that are read."""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from wan_video.errors import ThumbnailImpossible

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from wan_video.domain.video import StoredObject

BLOCK_BYTES: Final = 512 * 1024
"""Bytes of one request: the index and the first picture of most videos are in the first or in the second block."""

KEPT_BLOCKS: Final = 4
"""The most blocks in memory."""

MAX_BLOCKS: Final = 64
"""The most requests for one file: 32 MB, far more than the index and the first picture of a long video have."""

MAX_SECONDS: Final = 40.0
"""Seconds after which no further request is sent; the timeout of `thumbnail` is longer."""


class RangedObject(io.RawIOBase):
    """One version of an object, read in blocks; it needs constant memory, and ends after MAX_BLOCKS and MAX_SECONDS."""

    def __init__(self, client: S3Client, stored: StoredObject, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._client = client
        self._stored = stored
        self._monotonic = monotonic
        self._until = monotonic() + MAX_SECONDS
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._requests = 0
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stored.bytes}[whence]
        if start + offset < 0:
            raise ValueError(f"The position {start + offset} is before the beginning.")
        self._at = start + offset
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, of one block."""
        if self._at >= self._stored.bytes:
            return b""
        number, start = divmod(self._at, BLOCK_BYTES)
        block = self._block(number)
        part = block[start:] if size < 0 else block[start : start + size]
        self._at += len(part)
        return part

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        if self._requests == MAX_BLOCKS:
            raise ThumbnailImpossible("too_much_read")
        if self._monotonic() > self._until:
            raise TimeoutError
        self._requests += 1
        first = number * BLOCK_BYTES
        last = min(first + BLOCK_BYTES, self._stored.bytes) - 1
        answer = self._client.get_object(
            Bucket=self._stored.bucket,
            Key=self._stored.key,
            Range=f"bytes={first}-{last}",
            IfMatch=f'"{self._stored.etag}"',
        )
        with answer["Body"] as body:
            block = body.read()
        self._blocks[number] = block
        if len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return block
