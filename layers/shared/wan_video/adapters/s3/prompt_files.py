"""Prompt files, read from the bucket they were uploaded to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from wan_video.domain.prompt_file import PromptFile
from wan_video.errors import PromptFileChanged, PromptFileGone, PromptFileRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

CHUNK_BYTES: Final = 1024 * 1024
"""The bytes of one GET: no connection stays open while rows are written, and a broken one costs one chunk."""


class S3PromptFiles:
    """The port `PromptFiles`."""

    def __init__(self, client: S3Client, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._client = client
        self._chunk_bytes = chunk_bytes

    def open(self, bucket: str, key: str, etag: str) -> PromptFile:
        version = f'"{etag}"'
        head = self._head(bucket, key, version)
        size = head["ContentLength"]

        def chunks() -> Iterator[bytes]:
            for start in range(0, size, self._chunk_bytes):
                last = min(start + self._chunk_bytes, size) - 1
                piece = f"bytes={start}-{last}"
                with _named(key):
                    answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=version, Range=piece)
                yield answer["Body"].read()

        return PromptFile(bucket, key, etag, size, chunks, head["Metadata"])

    def _head(self, bucket: str, key: str, version: str) -> HeadObjectOutputTypeDef:
        """Read the metadata of an object, and make sure that its content can be read too."""
        try:
            with _named(key):
                head = self._client.head_object(Bucket=bucket, Key=key, IfMatch=version)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("400", "403"):
                raise
            # The answer to a HEAD has no body that would say why.
            self._probe(bucket, key, version)
            raise
        if head["ContentLength"] and (head.get("SSEKMSKeyId") or _is_archived(head)):
            self._probe(bucket, key, version)
        return head

    def _probe(self, bucket: str, key: str, version: str) -> None:
        """Read one byte. Raises PromptFileRefused if S3 will never return the content of the object."""
        try:
            with _named(key):
                self._client.get_object(Bucket=bucket, Key=key, IfMatch=version, Range="bytes=0-0")["Body"].close()
        except ClientError as error:
            if why := _why_never(error):
                raise PromptFileRefused(f"{why}; upload it again.") from None
            raise


def _is_archived(head: HeadObjectOutputTypeDef) -> bool:
    return "ArchiveStatus" in head or head.get("StorageClass") in ("GLACIER", "DEEP_ARCHIVE")


def _why_never(error: ClientError) -> str | None:
    """Return why S3 refuses the content of an object; None if this may be temporary, or is the stack's own fault.

    Source: S3, "Error responses"; AWS KMS, "Key states" and "Troubleshooting key access".
    """
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code == "InvalidObjectState":
        return "The file is archived; restore it and use a storage class that is read at once, such as STANDARD"
    if code == "InvalidRequest" and "server side encryption" in message.lower():
        return "The file is encrypted with a key of the uploader's own (SSE-C); use the bucket's own encryption"
    if code.startswith("KMS.") or (code == "AccessDenied" and "kms:" in message.lower()):
        return "The file is encrypted with a KMS key that the stack may not use; use the bucket's own encryption"
    return None


@contextmanager
def _named(key: str) -> Iterator[None]:
    """Convert S3's refusals to the named errors of the port."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("NoSuchKey", "404"):
            raise PromptFileGone(key) from None
        if code in ("PreconditionFailed", "412"):
            raise PromptFileChanged(key) from None
        raise
