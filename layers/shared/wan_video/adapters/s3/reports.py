"""The reports of batches in the videos bucket: JSON Lines of any length, of which memory holds only a part."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from wan_video.ports.objects import Report

PART_BYTES: Final = 5 * 1024 * 1024
"""The smallest part that S3 accepts."""

READ_BYTES: Final = 1024 * 1024


class S3Reports:
    """The port `Reports`."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    @contextmanager
    def write(self, key: str, content_type: str) -> Iterator[Report]:
        report = _S3Report(self._client, self._bucket, key, content_type)
        try:
            yield report
        except BaseException:
            report.abort()
            raise
        report.close()

    def lines(self, key: str) -> Iterator[bytes]:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return
            raise
        with body:
            yield from body.iter_lines(READ_BYTES)


class _S3Report:
    """An object that is being written: with one request if it is small, or else in parts."""

    def __init__(self, client: S3Client, bucket: str, key: str, content_type: str) -> None:
        self.lines = 0
        self.size = 0
        self._client = client
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._buffer = io.BytesIO()
        self._upload = ""
        self._parts: list[CompletedPartTypeDef] = []

    def add(self, line: bytes) -> None:
        self._buffer.write(line + b"\n")
        self.lines += 1
        self.size += len(line) + 1
        if self._buffer.tell() >= PART_BYTES:
            self._flush()

    def close(self) -> None:
        """Complete the object, so that it appears."""
        if not self._upload:
            self._client.put_object(
                Bucket=self._bucket, Key=self._key, Body=self._buffer.getvalue(), ContentType=self._content_type
            )
            return
        if self._buffer.tell():
            self._flush()
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=self._key, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
        )

    def abort(self) -> None:
        """Abort the upload, so that no part of it is kept."""
        if self._upload:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload)

    def _flush(self) -> None:
        if not self._upload:
            created = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._key, ContentType=self._content_type
            )
            self._upload = created["UploadId"]
        number = len(self._parts) + 1
        answer = self._client.upload_part(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._upload,
            PartNumber=number,
            Body=self._buffer.getvalue(),
        )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._buffer = io.BytesIO()
