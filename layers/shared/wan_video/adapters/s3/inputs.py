"""The inputs bucket: images that callers have uploaded, and copies of images that their requests contained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from wan_video.adapters.s3.origin import origin_of
from wan_video.domain.image import MAX_IMAGE_BYTES, BadImage
from wan_video.domain.objects import UploadLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

ONCE: Final = "*"
_MISSING: Final = ("404", "NoSuchKey", "NotFound")


class S3Inputs:
    """The port `ApiInputs`."""

    def __init__(self, client: Callable[[], S3Client], bucket: str) -> None:
        """Call `client` at each use."""
        self._client = client
        self._bucket = bucket

    def exists(self, key: str) -> bool:
        try:
            self._client().head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return False
            raise
        return True

    def read(self, key: str, most_bytes: int) -> bytes | None:
        try:
            found = self._client().get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        with found["Body"] as body:
            if found["ContentLength"] > most_bytes:
                raise BadImage(
                    f"The image has {found['ContentLength']} bytes; the limit is {most_bytes // (1024 * 1024)} MB."
                )
            return body.read()

    def link(self, key: str, seconds: int, content_type: str) -> str:
        return self._client().generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key, "ResponseContentType": content_type},
            ExpiresIn=seconds,
        )

    def sign(self, key: str, seconds: int) -> UploadLink:
        # The content type is not signed: browsers send that of the file, and images are recognized by their bytes.
        url = self._client().generate_presigned_url(
            "put_object", Params={"Bucket": self._bucket, "Key": key, "IfNoneMatch": ONCE}, ExpiresIn=seconds
        )
        return UploadLink(url, {"If-None-Match": ONCE})

    def put(self, key: str, content: bytes, content_type: str) -> None:
        self._client().put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    def renew(self, key: str) -> bool:
        # The lifecycle rule counts from the last write. A copy onto itself would need more rights than this.
        content = self.read(key, MAX_IMAGE_BYTES)
        if content is None:
            return False
        self._client().put_object(Bucket=self._bucket, Key=key, Body=content)
        return True

    def delete(self, key: str) -> None:
        self._client().delete_object(Bucket=self._bucket, Key=key)

    def origin(self) -> str:
        return origin_of(self._client(), self._bucket)


def _is_missing(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in _MISSING
