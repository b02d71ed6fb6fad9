"""The origin of presigned links to a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def origin_of(client: S3Client, bucket: str) -> str:
    """Return scheme and host of all links to a bucket, for the policies of browsers; this sends no request."""
    scheme, host, *_ = urlsplit(client.generate_presigned_url("head_bucket", Params={"Bucket": bucket}))
    return f"{scheme}://{host}"
