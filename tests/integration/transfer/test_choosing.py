"""The number of connections of a copy, which it decides by what it measures, and by a clock that tests replace."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastcrc.crc64 import xz

from tests.integration.transfer.copying import LIMITS, PART, TASK, Bucket, big
from tools.harness.patience import PATIENCE
from tools.harness.result_host import Reply, Spoil, cut_after, result_host, status
from wan_video.domain.objects import FoundObject

CHUNK = LIMITS.chunk_bytes
FAST, SLOW = 0.000_001, 1.0
MANY = replace(LIMITS, streams=8, fewest_streams=2, far_head_bytes=CHUNK, part_bytes=2 * PART)
"""Limits with room for a choice: 2 to 8 connections."""


def clock(*steps: float) -> Callable[[], float]:
    """Return a clock that advances by these steps, one after each reading, and does not advance after the last."""
    readings = itertools.chain(itertools.accumulate(steps, initial=0.0), itertools.repeat(sum(steps)))
    lock = threading.Lock()

    def read() -> float:
        with lock:
            return next(readings)

    return read


def near(chunk_seconds: float) -> Callable[[], float]:
    """Return a clock by which the connection opens at once, and the first chunk takes `chunk_seconds`."""
    return clock(FAST, FAST, chunk_seconds)


def far() -> Callable[[], float]:
    """Return a clock by which the connection takes a second to open."""
    return clock(SLOW)


def together(count: int) -> Spoil:
    """Answer all requests but the first only once `count` of them have arrived."""
    barrier = threading.Barrier(count, timeout=PATIENCE)

    def wait(number: int, reply: Reply) -> Reply:
        if number:
            barrier.wait()
        return reply

    return wait


@pytest.mark.parametrize(("rate", "streams"), [(1000e6, 2), (100e6, 2), (60e6, 4), (29e6, 7), (10e6, 8)])
def test_a_near_source_gets_the_connections_that_its_first_chunk_shows_to_be_needed(
    bucket: Bucket, rate: float, streams: int
) -> None:
    all_of_them = together(streams)
    connections: set[int] = set()

    def wait(number: int, reply: Reply) -> Reply:
        # The host has a thread for each connection.
        connections.add(threading.get_ident())
        return all_of_them(number, reply) if number <= streams else reply

    with result_host(big(16 * PART), wait) as host:
        bucket.copy(host.link(), limits=MANY, clock=near(CHUNK / rate))
    assert (bucket.body, len(connections), bucket.troubles) == (host.body, streams, Counter())


@pytest.mark.parametrize("size", [3 * CHUNK, PART - 1])
def test_a_short_video_of_a_near_source_is_one_get_and_one_put(bucket: Bucket, size: int) -> None:
    with result_host(big(size)) as host:
        bucket.copy(host.link(), limits=MANY, clock=near(SLOW))
    assert [asked["range"] for asked in host.requests] == [f"bytes=0-{PART - 1}"]
    assert dict(bucket.s3.calls) == {"put": 1}


@pytest.mark.parametrize("size", [CHUNK, CHUNK + 1, 5 * CHUNK, PART, PART + 1, 2 * PART - 7, 2 * PART])
@pytest.mark.parametrize("states_crc", [True, False])
def test_a_short_video_of_a_far_source_is_gathered_into_one_put(bucket: Bucket, size: int, states_crc: bool) -> None:
    ranges = min(MANY.streams, -(-(size - CHUNK) // CHUNK))
    with result_host(big(size), together(max(1, ranges)), states_crc=states_crc) as host:
        stored = bucket.copy(host.link(), limits=MANY, clock=far())
    assert (bucket.body, host.sent) == (big(size), size)
    assert (stored.crc64xz, bucket.find()) == (f"{xz(big(size)):016x}", FoundObject(stored, TASK))
    assert bucket.objects.is_sound(stored)
    assert [asked.get("if-match") for asked in host.requests] == [None, *['"AB12"'] * ranges]
    assert bucket.s3.calls["put"] == 1


def test_a_long_video_of_a_far_source_has_all_streams_from_the_first_answer_on(bucket: Bucket) -> None:
    # The first connection asks for the rest of its part, and each of the seven others for one part.
    with result_host(big(16 * PART), lambda number, reply: wait(number, reply) if number <= 8 else reply) as host:
        wait = together(8)
        bucket.copy(host.link(), limits=MANY, clock=far())
    assert (bucket.body, host.sent) == (host.body, len(host.body))
    assert (bucket.s3.calls["part"], bucket.troubles) == (8, Counter())


@pytest.mark.parametrize("size", [2 * PART - 7, 5 * PART + 3])
@pytest.mark.parametrize("at", [9_000, CHUNK - 1, CHUNK + 1000])
def test_a_far_source_that_cuts_every_connection_sends_no_byte_twice(bucket: Bucket, size: int, at: int) -> None:
    with result_host(big(size), cut_after(at)) as host:
        bucket.copy(host.link(), limits=MANY, clock=far())
    assert (bucket.body, host.sent) == (host.body, size)


@pytest.mark.parametrize("make", [near, lambda _: far()])
def test_a_source_that_is_cut_in_its_first_chunk_sends_no_byte_twice(
    bucket: Bucket, make: Callable[[float], Callable[[], float]]
) -> None:
    def cut_the_first(number: int, reply: Reply) -> Reply:
        return replace(reply, cut=1000) if number == 0 else reply

    with result_host(big(5 * PART), cut_the_first) as host:
        bucket.copy(host.link(), limits=MANY, clock=make(FAST))
    assert (bucket.body, host.sent) == (host.body, len(host.body))
    assert bucket.troubles == {"source_resumed": 1}


@pytest.mark.parametrize("fault", ["refuse", "fail", "drop"])
@pytest.mark.parametrize("make", [lambda: near(FAST), far])
def test_a_put_that_s3_refuses_is_sent_again_from_memory(
    bucket: Bucket, fault: str, make: Callable[[], Callable[[], float]]
) -> None:
    bucket.s3.faults = [("put", fault)] * 2
    with result_host(big(PART - 1)) as host:
        bucket.copy(host.link(), limits=MANY, clock=make())
    assert (bucket.body, host.sent) == (host.body, PART - 1)
    assert bucket.troubles == {"put_retried": 2}


@pytest.mark.parametrize("fault", ["fail", "drop", "forbid"])
@pytest.mark.parametrize("make", [lambda: near(FAST), far])
def test_a_put_that_s3_always_refuses_ends_the_copy(
    bucket: Bucket, fault: str, make: Callable[[], Callable[[], float]]
) -> None:
    bucket.s3.faults = [("put", fault)] * 100
    with result_host(big(PART - 1)) as host:
        assert bucket.interruption(host.link(), limits=MANY, clock=make()) == "store_failed"
    assert bucket.s3.calls["put"] == (1 if fault == "forbid" else MANY.part_attempts)


@pytest.mark.parametrize("size", [PART - 1, 2 * PART, 5 * PART])
def test_a_far_source_whose_bytes_are_not_the_film_is_not_stored(bucket: Bucket, size: int) -> None:
    def flip(number: int, reply: Reply) -> Reply:
        return replace(reply, body=memoryview(b"!" * len(reply.body))) if number == 1 else reply

    with result_host(big(size), flip) as host:
        assert bucket.interruption(host.link(), limits=MANY, clock=far()) == "corrupted"
    with result_host(b"<Error/>" * (size // 8)) as host:
        assert bucket.interruption(host.link(), limits=MANY, clock=far()) == "not_a_video"


@pytest.mark.parametrize("size", [PART - 1, 2 * PART, 5 * PART])
def test_a_range_that_a_far_source_refuses_ends_the_copy(bucket: Bucket, size: int) -> None:
    before = threading.active_count()
    with result_host(big(size), status(404, *range(1, 100))) as host:
        assert bucket.interruption(host.link(), limits=MANY, clock=far()) == "download_refused"
    assert threading.active_count() <= before + 1


@pytest.mark.parametrize("size", [PART - 1, 2 * PART])
def test_a_far_source_that_drips_is_cut_off_at_the_deadline(bucket: Bucket, size: int) -> None:
    with result_host(big(size), lambda _, reply: replace(reply, drip=True)) as host:
        assert bucket.interruption(host.link(), limits=MANY, clock=far(), seconds=0.5) == "too_slow"
