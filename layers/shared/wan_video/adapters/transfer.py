"""From a result link to S3, streamed: one part in memory at a time, checked on the way, visible only when whole.

What keeps a copy from counting: a status other than 200 (redirects included), a file that is no MP4, more bytes than
a video can have, fewer than announced, a CRC-64/XZ other than the one OSS states, or a source slower than the
deadline. The object appears by one conditional request (`If-None-Match: *`), so two workers cannot both write it.
Sources: OSS "GetObject" (`x-oss-hash-crc64ecma`); S3 "CompleteMultipartUpload", "Checking object integrity".
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import requests
from awscrt.checksums import crc64nvme
from botocore.exceptions import ClientError
from fastcrc.crc64 import xz
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from wan_video.adapters.objects import CRC64XZ
from wan_video.domain.video import StoredObject
from wan_video.errors import DeliveryInterrupted
from wan_video.ports import Objects

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES: Final = 8 * 1024 * 1024
CHUNK_BYTES: Final = 256 * 1024
MAX_VIDEO_BYTES: Final = 1024 * 1024 * 1024
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 20.0
COPY_SECONDS: Final = 720.0
"""From the first request to the last byte; shorter than the function's own time-out."""


class StreamTransfer:
    """The port `Transfer`."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        objects: Objects,
        *,
        part_bytes: int = PART_BYTES,
        copy_seconds: float = COPY_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._objects = objects
        self._part_bytes = part_bytes
        self._copy_seconds = copy_seconds
        self._monotonic = monotonic

    def copy(self, url: str, key: str) -> StoredObject:
        deadline = self._monotonic() + self._copy_seconds
        with requests.Session() as session:
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=Retry(total=0, redirect=False)))
            # The link is a credential: no message of requests or urllib3, which would quote it, may leave this block.
            try:
                with session.get(
                    url,
                    headers={"Accept-Encoding": "identity", "User-Agent": "wan-video"},
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    return self._store(_Source(response, self._part_bytes, deadline, self._monotonic), key)
            except (requests.RequestException, HTTPError) as error:
                raise DeliveryInterrupted("download_failed", type(error).__name__) from None

    def _store(self, source: _Source, key: str) -> StoredObject:
        parts = source.parts()
        first = next(parts)
        common: dict[str, Any] = {"Bucket": self._bucket, "Key": key, "ContentType": "video/mp4"}
        if source.stated_crc64xz is not None:
            common["Metadata"] = {CRC64XZ: source.stated_crc64xz}
        try:
            if source.ended:
                source.check()
                etag = self._put(common, first)
            else:
                etag = self._put_in_parts(common, first, parts, source)
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            there = self._objects.find(key)
            if there is None:
                raise DeliveryInterrupted("store_conflict", "Another copy was being stored at the same time.") from None
            return there
        return StoredObject(self._bucket, key, source.bytes, etag, f"{source.nvme:016x}", f"{source.xz:016x}")

    def _put(self, common: dict[str, Any], body: bytes) -> str:
        answer = self._client.put_object(**common, Body=body, IfNoneMatch="*", ChecksumCRC64NVME=_base64(body))
        return answer["ETag"].strip('"')

    def _put_in_parts(self, common: dict[str, Any], first: bytes, rest: Iterator[bytes], source: _Source) -> str:
        upload_id = self._client.create_multipart_upload(**common, ChecksumAlgorithm="CRC64NVME")["UploadId"]
        upload: dict[str, Any] = {"Bucket": common["Bucket"], "Key": common["Key"], "UploadId": upload_id}
        try:
            done: list[Any] = [self._put_part(upload, 1, first)]
            for number, part in enumerate(rest, start=2):
                done.append(self._put_part(upload, number, part))
            source.check()
            answer = self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done}, IfNoneMatch="*")
        except BaseException:
            self._client.abort_multipart_upload(**upload)
            raise
        return answer["ETag"].strip('"')

    def _put_part(self, upload: dict[str, Any], number: int, body: bytes) -> dict[str, Any]:
        checksum = _base64(body)
        answer = self._client.upload_part(**upload, PartNumber=number, Body=body, ChecksumCRC64NVME=checksum)
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumCRC64NVME": checksum}


class _Source:
    """An open answer of the result host, read part by part and checked as it goes."""

    def __init__(
        self, response: requests.Response, part_bytes: int, deadline: float, monotonic: Callable[[], float]
    ) -> None:
        if response.status_code != 200:
            raise DeliveryInterrupted(*_refusal(response.status_code))
        self._response = response
        self._part_bytes = part_bytes
        self._deadline = deadline
        self._monotonic = monotonic
        length = response.headers.get("Content-Length", "")
        self._length = int(length) if length.isdecimal() else None
        if self._length is not None and self._length > MAX_VIDEO_BYTES:
            raise DeliveryInterrupted("too_large", f"The result has {self._length} bytes, more than {MAX_VIDEO_BYTES}.")
        stated = response.headers.get("x-oss-hash-crc64ecma", "")
        self.stated_crc64xz = f"{int(stated):016x}" if stated.isdecimal() else None
        self.bytes = 0
        self.nvme = 0
        self.xz = 0
        self.ended = False

    def parts(self) -> Iterator[bytes]:
        """The body in parts of the same size; the last may be shorter. The first is checked to begin an MP4."""
        part = bytearray()
        number = 0
        # One read of the socket at a time: a host that drips bytes comes back to the deadline after each.
        while chunk := self._response.raw.read1(CHUNK_BYTES, decode_content=False):
            if self._monotonic() > self._deadline:
                raise DeliveryInterrupted("too_slow", "The result host is too slow.")
            self.bytes += len(chunk)
            if self.bytes > MAX_VIDEO_BYTES:
                raise DeliveryInterrupted("too_large", f"The result has more than {MAX_VIDEO_BYTES} bytes.")
            self.nvme = crc64nvme(chunk, self.nvme)
            self.xz = xz(chunk, self.xz)
            part += chunk
            if len(part) > self._part_bytes:
                number += 1
                yield self._first_checked(number, bytes(part[: self._part_bytes]))
                del part[: self._part_bytes]
        self.ended = True
        yield self._first_checked(number + 1, bytes(part))

    def check(self) -> None:
        """Raise DeliveryInterrupted where what was read is not what was announced."""
        if self._length is not None and self.bytes != self._length:
            raise DeliveryInterrupted("truncated", f"{self.bytes} of {self._length} bytes arrived.")
        if self.stated_crc64xz not in (None, f"{self.xz:016x}"):
            raise DeliveryInterrupted("corrupted", "The CRC-64 of what arrived is not the one stated.")

    @staticmethod
    def _first_checked(number: int, part: bytes) -> bytes:
        if number == 1 and part[4:8] != b"ftyp":
            raise DeliveryInterrupted("not_a_video", "The result does not begin like an MP4 file.")
        return part


def _refusal(status: int) -> tuple[str, str]:
    if status == 403:
        return "link_expired", "The link is refused; a new one is asked for next time."
    if 300 <= status < 400:
        return "redirected", "The result host redirects, which is not followed."
    return "download_refused", f"The result host answers {status}."


def _base64(body: bytes) -> str:
    return base64.b64encode(crc64nvme(body).to_bytes(8, "big")).decode()
