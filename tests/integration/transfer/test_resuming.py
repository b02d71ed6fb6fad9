"""An interrupted copy is resumed at its byte, with new links if needed, and never mixes two objects."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from email.utils import formatdate

import pytest
from botocore.credentials import Credentials

from tests.integration.transfer.copying import (
    BUCKET,
    KEY,
    LIMITS,
    PART,
    TASK,
    TIME,
    Bucket,
    Film,
    big,
    changed,
    client_of,
    ignoring_ranges,
)
from tools.harness.result_host import Reply, Spoil, cut_after, once, result_host, status
from tools.harness.s3_server import SIGNS_WITH
from wan_simulator.faults import Fault
from wan_video.adapters.connections import Connections
from wan_video.adapters.s3.objects import S3Objects
from wan_video.adapters.transfer import Limits, StreamTransfer
from wan_video.adapters.transfer.limits import Tally
from wan_video.adapters.transfer.source import Source
from wan_video.errors import DeliveryInterrupted


@pytest.mark.parametrize("size", [5_000, 50_000, 175_001])
@pytest.mark.parametrize("length", [PART - 1, 3 * PART + 9])
def test_a_copy_with_every_connection_cut_is_identical_and_fetches_no_byte_twice(
    bucket: Bucket, size: int, length: int
) -> None:
    with result_host(big(length), cut_after(size)) as host:
        bucket.copy(host.link())
    assert bucket.body == big(length)
    assert host.sent <= 1.2 * length
    assert bucket.troubles["source_resumed"] >= length // size - 4


@pytest.mark.parametrize("size", [40_000, 100_000])
def test_a_copy_with_every_connection_reset_is_identical(bucket: Bucket, size: int) -> None:
    with result_host(big(3 * PART + 9), cut_after(size, reset=True)) as host:
        bucket.copy(host.link(), limits=replace(LIMITS, chunk_bytes=Limits().chunk_bytes))
    assert bucket.body == host.body


@pytest.mark.parametrize(("seconds", "longest"), [(0.0, 64 * 1024), (TIME, 3 * PART)])
def test_received_bytes_are_passed_on_once_their_time_is_up(seconds: float, longest: int) -> None:
    connections = Connections(TIME)
    limits = replace(LIMITS, chunk_bytes=4 * PART, chunk_seconds=seconds)
    with result_host(big(3 * PART)) as host, closing(connections):
        source, connection = Source(host.link, connections, limits, Tally()), connections.new(TIME)
        chunks = [bytes(chunk) for chunk in source.chunks(connection, 0, None, source.first(connection, None))]
    assert b"".join(chunks) == host.body
    assert max(map(len, chunks)) <= longest
    assert (len(chunks) == 1) is (seconds == TIME)


class PatientConnections(Connections):
    """Connections that record their pauses without waiting."""

    def __init__(self) -> None:
        super().__init__(TIME)
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.check()


def in_seconds(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("retry_after", "pauses"),
    [
        ("0", [0.2, 0.4]),
        ("3", [3.0, 3.0]),
        (" 3 ", [3.0, 3.0]),
        ("10", [10.0, 10.0]),
        ("11", [10.0, 10.0]),
        ("86400", [10.0, 10.0]),
        ("1000000000", [10.0, 10.0]),
        ("9" * 20, [10.0, 10.0]),
        ("9" * 200, [0.2, 0.4]),
        pytest.param(in_seconds(86_400), [10.0, 10.0], id="tomorrow"),
        pytest.param(in_seconds(-86_400), [0.2, 0.4], id="yesterday"),
        ("Fri, 31 Dec 9999 23:59:59 GMT", [10.0, 10.0]),
        ("Mon, 00 Foo 0000 99:99:99 GMT", [0.2, 0.4]),
        ("1e9", [0.2, 0.4]),
        ("-1", [0.2, 0.4]),
        ("inf", [0.2, 0.4]),
        ("soon", [0.2, 0.4]),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_a_host_gets_the_pause_that_it_asks_for_up_to_a_limit(
    film: Film, code: int, retry_after: str, pauses: list[float]
) -> None:
    film.simulator.faults.add(Fault("result", "status", status=code, retry_after=retry_after, times=2))
    with closing(PatientConnections()) as connections:
        source, connection = Source(lambda: film.link, connections, Limits(), Tally()), connections.new(TIME)
        body = b"".join(bytes(chunk) for chunk in source.chunks(connection, 0, None, source.first(connection, None)))
    assert len(body) == film.billed["bytes"]
    assert connections.pauses == pauses


def test_a_host_that_states_no_time_is_called_again_after_a_second(film: Film) -> None:
    film.simulator.faults.add(Fault("result", "status", status=503))
    with closing(PatientConnections()) as connections:
        source, connection = Source(lambda: film.link, connections, Limits(), Tally()), connections.new(TIME)
        source.first(connection, None)
    assert connections.pauses == [1.0]


def test_a_copy_from_a_host_without_ranges_cannot_be_resumed(bucket: Bucket) -> None:
    def spoil(number: int, reply: Reply) -> Reply:
        return replace(ignoring_ranges()(number, reply), cut=PART + 100)

    with result_host(big(3 * PART + 9), spoil) as host:
        assert bucket.interruption(host.link()) == "source_changed"


def test_a_short_range_is_completed(bucket: Bucket) -> None:
    def shorten(reply: Reply) -> Reply:
        first = PART * 2
        headers = {**reply.headers, "Content-Range": f"bytes {first}-{first + 99}/{len(host.body)}"}
        return replace(reply, headers=headers, body=memoryview(host.body)[first : first + 100])

    def spoil(_: int, reply: Reply) -> Reply:
        asked_for = reply.headers.get("Content-Range", "").startswith(f"bytes {PART * 2}-")
        return shorten(reply) if asked_for else reply

    with result_host(big(3 * PART + 9), spoil) as host:
        bucket.copy(host.link())
    assert bucket.body == host.body


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("numbers", [(0,), (2,), (1, 2, 3)], ids=str)
def test_a_temporary_refusal_is_retried(bucket: Bucket, code: int, numbers: tuple[int, ...]) -> None:
    with result_host(big(3 * PART), status(code, *numbers)) as host:
        bucket.copy(host.link())
    assert bucket.body == host.body
    assert bucket.troubles == {"source_retried": len(numbers)}


@pytest.mark.parametrize("after", [0, 2])
def test_a_host_that_only_refuses_gets_a_few_requests(bucket: Bucket, after: int) -> None:
    with result_host(big(3 * PART), status(503, *range(after, 1000))) as host:
        assert bucket.interruption(host.link()) == "download_refused"
    assert len(host.requests) <= after + LIMITS.fruitless * LIMITS.streams


def test_connections_without_any_bytes_end_the_copy(bucket: Bucket) -> None:
    with result_host(big(3 * PART), cut_after(0)) as host:
        assert bucket.interruption(host.link()) == "truncated"
    assert len(host.requests) <= LIMITS.fruitless * LIMITS.streams


def test_connections_with_hardly_any_bytes_end_the_copy_too(bucket: Bucket) -> None:
    with result_host(big(3 * PART), cut_after(1)) as host:
        assert bucket.interruption(host.link(), limits=replace(LIMITS, resumptions=20)) == "truncated"
    assert len(host.requests) <= 20 + LIMITS.streams + 1


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_refused_link_is_replaced_by_a_new_one(bucket: Bucket, number: int) -> None:
    with result_host(big(4 * PART), status(403, number)) as host:
        bucket.copy(f"{host.url}/old", f"{host.url}/new")
    assert bucket.body == host.body
    assert (bucket.links, bucket.troubles) == ([f"{host.url}/old", f"{host.url}/new"], {"link_renewed": 1})


def test_streams_whose_link_expires_at_the_same_time_request_one_new_link(bucket: Bucket) -> None:
    with result_host(big(4 * PART), status(403, 1, 2)) as host:
        bucket.copy(f"{host.url}/old", f"{host.url}/new")
    assert len(bucket.links) <= 3
    assert bucket.body == host.body


def test_links_that_are_always_refused_end_the_copy(bucket: Bucket) -> None:
    with result_host(big(4 * PART), status(403, *range(2, 1000))) as host:
        assert bucket.interruption(host.link()) == "link_expired"
    assert len(bucket.links) == 1 + LIMITS.renewals


def test_a_task_without_a_new_link_ends_the_copy(bucket: Bucket) -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        if len(asked) > 1:
            raise DeliveryInterrupted("link_missing", "Wan gave no link.")
        return host.link()

    client = client_of(bucket.s3.url)
    transfer = StreamTransfer(
        client, Credentials("testing", SIGNS_WITH), BUCKET, S3Objects(lambda: client, BUCKET), limits=LIMITS
    )
    with (
        result_host(big(4 * PART), status(403, *range(2, 1000))) as host,
        pytest.raises(DeliveryInterrupted, match="link_missing"),
    ):
        transfer.copy(ask, KEY, TASK, TIME)
    assert bucket.is_empty


def test_a_link_with_a_wrong_signature_is_refused(film: Film, bucket: Bucket) -> None:
    assert bucket.interruption(film.link[:-4] + "AAAA") == "link_expired"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (changed(ETag='"CD34"'), "source_changed"),
        (changed(ETag=""), "source_changed"),
        (changed(**{"x-oss-hash-crc64ecma": "1"}), "source_changed"),
        (changed(**{"Content-Range": f"bytes {2 * PART}-{3 * PART - 1}/{4 * PART + 1}"}), "source_changed"),
        (changed(**{"Content-Range": f"bytes 0-{PART - 1}/{4 * PART}"}), "wrong_range"),
        (changed(**{"Content-Range": f"bytes {PART}-{4 * PART - 1}/{4 * PART}"}), "wrong_range"),
        (changed(**{"Content-Range": f"bytes {3 * PART}-{2 * PART}/{4 * PART}"}), "wrong_range"),
        (changed(**{"Content-Range": ""}), "wrong_range"),
        (changed(**{"Content-Range": "bytes 0-1/*"}), "wrong_range"),
        (status(412, 2), "source_changed"),
        (status(416, 2), "source_changed"),
        (status(404, 2), "download_refused"),
        (once(2, lambda reply: Reply(200, {"ETag": '"AB12"'}, memoryview(big(4 * PART)))), "source_changed"),
        (once(2, lambda reply: Reply(302, {"Location": "http://127.0.0.1:1/"}, memoryview(b""))), "redirected"),
        (once(2, lambda reply: replace(reply, body=memoryview(b"!" * len(reply.body)))), "corrupted"),
        (once(0, lambda reply: replace(reply, headers={**reply.headers, "Content-Range": "bytes 0-9"})), "wrong_range"),
        (once(0, lambda reply: replace(reply, headers={**reply.headers, "Content-Range": ""})), "wrong_range"),
    ],
    ids=range(17),
)
def test_an_answer_that_does_not_fit_the_first_ends_the_copy(bucket: Bucket, spoil: Spoil, code: str) -> None:
    with result_host(big(4 * PART), spoil) as host:
        assert bucket.interruption(host.link(), limits=replace(LIMITS, streams=1)) == code
        host.spoil = lambda number, reply: reply
        bucket.copy(host.link())
    assert bucket.body == host.body
