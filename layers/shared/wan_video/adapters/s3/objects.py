"""Access to the objects of the videos bucket."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from wan_video.adapters.s3.origin import origin_of
from wan_video.domain.objects import FoundObject
from wan_video.domain.video import StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_s3 import S3Client

    from wan_video.adapters.s3.ranges import RangedObject

CRC64XZ: Final = "crc64xz"
"""The user metadata that contains the checksum that the source of an object stated."""

TASK_ID: Final = "task-id"
"""The user metadata that contains the id of the task that generated an object."""

READ_BYTES: Final = 1024 * 1024

_CRC64: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)


class S3Objects:
    """The port `Objects`."""

    def __init__(self, client: Callable[[], S3Client], bucket: str) -> None:
        """Call `client` only when it is needed: S3's client is slow to create, and most API requests do not use it."""
        self._client = client
        self._bucket = bucket

    def find(self, key: str) -> FoundObject | None:
        try:
            head = self._client().head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        nvme = head.get("ChecksumCRC64NVME") if head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT" else None
        xz = head["Metadata"].get(CRC64XZ, "")
        stored = StoredObject(
            bucket=self._bucket,
            key=key,
            bytes=head["ContentLength"],
            etag=head["ETag"].strip('"'),
            crc64nvme=base64.b64decode(nvme).hex() if nvme else None,
            crc64xz=xz if _CRC64.fullmatch(xz) else None,
        )
        return FoundObject(stored, head["Metadata"].get(TASK_ID))

    def is_sound(self, stored: StoredObject) -> bool:
        if stored.crc64xz is None:
            return False
        # Needed only after a worker died or an answer was lost, so the other functions do not load it.
        from wan_video.adapters.s3.checksums import Checksums, begins_like_an_mp4

        body = self._client().get_object(Bucket=self._bucket, Key=stored.key, IfMatch=f'"{stored.etag}"')["Body"]
        with body:
            first = body.read(READ_BYTES)
            whole = Checksums().extended(first)
            for chunk in body.iter_chunks(READ_BYTES):
                whole = whole.extended(chunk)
        stated = (stored.bytes, stored.crc64xz)
        return begins_like_an_mp4(first) and stated == (whole.length, f"{whole.xz:016x}")

    def put_json(self, key: str, document: Mapping[str, Any]) -> None:
        body = json.dumps(document, ensure_ascii=False, indent=2).encode()
        self._client().put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")

    def open(self, stored: StoredObject) -> RangedObject:
        # Only `thumbnail` reads videos in parts, so the other functions do not load it.
        from wan_video.adapters.s3.ranges import RangedObject

        return RangedObject(self._client(), stored)

    def put_jpeg(self, key: str, picture: bytes) -> None:
        self._client().put_object(Bucket=self._bucket, Key=key, Body=picture, ContentType="image/jpeg")

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._client().delete_object(Bucket=self._bucket, Key=key)

    def link(self, key: str, *, filename: str, seconds: int, save: bool = False, head: bool = False) -> str:
        disposition = "attachment" if save else "inline"
        return self._client().generate_presigned_url(
            "head_object" if head else "get_object",  # the signature includes the method
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentDisposition": f'{disposition}; filename="{filename}"',
            },
            ExpiresIn=seconds,
        )

    def origin(self) -> str:
        return origin_of(self._client(), self._bucket)
