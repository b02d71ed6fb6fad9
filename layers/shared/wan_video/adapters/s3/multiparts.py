"""Multipart uploads to the videos bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_video.domain.objects import OpenUpload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client


class S3Multiparts:
    """The port `Multiparts`; `stack_time` turns real Unix seconds into those of the stack's clock."""

    def __init__(self, client: S3Client, bucket: str, stack_time: Callable[[float], float]) -> None:
        self._client = client
        self._bucket = bucket
        self._stack_time = stack_time

    def open(self) -> Iterator[OpenUpload]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket)
        for page in pages:
            for upload in page.get("Uploads", ()):
                begun_at = self._stack_time(upload["Initiated"].timestamp())
                yield OpenUpload(upload["Key"], upload["UploadId"], begun_at)

    def abort(self, upload: OpenUpload) -> None:
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=upload.key, UploadId=upload.upload_id)
        except self._client.exceptions.NoSuchUpload:
            # Another worker was faster.
            return
