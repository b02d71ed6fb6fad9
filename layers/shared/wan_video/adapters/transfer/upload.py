"""A multipart upload whose parts are streamed: their checksum follows the bytes, as S3's own SDKs send it over TLS.

botocore can send such a part only over TLS and in pieces of 16 KB; so the URL of a part and its signature are computed
here, and the bytes go over a `Connection`. One `aws-chunked` chunk holds the whole part, and the trailer that follows
holds its CRC-64/NVME, which S3 compares before it accepts the part.
Sources: S3 "Signature calculations for the Authorization header: including trailing headers"; aws-c-s3, which frames
parts in the same way.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from wan_video.adapters.connections import TROUBLE, Connection, Connections
from wan_video.adapters.s3.checksums import Checksums, Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client

_TRAILER: Final = "x-amz-checksum-crc64nvme"
_CODE: Final = re.compile(rb"<Code>(\w{1,64})</Code>", re.ASCII)
_ANSWER_BYTES: Final = 64 * 1024


_FOR_GOOD: Final = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "NoSuchBucket", "NoSuchUpload", "SignatureDoesNotMatch"}
)


class PartRefused(Exception):
    """Raised when S3 did not accept a part; `code` is S3's, or the type of the connection's error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def for_good(self) -> bool:
        """Return whether S3 would refuse the part again."""
        return self.code in _FOR_GOOD


@dataclass(frozen=True, slots=True)
class Part:
    """A part that S3 has stored, with its ETag."""

    etag: str
    checksums: Checksums


class _StreamedAuth(S3SigV4Auth):
    """The signature of a request whose payload is not known yet."""

    def payload(self, request: AWSRequest) -> str:
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of a copy, the metadata of the object, and the ETag of what it replaces (None: nothing)."""

    bucket: str
    key: str
    metadata: Mapping[str, str]
    replaced: str | None

    @property
    def described(self) -> dict[str, Any]:
        """The arguments that describe the object, for PutObject or CreateMultipartUpload."""
        return {"Bucket": self.bucket, "Key": self.key, "ContentType": "video/mp4", "Metadata": dict(self.metadata)}

    @property
    def condition(self) -> dict[str, Any]:
        """The condition under which the object appears, for PutObject or CompleteMultipartUpload."""
        return {"IfNoneMatch": "*"} if self.replaced is None else {"IfMatch": f'"{self.replaced}"'}


class Upload:
    """One multipart upload, from its beginning to `complete` or `abort`."""

    def __init__(self, client: S3Client, credentials: Credentials, connections: Connections, target: Target) -> None:
        """Start the upload."""
        self._client = client
        self._credentials = credentials
        self._connections = connections
        self._condition = target.condition
        answer = client.create_multipart_upload(
            **target.described, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
        )
        self._id: dict[str, Any] = {"Bucket": target.bucket, "Key": target.key, "UploadId": answer["UploadId"]}

    def put(self, connection: Connection, number: int, size: int, chunks: Iterable[Chunk]) -> Part:
        """Store one part of `size` bytes; raises PartRefused, Cut, and what `chunks` raises."""
        sent = Checksums()

        def framed() -> Iterator[Chunk]:
            nonlocal sent
            yield b"%x\r\n" % size
            for chunk in chunks:
                sent = sent.extended(chunk)
                yield chunk
            yield b"\r\n0\r\n%s:%s\r\n\r\n" % (_TRAILER.encode(), sent.nvme_base64.encode())

        url, headers = self._signed(number, size)
        try:
            response = connection.request("PUT", url, headers, framed())
            body = response.read(_ANSWER_BYTES)
        except TROUBLE as error:
            self._connections.check()
            raise PartRefused(type(error).__name__) from None
        etag = response.headers.get("ETag")
        if response.status == 200 and etag and sent.length == size:
            response.close()
            return Part(etag, sent)
        connection.close()
        # The answer of a copy that was cut has no code, and would count as a part to send again.
        self._connections.check()
        code = _CODE.search(body)
        raise PartRefused(code[1].decode() if code else f"status {response.status}")

    def complete(self, parts: Iterable[Part], whole: Checksums) -> str:
        """Complete the object if its condition holds and S3 computes the same checksum; return its ETag."""
        listed: list[Any] = [
            {"PartNumber": number, "ETag": part.etag, "ChecksumCRC64NVME": part.checksums.nvme_base64}
            for number, part in enumerate(parts, start=1)
        ]
        answer = self._client.complete_multipart_upload(
            **self._id,
            MultipartUpload={"Parts": listed},
            ChecksumCRC64NVME=whole.nvme_base64,
            ChecksumType="FULL_OBJECT",
            MpuObjectSize=whole.length,
            **self._condition,
        )
        return answer["ETag"].strip('"')

    def abort(self) -> None:
        """Abort the upload; if that fails too, the lifecycle rule of the bucket removes what is left."""
        with suppress(ClientError, BotoCoreError):
            self._client.abort_multipart_upload(**self._id)

    def _signed(self, number: int, size: int) -> tuple[SplitResult, dict[str, str]]:
        presigned = urlsplit(
            self._client.generate_presigned_url("upload_part", Params={**self._id, "PartNumber": number})
        )
        # A signature in the query does not cover the trailer, so one in a header replaces it.
        query = urlencode([(name, value) for name, value in parse_qsl(presigned.query) if name in _PART_QUERY])
        url = presigned._replace(query=query)
        frame = len(f"{size:x}\r\n\r\n0\r\n{_TRAILER}:{Checksums().nvme_base64}\r\n\r\n")
        headers = {
            "Content-Encoding": "aws-chunked",
            "Content-Length": str(size + frame),
            "X-Amz-Decoded-Content-Length": str(size),
            "X-Amz-Sdk-Checksum-Algorithm": "CRC64NVME",
            "X-Amz-Trailer": _TRAILER,
        }
        request = AWSRequest("PUT", url.geturl(), headers)
        signer = _StreamedAuth(self._credentials.get_frozen_credentials(), "s3", self._client.meta.region_name)
        signer.add_auth(request)
        return url, dict(request.headers.items())


_PART_QUERY: Final = ("partNumber", "uploadId")
