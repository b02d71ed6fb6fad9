"""Where presigned links to a bucket lead."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def origin_of(client: S3Client, bucket: str) -> str:
    """Scheme and host of every link to the bucket, as a browser's policies name them; no call is made."""
    scheme, host, *_ = urlsplit(client.generate_presigned_url("head_bucket", Params={"Bucket": bucket}))
    return f"{scheme}://{host}"
