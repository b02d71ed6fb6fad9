"""Prompt files, read from the bucket they were uploaded to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from wan_video.domain.prompt_file import PromptFile
from wan_video.errors import PromptFileChanged, PromptFileGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES: Final = 1024 * 1024
"""One GET each: no connection stays open while rows are written, and a broken one costs one chunk."""


class S3PromptFiles:
    """The port `PromptFiles`."""

    def __init__(self, client: S3Client, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._client = client
        self._chunk_bytes = chunk_bytes

    def open(self, bucket: str, key: str, etag: str) -> PromptFile:
        version = f'"{etag}"'
        with _named(key):
            head = self._client.head_object(Bucket=bucket, Key=key, IfMatch=version)
        size = head["ContentLength"]

        def chunks() -> Iterator[bytes]:
            for start in range(0, size, self._chunk_bytes):
                last = min(start + self._chunk_bytes, size) - 1
                piece = f"bytes={start}-{last}"
                with _named(key):
                    answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=version, Range=piece)
                yield answer["Body"].read()

        return PromptFile(bucket, key, etag, size, chunks, head["Metadata"])


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Let S3's refusals be told apart by name."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("NoSuchKey", "404"):
            raise PromptFileGone(key) from None
        if code in ("PreconditionFailed", "412"):
            raise PromptFileChanged(key) from None
        raise
