"""Prompt files, read from the bucket they were uploaded to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from wan_video.domain.prompt_file import PromptFile
from wan_video.errors import PromptFileChanged, PromptFileGone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3PromptFiles:
    """The port `PromptFiles`."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def read(self, bucket: str, key: str, etag: str) -> PromptFile:
        try:
            answer = self._client.get_object(Bucket=bucket, Key=key, IfMatch=etag)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NoSuchKey", "404"):
                raise PromptFileGone(key) from None
            if code in ("PreconditionFailed", "412"):
                raise PromptFileChanged(key) from None
            raise
        return PromptFile(bucket, key, etag, answer["Body"].read(), answer["Metadata"])
