"""The part of S3 that a copy needs, on loopback, as strict as S3 where it matters, with faults that a test queues.

It checks every signature, the checksum of each part and of the whole, and the conditions of a write.
Sources: S3 API reference; "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from awscrt.checksums import crc64nvme

from tools.harness.patience import PATIENCE

SIGNS_WITH = "testing"
_STREAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@dataclass
class Stored:
    """A stored object."""

    body: bytes
    etag: str
    nvme: str
    headers: dict[str, str]

    @classmethod
    def of(cls, body: bytes, **metadata: str) -> Stored:
        """Return an object that one call stored, with the checksum that S3 adds by itself."""
        headers = {f"x-amz-meta-{name.replace('_', '-')}": value for name, value in metadata.items()}
        return cls(body, f'"{hashlib.md5(body).hexdigest()}"', _base64(body), headers)


@dataclass
class Upload:
    """An open multipart upload: its parts by number, each as body and ETag."""

    key: str
    headers: dict[str, str]
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)


class RefusalError(Exception):
    """S3 refuses a call, with a status and an error code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass
class S3Server:
    """A bucket. The next call of an operation (create, part, complete, put) takes the first of its `faults`.

    `refuse` answers 503 before the body is read, and `fail` answers 500 after it. `drop` closes the connection before
    anything happens, and `lose` after it has happened. `hang` never answers.
    """

    smallest_part: int = 5 * 1024 * 1024
    url: str = ""
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Remove all objects, uploads, faults and counts."""
        for kept in (self.objects, self.uploads, self.faults, self.calls):
            kept.clear()

    def fault(self, operation: str) -> str | None:
        """Count a call and take the next fault of its operation, if there is one."""
        with self.lock:
            self.calls[operation] += 1
            due = next((fault for fault in self.faults if fault[0] == operation), None)
            if due is not None:
                self.faults.remove(due)
                return due[1]
            return None


@contextmanager
def s3_server(**wanted: Any) -> Iterator[S3Server]:
    """Serve on a free port while the block runs."""
    s3 = S3Server(**wanted)
    handler = type("Handler", (_Handler,), {"s3": s3})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        s3.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield s3
        finally:
            s3.closing.set()
            server.shutdown()
            thread.join(PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: S3Server

    def do_POST(self) -> None:
        self.serve("create" if "uploads" in self.query() else "complete")

    def do_PUT(self) -> None:
        self.serve("part" if "partNumber" in self.query() else "put")

    def do_DELETE(self) -> None:
        self.serve("abort")

    def do_GET(self) -> None:
        self.serve("get")

    def do_HEAD(self) -> None:
        self.serve("head")

    def serve(self, operation: str) -> None:
        fault = self.s3.fault(operation)
        try:
            if fault == "refuse":
                self.close_connection = True
                raise RefusalError(503, "SlowDown")
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = True
                return
            if fault == "forbid":
                raise RefusalError(403, "AccessDenied")
            if fault == "drop":
                self.close_connection = True
                return
            if fault == "hang":
                self.s3.closing.wait(PATIENCE)
                self.close_connection = True
                return
            if fault == "fail":
                raise RefusalError(500, "InternalError")
            self.check_signature(body)
            with self.s3.lock:
                headers, answer = getattr(self, operation)(body)
            if fault == "lose":
                self.close_connection = True
                return
            self.say(200, headers, answer)
        except RefusalError as refusal:
            with suppress(OSError):
                self.say(refusal.status, {}, f"<Error><Code>{refusal.code}</Code></Error>")
        except OSError:
            self.close_connection = True

    # --- operations --------------------------------------------------------------------------------------------------

    def create(self, _: bytes) -> tuple[dict[str, str], str]:
        assert self.headers["x-amz-checksum-algorithm"] == "CRC64NVME"
        upload_id = uuid.uuid4().hex
        self.s3.uploads[upload_id] = Upload(self.key(), self.kept_headers())
        return {}, f"<InitiateMultipartUploadResult><UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>"

    def part(self, body: bytes) -> tuple[dict[str, str], str]:
        data, checksum = self.checked(body)
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        self.upload().parts[int(self.query()["partNumber"])] = (data, etag)
        return {"ETag": etag, "x-amz-checksum-crc64nvme": checksum}, ""

    def complete(self, body: bytes) -> tuple[dict[str, str], str]:
        upload = self.upload()
        self.check_condition()
        listed = re.findall(r"<Part>(.*?)</Part>", body.decode(), re.DOTALL)
        whole = b""
        for place, entry in enumerate(listed, start=1):
            fields = dict(re.findall(r"<(\w+)>(.*?)</\1>", entry.replace("&quot;", '"')))
            data, etag = upload.parts[int(fields["PartNumber"])]
            if (fields["ETag"], fields["ChecksumCRC64NVME"]) != (etag, _base64(data)):
                raise RefusalError(400, "InvalidPart")
            if place < len(listed) and len(data) < self.s3.smallest_part:
                raise RefusalError(400, "EntityTooSmall")
            whole += data
        if self.headers["x-amz-checksum-crc64nvme"] != _base64(whole):
            raise RefusalError(400, "BadDigest")
        if int(self.headers["x-amz-mp-object-size"]) != len(whole):
            raise RefusalError(400, "InvalidRequest")
        etag = f'"{hashlib.md5(whole).hexdigest()}-{len(listed)}"'
        self.s3.objects[upload.key] = Stored(whole, etag, _base64(whole), upload.headers)
        del self.s3.uploads[self.query()["uploadId"]]
        return {}, f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"

    def put(self, body: bytes) -> tuple[dict[str, str], str]:
        data, checksum = self.checked(body)
        self.check_condition()
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        self.s3.objects[self.key()] = Stored(data, etag, checksum, self.kept_headers())
        return {"ETag": etag, "x-amz-checksum-crc64nvme": checksum}, ""

    def abort(self, _: bytes) -> tuple[dict[str, str], str]:
        self.upload()
        del self.s3.uploads[self.query()["uploadId"]]
        return {}, ""

    def head(self, _: bytes) -> tuple[dict[str, str], str]:
        stored = self.s3.objects.get(self.key())
        if stored is None:
            raise RefusalError(404, "NotFound")
        checksum = {"x-amz-checksum-crc64nvme": stored.nvme, "x-amz-checksum-type": "FULL_OBJECT"}
        return {"ETag": stored.etag, "Content-Length": str(len(stored.body)), **checksum, **stored.headers}, ""

    def get(self, _: bytes) -> tuple[dict[str, str], bytes]:
        stored = self.s3.objects.get(self.key())
        if stored is None:
            raise RefusalError(404, "NoSuchKey")
        if self.headers.get("If-Match", stored.etag) != stored.etag:
            raise RefusalError(412, "PreconditionFailed")
        return {"ETag": stored.etag, **stored.headers}, stored.body

    # --- rules -------------------------------------------------------------------------------------------------------

    def upload(self) -> Upload:
        found = self.s3.uploads.get(self.query()["uploadId"])
        if found is None:
            raise RefusalError(404, "NoSuchUpload")
        return found

    def check_condition(self) -> None:
        current = self.s3.objects.get(self.key())
        wanted = self.headers["If-Match"]
        if wanted is None and self.headers["If-None-Match"] != "*":
            raise RefusalError(400, "InvalidArgument")
        if wanted is None:
            if current is not None:
                raise RefusalError(412, "PreconditionFailed")
        elif current is None:
            raise RefusalError(404, "NoSuchKey")
        elif wanted != current.etag:
            raise RefusalError(412, "PreconditionFailed")

    def checked(self, body: bytes) -> tuple[bytes, str]:
        """Return the content of a streamed body, and the checksum in its trailer, which has to be right."""
        data, trailers = self.unframed(body)
        checksum = trailers.get("x-amz-checksum-crc64nvme")
        if checksum is None:
            raise RefusalError(400, "InvalidRequest")
        if checksum != _base64(data):
            raise RefusalError(400, "BadDigest")
        return data, checksum

    def unframed(self, body: bytes) -> tuple[bytes, dict[str, str]]:
        """Return the content of an aws-chunked body, and its trailers."""
        if self.headers["x-amz-content-sha256"] != _STREAMED or self.headers["Content-Encoding"] != "aws-chunked":
            raise RefusalError(400, "InvalidRequest")
        data = b""
        while True:
            line, _, body = body.partition(b"\r\n")
            size = int(line, 16)
            if size == 0:
                break
            if body[size : size + 2] != b"\r\n":
                raise RefusalError(400, "IncompleteBody")
            data, body = data + body[:size], body[size + 2 :]
        if len(data) != int(self.headers["x-amz-decoded-content-length"]):
            raise RefusalError(400, "IncompleteBody")
        lines = [line.partition(":") for line in body.decode().split("\r\n") if line]
        return data, {name.lower(): value for name, _, value in lines if name.lower() == self.headers["x-amz-trailer"]}

    def check_signature(self, body: bytes) -> None:
        """Calculate Signature Version 4 from the request that arrived, and compare."""
        signed = dict(re.findall(r"(Credential|SignedHeaders|Signature)=([^,]+)", self.headers["Authorization"]))
        _, day, region, service, _ = signed["Credential"].split("/")
        names = signed["SignedHeaders"].split(";")
        unsigned = {name.lower() for name in self.headers} - set(names)
        if any(name.startswith("x-amz-") for name in unsigned) or "host" in unsigned:
            raise RefusalError(403, "AccessDenied")
        payload = self.headers["x-amz-content-sha256"]
        if len(payload) == 64 and payload != hashlib.sha256(body).hexdigest():
            raise RefusalError(400, "XAmzContentSHA256Mismatch")
        pairs = sorted(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
        headers = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names)
        request = "\n".join([self.command, urlsplit(self.path).path, query, headers, signed["SignedHeaders"], payload])
        scope = f"{day}/{region}/{service}/aws4_request"
        text = (
            f"AWS4-HMAC-SHA256\n{self.headers['x-amz-date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        )
        key = f"AWS4{SIGNS_WITH}".encode()
        for step in (day, region, service, "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        if hmac.digest(key, text.encode(), "sha256").hex() != signed["Signature"]:
            raise RefusalError(403, "SignatureDoesNotMatch")

    # --- HTTP --------------------------------------------------------------------------------------------------------

    def key(self) -> str:
        return unquote(urlsplit(self.path).path).split("/", 2)[2]

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def kept_headers(self) -> dict[str, str]:
        kept = {name.lower(): value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")}
        return {**kept, "Content-Type": self.headers["Content-Type"]}

    def say(self, status: int, headers: dict[str, str], answer: str | bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer if isinstance(answer, bytes) else answer.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _base64(data: bytes) -> str:
    return base64.b64encode(crc64nvme(data).to_bytes(8, "big")).decode()
