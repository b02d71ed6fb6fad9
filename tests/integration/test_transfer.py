"""From a result link to S3: byte for byte, or nothing at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastcrc.crc64 import xz

from tests.fakes.samples import request
from tests.integration.raw_server import RawServer, drip, never_answer, raw_server, say
from tests.integration.stack import BUCKET, Stack, deployed
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.adapters import transfer
from wan_video.adapters.objects import S3Objects
from wan_video.adapters.transfer import StreamTransfer
from wan_video.adapters.wan_client import WanClient
from wan_video.domain.models import Region
from wan_video.errors import DeliveryInterrupted

KEY = "videos/video_1/video.mp4"
FTYP = b"\x00\x00\x00\x18ftypisom"
PART = 5 * 1024 * 1024
"""The smallest part that S3 takes."""


class OneKey:
    """The key of the simulator's Singapore."""

    def __init__(self, key: str) -> None:
        self._key = key

    def key(self, region: Region) -> str:
        return self._key

    def refresh(self, region: Region) -> bool:
        return False


@dataclass(frozen=True)
class Film:
    """A film that the simulator has made: the task that made it, its link, and what is true of it."""

    simulator: Simulator
    task_id: str
    link: str

    @property
    def billed(self) -> dict[str, Any]:
        (entry,) = [entry for entry in self.simulator.ledger("billed") if entry["task_id"] == self.task_id]
        return entry


@pytest.fixture(scope="module")
def shared_film() -> Iterator[Film]:
    with running_simulator() as simulator:
        client = WanClient(OneKey(simulator.key()), endpoints={Region.SINGAPORE: simulator.base_url(Region.SINGAPORE)})
        task_id = client.prepare(request(seconds=2))().task_id
        simulator.finish(task_id)
        link = client.query(Region.SINGAPORE, task_id).video_url
        assert link is not None
        yield Film(simulator, task_id, link)


@pytest.fixture
def film(shared_film: Film) -> Iterator[Film]:
    shared_film.simulator.faults.clear()
    yield shared_film
    shared_film.simulator.faults.clear()


@dataclass(frozen=True)
class Bucket:
    """The videos bucket, and what a test looks at in it."""

    stack: Stack

    def transfer(self, **wanted: Any) -> StreamTransfer:
        return StreamTransfer(self.stack.s3, BUCKET, S3Objects(self.stack.s3, BUCKET), **wanted)

    @property
    def keys(self) -> list[str]:
        return [entry["Key"] for entry in self.stack.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    @property
    def open_uploads(self) -> int:
        return len(self.stack.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

    @property
    def is_empty(self) -> bool:
        return not self.keys and not self.open_uploads

    def body(self) -> bytes:
        return self.stack.s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()


@pytest.fixture
def bucket(credentials: None) -> Iterator[Bucket]:
    with deployed(for_threads=True) as stack:
        yield Bucket(stack)


def film_answer(body: bytes, *headers: str, length: int | None = None) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def interruption(bucket: Bucket, url: str, **wanted: Any) -> str:
    with pytest.raises(DeliveryInterrupted) as caught:
        bucket.transfer(**wanted).copy(url, KEY)
    assert bucket.is_empty
    assert url not in str(caught.value)
    return caught.value.code


# --- byte for byte ---------------------------------------------------------------------------------------------------


def test_what_is_stored_is_byte_for_byte_what_wan_made(film: Film, bucket: Bucket) -> None:
    stored = bucket.transfer().copy(film.link, KEY)
    body = bucket.body()
    assert (len(body), hashlib.sha256(body).hexdigest()) == (film.billed["bytes"], film.billed["sha256"])
    assert (stored.bucket, stored.key, stored.bytes) == (BUCKET, KEY, len(body))
    assert stored.crc64xz == f"{xz(body):016x}"
    head = bucket.stack.s3.head_object(Bucket=BUCKET, Key=KEY)
    assert head["ContentType"] == "video/mp4"
    assert head["ETag"].strip('"') == stored.etag
    assert head["Metadata"]["crc64xz"] == stored.crc64xz


def big(size: int) -> bytes:
    return FTYP + bytes(range(256)) * (size // 256)


@pytest.mark.parametrize("size", [PART - len(FTYP) - 256, PART, 2 * PART, 2 * PART + 4096, 3 * PART - 512])
def test_a_large_one_is_stored_in_parts_and_is_the_same(bucket: Bucket, size: int) -> None:
    body = big(size)
    with raw_server(say(film_answer(body, f"x-oss-hash-crc64ecma: {xz(body)}"))) as server:
        stored = bucket.transfer(part_bytes=PART).copy(server.url, KEY)
    assert bucket.body() == body
    assert (stored.bytes, stored.crc64xz, bucket.open_uploads) == (len(body), f"{xz(body):016x}", 0)
    assert stored.etag.endswith(f"-{-(-len(body) // PART)}") == (len(body) > PART)


def test_a_source_that_states_no_checksum_is_stored_with_ours_and_says_so(bucket: Bucket) -> None:
    with raw_server(say(film_answer(big(1024)))) as server:
        stored = bucket.transfer().copy(server.url, KEY)
    assert stored.crc64xz == f"{xz(big(1024)):016x}"
    assert "crc64xz" not in bucket.stack.s3.head_object(Bucket=BUCKET, Key=KEY)["Metadata"]


def test_a_source_that_states_no_length_is_stored_whole(bucket: Bucket) -> None:
    body = big(1024)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with raw_server(say(chunked)) as server:
        assert bucket.transfer().copy(server.url, KEY).bytes == len(body)
    assert bucket.body() == body


def test_the_checksum_is_the_one_that_oss_computes() -> None:
    assert xz(b"123456789") == 0x995DC9BBDF1939FA


# --- once ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1024, 2 * PART])
def test_a_second_copy_finds_the_first_and_changes_nothing(bucket: Bucket, size: int) -> None:
    first_body, second_body = big(size), big(size)[:-1] + b"!"
    with raw_server(say(film_answer(first_body))) as server:
        first = bucket.transfer(part_bytes=PART).copy(server.url, KEY)
    with raw_server(say(film_answer(second_body))) as server:
        second = bucket.transfer(part_bytes=PART).copy(server.url, KEY)
    assert bucket.body() == first_body
    assert (second.etag, second.bytes) == (first.etag, first.bytes)
    assert bucket.open_uploads == 0


def test_two_copies_at_once_make_one_object(film: Film, bucket: Bucket) -> None:
    etags: list[str] = []
    threads = [
        threading.Thread(target=lambda: etags.append(bucket.transfer().copy(film.link, KEY).etag)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(etags), len(set(etags)), bucket.keys) == (4, 1, [KEY])
    assert hashlib.sha256(bucket.body()).hexdigest() == film.billed["sha256"]


# --- or nothing at all -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "truncate"}, "download_failed"),
        ({"kind": "truncate", "keep": 0}, "download_failed"),
        ({"kind": "flip"}, "corrupted"),
        ({"kind": "flip", "keep": 20}, "corrupted"),
        ({"kind": "xml"}, "not_a_video"),
        ({"kind": "xml", "status": 404}, "download_refused"),
        ({"kind": "redirect"}, "redirected"),
        ({"kind": "redirect", "status": 307}, "redirected"),
        ({"kind": "reset"}, "download_failed"),
        ({"kind": "status", "status": 503}, "download_refused"),
        ({"kind": "garbage"}, "not_a_video"),
    ],
    ids=str,
)
def test_what_is_not_the_film_is_not_stored(film: Film, bucket: Bucket, fault: dict[str, Any], code: str) -> None:
    film.simulator.faults.add(Fault("result", **fault))
    assert interruption(bucket, film.link) == code
    assert bucket.transfer().copy(film.link, KEY).bytes == film.billed["bytes"]


def test_a_link_with_a_wrong_signature_is_refused(film: Film, bucket: Bucket) -> None:
    assert interruption(bucket, film.link[:-4] + "AAAA") == "link_expired"


def test_a_link_that_has_expired_is_told_as_such(bucket: Bucket) -> None:
    with running_simulator() as simulator:
        client = WanClient(OneKey(simulator.key()), endpoints={Region.SINGAPORE: simulator.base_url(Region.SINGAPORE)})
        task_id = client.prepare(request(seconds=2))().task_id
        simulator.finish(task_id)
        link = client.query(Region.SINGAPORE, task_id).video_url
        assert link is not None
        simulator.advance(25 * 3600)
        assert interruption(bucket, link) == "link_expired"


@pytest.mark.parametrize(
    ("body", "headers", "length", "code"),
    [
        (b"", [], None, "not_a_video"),
        (b"\x00" * 7, [], None, "not_a_video"),
        (b"<?xml version='1.0'?><Error/>", [], None, "not_a_video"),
        (big(1024), [], 2048, "download_failed"),
        (big(1024), ["x-oss-hash-crc64ecma: 1"], None, "corrupted"),
        (big(1024), [], 1024**3 + 1, "too_large"),
    ],
    ids=range(6),
)
def test_a_body_that_cannot_be_the_film_is_not_stored(
    bucket: Bucket, body: bytes, headers: list[str], length: int | None, code: str
) -> None:
    with raw_server(say(film_answer(body, *headers, length=length))) as server:
        assert interruption(bucket, server.url) == code


@pytest.mark.parametrize(
    ("headers", "length", "code"),
    [(["x-oss-hash-crc64ecma: 1"], None, "corrupted"), ([], 99 * PART, "download_failed")],
)
def test_parts_that_were_stored_before_the_trouble_are_given_up(
    bucket: Bucket, headers: list[str], length: int | None, code: str
) -> None:
    with raw_server(say(film_answer(big(2 * PART), *headers, length=length))) as server:
        assert interruption(bucket, server.url, part_bytes=PART) == code


def endless_film(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(transfer, "MAX_VIDEO_BYTES", 2 * PART)
    return b"HTTP/1.1 200 OK\r\n\r\n" + big(3 * PART)


def test_a_body_without_an_end_is_cut_off_at_the_size_that_a_video_can_have(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with raw_server(say(endless_film(monkeypatch))) as server:
        assert interruption(bucket, server.url, part_bytes=PART) == "too_large"


def test_a_source_that_drips_is_cut_off_at_the_deadline(bucket: Bucket) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + FTYP.decode()
    with raw_server(drip(head)) as server:
        assert interruption(bucket, server.url, copy_seconds=0.3) == "too_slow"


def test_a_source_that_never_answers_is_given_up(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "READ_SECONDS", 0.2)
    with raw_server(never_answer) as server:
        assert interruption(bucket, server.url) == "download_failed"


def test_a_host_that_is_gone_is_an_interruption(bucket: Bucket) -> None:
    with raw_server(never_answer) as server:
        pass
    assert interruption(bucket, server.url) == "download_failed"


def test_the_link_is_fetched_without_any_credentials(bucket: Bucket) -> None:
    server: RawServer
    with raw_server(say(film_answer(big(1024)))) as server:
        bucket.transfer().copy(f"{server.url}/a.mp4?Signature=CANARY", KEY)
    (sent,) = server.requests
    assert sent.startswith(b"GET /a.mp4?Signature=CANARY HTTP/1.1")
    assert b"authorization" not in sent.lower()
    assert b"cookie" not in sent.lower()


def test_a_store_that_refuses_is_no_interruption_and_leaves_nothing_open(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    bucket.stack.s3.meta.events.register("before-call.s3.CompleteMultipartUpload", killed)
    with raw_server(say(film_answer(big(2 * PART)))) as server, pytest.raises(KeyboardInterrupt):
        bucket.transfer(part_bytes=PART).copy(server.url, KEY)
    bucket.stack.s3.meta.events.unregister("before-call.s3.CompleteMultipartUpload", killed)
    assert bucket.is_empty
