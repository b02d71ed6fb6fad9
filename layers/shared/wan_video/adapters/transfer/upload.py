"""Uploads to S3 that are streamed: the checksum follows the bytes, as S3's own SDKs send it over TLS.

botocore can send such a body only over TLS and in pieces of 16 KB; so the URL and the signature of an object or a part
are computed here, and the bytes go over a `Connection`. One `aws-chunked` chunk holds all of them, and the trailer that
follows holds their CRC-64/NVME, which S3 compares before it accepts them. Until the trailer is sent, S3 has stored
nothing.
Sources: S3 "Signature calculations for the Authorization header: including trailing headers"; aws-c-s3, which frames
parts in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
_CONTENT_TYPE: Final = "video/mp4"
_HEADERS: Final = {"IfNoneMatch": "If-None-Match", "IfMatch": "If-Match"}
_PART_QUERY: Final = ("partNumber", "uploadId")
_FOR_GOOD: Final = frozenset(
    {
        *("AccessDenied", "ConditionalRequestConflict", "InvalidAccessKeyId", "NoSuchBucket", "NoSuchKey"),
        *("NoSuchUpload", "PreconditionFailed", "SignatureDoesNotMatch"),
    }
)


class UploadRefused(Exception):
    """Raised when S3 did not accept an upload; `code` is S3's, or the type of the connection's error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    @property
    def for_good(self) -> bool:
        """Return whether S3 would refuse it again."""
        return self.code in _FOR_GOOD


@dataclass(frozen=True, slots=True)
class Part:
    """A part, or a whole object, that S3 has stored, with its ETag."""

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
        """The arguments of CreateMultipartUpload that describe the object."""
        return {"Bucket": self.bucket, "Key": self.key, "ContentType": _CONTENT_TYPE, "Metadata": dict(self.metadata)}

    @property
    def condition(self) -> tuple[str, str]:
        """The condition under which the object appears, as an argument of CompleteMultipartUpload and its value."""
        return ("IfNoneMatch", "*") if self.replaced is None else ("IfMatch", f'"{self.replaced}"')


Check = Callable[[Checksums], None]


def _unchecked(sent: Checksums) -> None:
    """Accept the checksums: those of the parts are combined and compared before the upload is completed."""


@dataclass(frozen=True)
class Store:
    """S3, as a copy uses it."""

    client: S3Client
    credentials: Credentials
    connections: Connections

    def put(
        self, connection: Connection, target: Target, size: int, chunks: Iterable[Chunk], check: Check = _unchecked
    ) -> Part:
        """Store an object of `size` bytes if its condition holds; raises UploadRefused, Cut, and what `chunks` raises.

        `check` gets the checksums before the object can appear, and may raise.
        """
        key = {"Bucket": target.bucket, "Key": target.key}
        url = urlsplit(self.client.generate_presigned_url("put_object", Params=key))
        headers = {f"x-amz-meta-{name}": value for name, value in target.metadata.items()}
        headers |= {"Content-Type": _CONTENT_TYPE, _HEADERS[target.condition[0]]: target.condition[1]}
        return self.send(connection, url._replace(query=""), headers, size, chunks, check)

    def send(
        self,
        connection: Connection,
        url: SplitResult,
        headers: dict[str, str],
        size: int,
        chunks: Iterable[Chunk],
        check: Check,
    ) -> Part:
        """Send one request whose body has `size` bytes; raises UploadRefused, Cut, and what `chunks` raises."""
        sent = Checksums()

        def framed() -> Iterator[Chunk]:
            nonlocal sent
            yield b"%x\r\n" % size
            for chunk in chunks:
                sent = sent.extended(chunk)
                yield chunk
            check(sent)
            yield b"\r\n0\r\n%s:%s\r\n\r\n" % (_TRAILER.encode(), sent.nvme_base64.encode())

        try:
            response = connection.request("PUT", url, self._signed(url, headers, size), framed())
            body = response.read(_ANSWER_BYTES)
        except TROUBLE as error:
            self.connections.check()
            raise UploadRefused(type(error).__name__) from None
        etag = response.headers.get("ETag")
        if response.status == 200 and etag and sent.length == size:
            response.close()
            return Part(etag, sent)
        connection.close()
        # The answer of a copy that was cut has no code, and would count as an upload to send again.
        self.connections.check()
        code = _CODE.search(body)
        raise UploadRefused(code[1].decode() if code else f"status {response.status}")

    def _signed(self, url: SplitResult, headers: dict[str, str], size: int) -> dict[str, str]:
        frame = len(f"{size:x}\r\n\r\n0\r\n{_TRAILER}:{Checksums().nvme_base64}\r\n\r\n")
        framed = {
            **headers,
            "Content-Encoding": "aws-chunked",
            "Content-Length": str(size + frame),
            "X-Amz-Decoded-Content-Length": str(size),
            "X-Amz-Sdk-Checksum-Algorithm": "CRC64NVME",
            "X-Amz-Trailer": _TRAILER,
        }
        request = AWSRequest("PUT", url.geturl(), framed)
        signer = _StreamedAuth(self.credentials.get_frozen_credentials(), "s3", self.client.meta.region_name)
        signer.add_auth(request)
        return dict(request.headers.items())


class Upload:
    """One multipart upload, from its beginning to `complete` or `abort`."""

    def __init__(self, store: Store, target: Target) -> None:
        """Start the upload."""
        self._store = store
        self._client = client = store.client
        self._condition: Any = dict([target.condition])
        answer = client.create_multipart_upload(
            **target.described, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT"
        )
        self._id: dict[str, Any] = {"Bucket": target.bucket, "Key": target.key, "UploadId": answer["UploadId"]}

    def put(self, connection: Connection, number: int, size: int, chunks: Iterable[Chunk]) -> Part:
        """Store one part of `size` bytes; raises UploadRefused, Cut, and what `chunks` raises."""
        params = {**self._id, "PartNumber": number}
        presigned = urlsplit(self._client.generate_presigned_url("upload_part", Params=params))
        # A signature in the query does not cover the trailer, so one in a header replaces it.
        query = urlencode([(name, value) for name, value in parse_qsl(presigned.query) if name in _PART_QUERY])
        return self._store.send(connection, presigned._replace(query=query), {}, size, chunks, _unchecked)

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
