"""A copy is identical to its source, with ranges and without."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import replace

import pytest
from fastcrc.crc64 import xz

from tests.integration.raw_server import raw_server, say
from tests.integration.transfer.copying import BUCKET, KEY, LIMITS, PART, TASK, Bucket, Film, big, ignoring_ranges
from tools.harness.patience import PATIENCE
from tools.harness.result_host import Reply, result_host
from wan_video.domain.objects import FoundObject


def test_the_stored_video_is_byte_for_byte_what_wan_generated(film: Film, bucket: Bucket) -> None:
    stored = bucket.copy(film.link)
    assert (len(bucket.body), hashlib.sha256(bucket.body).hexdigest()) == (film.billed["bytes"], film.billed["sha256"])
    assert (stored.bucket, stored.key, stored.bytes) == (BUCKET, KEY, len(bucket.body))
    assert stored.crc64xz == f"{xz(bucket.body):016x}"
    assert bucket.find() == FoundObject(stored, TASK)
    assert bucket.objects.is_sound(stored)
    assert bucket.s3.objects[KEY].headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("size", [64, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 7, 6 * PART - 512, 7 * PART + 1])
def test_a_video_of_any_length_is_stored_identically(bucket: Bucket, size: int) -> None:
    with result_host(big(size)) as host:
        stored = bucket.copy(host.link())
    assert bucket.body == big(size)
    assert (stored.bytes, stored.crc64xz) == (size, f"{xz(big(size)):016x}")
    assert bucket.find() == FoundObject(stored, TASK)
    assert (host.sent, bucket.troubles) == (size, Counter())


def test_a_long_video_is_fetched_in_parallel_ranges(bucket: Bucket) -> None:
    together = threading.Barrier(LIMITS.streams, timeout=PATIENCE)

    def wait_for_the_others(number: int, reply: Reply) -> Reply:
        if 1 <= number <= LIMITS.streams:
            together.wait()
        return reply

    with result_host(big(4 * PART), wait_for_the_others) as host:
        bucket.copy(host.link())
    assert bucket.body == big(4 * PART)
    assert [asked.get("if-match") for asked in host.requests] == [None, *['"AB12"'] * 3]


def test_a_short_video_is_one_get_and_one_put(bucket: Bucket) -> None:
    with result_host(big(PART - 1)) as host:
        bucket.copy(host.link())
    assert (len(host.requests), dict(bucket.s3.calls)) == (1, {"put": 1})


def test_a_source_without_a_checksum_is_stored_with_our_own(bucket: Bucket) -> None:
    with result_host(big(2 * PART), states_crc=False) as host:
        assert bucket.copy(host.link()).crc64xz == f"{xz(big(2 * PART)):016x}"
    assert "x-amz-meta-crc64xz" not in bucket.s3.objects[KEY].headers


def test_no_header_is_sent_that_the_links_signature_would_cover(bucket: Bucket) -> None:
    with result_host(big(2 * PART)) as host:
        bucket.copy(host.link())
    assert not [name for asked in host.requests for name in asked if name.startswith(("x-oss-", "auth", "cookie"))]


@pytest.mark.parametrize("absent", [[], ["ETag"], ["Accept-Ranges"], ["ETag", "Accept-Ranges"]], ids=str)
def test_a_host_that_ignores_ranges_is_read_by_one_get(bucket: Bucket, absent: list[str]) -> None:
    with result_host(big(3 * PART + 9), ignoring_ranges(*absent)) as host:
        stored = bucket.copy(host.link())
    assert bucket.body == big(3 * PART + 9)
    assert (stored.crc64xz, len(host.requests), bucket.s3.calls["part"]) == (f"{host.crc:016x}", 1, 4)


@pytest.mark.parametrize("etag", ["", 'W/"AB12"', "AB12"])
def test_ranges_without_a_strong_etag_are_not_trusted(bucket: Bucket, etag: str) -> None:
    with result_host(big(2 * PART), lambda _, reply: replace(reply, headers={**reply.headers, "ETag": etag})) as host:
        bucket.copy(host.link())
    assert bucket.body == big(2 * PART)
    assert [asked.get("range") for asked in host.requests] == [f"bytes=0-{PART - 1}", None]


def test_a_source_without_a_length_is_stored_completely(bucket: Bucket) -> None:
    body = big(PART + 1024)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with raw_server(say(chunked)) as server:
        assert bucket.copy(server.url).bytes == len(body)
    assert bucket.body == body


def test_a_part_in_memory_is_sent_again_if_s3_refuses_it(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "fail"), ("part", "refuse")]
    with result_host(big(3 * PART + 9), ignoring_ranges()) as host:
        bucket.copy(host.link())
    assert (bucket.body, host.sent) == (host.body, len(host.body))
    assert bucket.troubles == {"part_retried": 2}
