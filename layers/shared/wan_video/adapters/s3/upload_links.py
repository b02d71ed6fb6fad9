"""Permission to upload one file to the prompts bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wan_video.adapters.s3.origin import origin_of
from wan_video.domain.objects import UploadLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

ONCE: Final = "*"


class S3UploadLinks:
    """The port `UploadLinks`: presigned PUTs whose signatures include the headers."""

    def __init__(self, client: Callable[[], S3Client], bucket: str) -> None:
        """Call `client` at each use."""
        self._client = client
        self._bucket = bucket

    def sign(self, key: str, *, content_type: str, seconds: int) -> UploadLink:
        url = self._client().generate_presigned_url(
            "put_object",
            Params={"Bucket": self._bucket, "Key": key, "ContentType": content_type, "IfNoneMatch": ONCE},
            ExpiresIn=seconds,
        )
        return UploadLink(url, {"Content-Type": content_type, "If-None-Match": ONCE})

    def origin(self) -> str:
        return origin_of(self._client(), self._bucket)
