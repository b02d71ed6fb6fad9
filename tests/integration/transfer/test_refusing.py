"""A body that is not a video, or not the one that was stated, is not stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.integration.raw_server import never_answer, raw_server, say
from tests.integration.transfer.copying import LIMITS, PART, Bucket, Film, big, film_answer
from tools.harness.result_host import result_host
from wan_simulator.faults import Fault
from wan_video.errors import DeliveryInterrupted


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "flip"}, "corrupted"),
        ({"kind": "flip", "keep": 20}, "corrupted"),
        ({"kind": "xml"}, "not_a_video"),
        ({"kind": "xml", "status": 404}, "download_refused"),
        ({"kind": "redirect"}, "redirected"),
        ({"kind": "redirect", "status": 307}, "redirected"),
        ({"kind": "garbage"}, "not_a_video"),
    ],
    ids=str,
)
def test_bytes_that_are_not_the_film_are_not_stored(
    film: Film, bucket: Bucket, fault: dict[str, Any], code: str
) -> None:
    film.simulator.faults.add(Fault("result", **fault))
    assert bucket.interruption(film.link) == code
    assert bucket.copy(film.link).bytes == film.billed["bytes"]


@pytest.mark.parametrize(
    "fault",
    [{"kind": "truncate"}, {"kind": "truncate", "keep": 0}, {"kind": "reset"}, {"kind": "status", "status": 503}],
    ids=str,
)
def test_a_temporary_fault_is_survived(film: Film, bucket: Bucket, fault: dict[str, Any]) -> None:
    film.simulator.faults.add(Fault("result", **fault))
    assert bucket.copy(film.link).bytes == film.billed["bytes"]
    assert bucket.troubles.total() == 1


@pytest.mark.parametrize(
    ("body", "headers", "length", "code"),
    [
        (b"", [], None, "not_a_video"),
        (b"\x00" * 7, [], None, "not_a_video"),
        (b"<?xml version='1.0'?><Error/>", [], None, "not_a_video"),
        (b"<?xml version='1.0'?><Error/>" * 20_000, [], None, "not_a_video"),
        (big(1024), [], 2048, "truncated"),
        (big(2 * PART), [], 99 * PART, "truncated"),
        (big(1024), ["x-oss-hash-crc64ecma: 1"], None, "corrupted"),
        (big(2 * PART), ["x-oss-hash-crc64ecma: 1"], None, "corrupted"),
        (big(1024), [], 1024**3 + 1, "too_large"),
    ],
    ids=range(9),
)
def test_a_body_that_cannot_be_the_film_is_not_stored(
    bucket: Bucket, body: bytes, headers: list[str], length: int | None, code: str
) -> None:
    with raw_server(say(film_answer(body, *headers, length=length))) as server:
        assert bucket.interruption(server.url) == code


def test_a_long_body_that_does_not_start_like_a_film_is_not_stored(bucket: Bucket) -> None:
    with result_host(b"<Error/>" * 100_000) as host:
        assert bucket.interruption(host.link()) == "not_a_video"


def test_the_copy_of_an_impossibly_long_video_is_not_started(bucket: Bucket) -> None:
    with result_host(big(3 * PART)) as host:
        assert bucket.interruption(host.link(), limits=replace(LIMITS, video_bytes=2 * PART)) == "too_large"
    assert not bucket.s3.calls


def test_an_endless_body_is_cut_off_at_the_largest_size_of_a_video(bucket: Bucket) -> None:
    with raw_server(say(b"HTTP/1.1 200 OK\r\n\r\n" + big(3 * PART))) as server:
        assert bucket.interruption(server.url, limits=replace(LIMITS, video_bytes=2 * PART)) == "too_large"


@pytest.mark.parametrize("length", [1024, 3 * PART])
def test_a_source_that_drips_is_cut_off_at_the_deadline(bucket: Bucket, length: int) -> None:
    with result_host(big(length), lambda _, reply: replace(reply, drip=True)) as host:
        assert bucket.interruption(host.link(), seconds=0.5) == "too_slow"
        assert host.sent < length


def test_a_copy_that_has_no_time_left_stores_nothing(bucket: Bucket) -> None:
    with result_host(big(3 * PART)) as host:
        assert bucket.interruption(host.link(), seconds=-1) == "too_slow"


def test_an_s3_that_accepts_no_byte_is_cut_off_at_the_deadline(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "hang")] * 20
    with result_host(big(4 * PART)) as host:
        assert bucket.interruption(host.link(), seconds=0.5) == "too_slow"


def test_waiting_for_a_source_that_never_answers_ends(bucket: Bucket) -> None:
    with raw_server(never_answer) as server:
        assert bucket.interruption(server.url, limits=replace(LIMITS, source_silence=0.1)) == "download_failed"
        server.await_requests(LIMITS.fruitless)
    assert len(server.requests) == LIMITS.fruitless


def test_an_unreachable_host_is_an_interruption(bucket: Bucket) -> None:
    with raw_server(never_answer) as server:
        pass
    assert bucket.interruption(server.url) == "download_failed"


@pytest.mark.parametrize(
    "link", ["https://", "http://[", "http://127.0.0.1:port/", "http://127.0.0.1/\x00", "nonsense"]
)
def test_a_link_that_is_not_a_url_is_an_interruption(bucket: Bucket, link: str) -> None:
    with pytest.raises(DeliveryInterrupted):
        bucket.copy(link)
    assert bucket.is_empty
