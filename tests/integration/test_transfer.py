"""From a result link to S3: byte for byte, or nothing at all."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from boto3.session import Session
from botocore.config import Config
from botocore.credentials import Credentials
from fastcrc.crc64 import xz

from tests.fakes.samples import request
from tests.integration.raw_server import never_answer, raw_server, say
from tests.integration.result_host import Reply, Spoil, cut_after, once, result_host, status
from tests.integration.s3_server import SIGNS_WITH, S3Server, s3_server
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video.adapters.objects import S3Objects
from wan_video.adapters.transfer import Limits, StreamTransfer
from wan_video.adapters.wan_client import WanClient
from wan_video.domain.models import Region
from wan_video.domain.video import StoredObject
from wan_video.errors import DeliveryInterrupted

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET, KEY = "wan-video-videos", "videos/video_1/video.mp4"
FTYP = b"\x00\x00\x00\x18ftypisom"
PART = 256 * 1024
LIMITS = Limits(head_bytes=PART, part_bytes=PART, smallest_part=PART, chunk_bytes=PART // 8, streams=3, pause=0.01)
"""The product's, for videos that are shorter, and hosts that need no rest."""
TIME = 60.0


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


@cache
def client_of(url: str) -> S3Client:
    config = Config(
        signature_version="s3v4",
        request_checksum_calculation="when_required",
        retries={"mode": "standard", "total_max_attempts": 2},
        read_timeout=2,
    )
    session = Session("testing", SIGNS_WITH, region_name="eu-central-1")
    return session.client("s3", endpoint_url=url, config=config)


@dataclass
class Bucket:
    """The videos bucket, and what a test looks at in it."""

    s3: S3Server
    troubles: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)

    def copy(self, *links: str, limits: Limits = LIMITS, seconds: float = TIME) -> StoredObject:
        """Copy what the links lead to; each is given once, the last one for ever."""
        left = list(links)

        def ask() -> str:
            self.links.append(left[0])
            return left.pop(0) if len(left) > 1 else left[0]

        client = client_of(self.s3.url)
        return StreamTransfer(
            client,
            Credentials("testing", SIGNS_WITH),
            BUCKET,
            S3Objects(client, BUCKET),
            limits=limits,
            on_trouble=self.note,
        ).copy(ask, KEY, seconds)

    def note(self, counts: Mapping[str, int]) -> None:
        self.troubles.update(counts)

    @property
    def is_empty(self) -> bool:
        return not self.s3.objects and not self.s3.uploads

    @property
    def body(self) -> bytes:
        assert not self.s3.uploads
        return self.s3.objects[KEY].body

    def interruption(self, link: str, **wanted: Any) -> str:
        """The code of a copy that does not work, and leaves nothing."""
        with pytest.raises(DeliveryInterrupted) as caught:
            self.copy(link, **wanted)
        assert self.is_empty
        assert link not in str(caught.value)
        assert "CANARY" not in str(caught.value)
        return caught.value.code


@pytest.fixture(scope="module")
def shared_s3() -> Iterator[S3Server]:
    with s3_server(smallest_part=PART) as s3:
        yield s3


@pytest.fixture
def bucket(shared_s3: S3Server) -> Bucket:
    shared_s3.clear()
    return Bucket(shared_s3)


@cache
def big(size: int) -> bytes:
    """A film of so many bytes, no two pieces of which are the same."""
    block = b"".join(number.to_bytes(8, "big") for number in range(size // 8 + 1))
    return (FTYP + block)[:size]


def film_answer(body: bytes, *headers: str, length: int | None = None) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


# --- byte for byte ---------------------------------------------------------------------------------------------------


def test_what_is_stored_is_byte_for_byte_what_wan_made(film: Film, bucket: Bucket) -> None:
    stored = bucket.copy(film.link)
    assert (len(bucket.body), hashlib.sha256(bucket.body).hexdigest()) == (film.billed["bytes"], film.billed["sha256"])
    assert (stored.bucket, stored.key, stored.bytes) == (BUCKET, KEY, len(bucket.body))
    assert stored.crc64xz == f"{xz(bucket.body):016x}"
    found = S3Objects(client_of(bucket.s3.url), BUCKET).find(KEY)
    assert found == stored
    assert bucket.s3.objects[KEY].headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("size", [64, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 7, 6 * PART - 512, 7 * PART + 1])
def test_a_video_of_any_length_is_stored_and_is_the_same(bucket: Bucket, size: int) -> None:
    with result_host(big(size)) as host:
        stored = bucket.copy(host.link())
    assert bucket.body == big(size)
    assert (stored.bytes, stored.crc64xz) == (size, f"{xz(big(size)):016x}")
    assert S3Objects(client_of(bucket.s3.url), BUCKET).find(KEY) == stored
    assert (host.sent, bucket.troubles) == (size, Counter())


def test_a_long_video_comes_in_ranges_that_are_asked_for_at_once(bucket: Bucket) -> None:
    together = threading.Barrier(LIMITS.streams, timeout=10)

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


def test_a_source_that_states_no_checksum_is_stored_with_ours_and_says_so(bucket: Bucket) -> None:
    with result_host(big(2 * PART), states_crc=False) as host:
        assert bucket.copy(host.link()).crc64xz == f"{xz(big(2 * PART)):016x}"
    assert "x-amz-meta-crc64xz" not in bucket.s3.objects[KEY].headers


def test_no_header_is_sent_that_the_links_signature_would_have_to_cover(bucket: Bucket) -> None:
    with result_host(big(2 * PART)) as host:
        bucket.copy(host.link())
    assert not [name for asked in host.requests for name in asked if name.startswith(("x-oss-", "auth", "cookie"))]


# --- where ranges are not served -------------------------------------------------------------------------------------


def ignoring_ranges(*headers: str) -> Spoil:
    def whole(_: int, reply: Reply) -> Reply:
        kept = {name: value for name, value in reply.headers.items() if name not in (*headers, "Content-Range")}
        return Reply(200, kept, memoryview(big(3 * PART + 9)))

    return whole


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


def test_a_source_that_states_no_length_is_stored_whole(bucket: Bucket) -> None:
    body = big(PART + 1024)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with raw_server(say(chunked)) as server:
        assert bucket.copy(server.url).bytes == len(body)
    assert bucket.body == body


def test_a_part_from_memory_is_sent_again_where_s3_refuses_it(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "fail"), ("part", "refuse")]
    with result_host(big(3 * PART + 9), ignoring_ranges()) as host:
        bucket.copy(host.link())
    assert (bucket.body, host.sent) == (host.body, len(host.body))
    assert bucket.troubles == {"part_retried": 2}


# --- cut off and taken up again --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5_000, 50_000, 175_001])
@pytest.mark.parametrize("length", [PART - 1, 3 * PART + 9])
def test_a_copy_whose_every_connection_is_cut_is_the_same_and_costs_no_byte_twice(
    bucket: Bucket, size: int, length: int
) -> None:
    with result_host(big(length), cut_after(size)) as host:
        bucket.copy(host.link())
    assert bucket.body == big(length)
    assert host.sent <= 1.2 * length
    assert bucket.troubles["source_resumed"] >= length // size - 4


def test_a_copy_whose_every_connection_is_reset_is_the_same(bucket: Bucket) -> None:
    with result_host(big(3 * PART + 9), cut_after(100_000, reset=True)) as host:
        bucket.copy(host.link())
    assert bucket.body == host.body


def test_a_host_that_serves_no_ranges_cannot_be_taken_up_again(bucket: Bucket) -> None:
    def spoil(number: int, reply: Reply) -> Reply:
        return replace(ignoring_ranges()(number, reply), cut=PART + 100)

    with result_host(big(3 * PART + 9), spoil) as host:
        assert bucket.interruption(host.link()) == "source_changed"


def test_a_short_range_is_filled_up(bucket: Bucket) -> None:
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
def test_an_answer_that_may_pass_is_asked_for_again(bucket: Bucket, code: int, numbers: tuple[int, ...]) -> None:
    with result_host(big(3 * PART), status(code, *numbers)) as host:
        bucket.copy(host.link())
    assert bucket.body == host.body
    assert bucket.troubles == {"source_retried": len(numbers)}


@pytest.mark.parametrize("after", [0, 2])
def test_a_host_that_only_refuses_is_given_up_after_a_few_requests(bucket: Bucket, after: int) -> None:
    with result_host(big(3 * PART), status(503, *range(after, 1000))) as host:
        assert bucket.interruption(host.link()) == "download_refused"
    assert len(host.requests) <= after + LIMITS.fruitless * LIMITS.streams


def test_connections_that_bring_nothing_are_given_up(bucket: Bucket) -> None:
    with result_host(big(3 * PART), cut_after(0)) as host:
        assert bucket.interruption(host.link()) == "truncated"
    assert len(host.requests) <= LIMITS.fruitless * LIMITS.streams


def test_connections_that_bring_next_to_nothing_are_given_up_too(bucket: Bucket) -> None:
    with result_host(big(3 * PART), cut_after(1)) as host:
        assert bucket.interruption(host.link(), limits=replace(LIMITS, resumptions=20)) == "truncated"
    assert len(host.requests) <= 20 + LIMITS.streams + 1


# --- links that expire -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_link_that_is_refused_is_asked_for_again(bucket: Bucket, number: int) -> None:
    with result_host(big(4 * PART), status(403, number)) as host:
        bucket.copy(f"{host.url}/old", f"{host.url}/new")
    assert bucket.body == host.body
    assert (bucket.links, bucket.troubles) == ([f"{host.url}/old", f"{host.url}/new"], {"link_renewed": 1})


def test_streams_whose_link_expires_at_once_ask_for_one_new_link(bucket: Bucket) -> None:
    with result_host(big(4 * PART), status(403, 1, 2)) as host:
        bucket.copy(f"{host.url}/old", f"{host.url}/new")
    assert len(bucket.links) <= 3
    assert bucket.body == host.body


def test_links_that_are_always_refused_end_the_copy(bucket: Bucket) -> None:
    with result_host(big(4 * PART), status(403, *range(2, 1000))) as host:
        assert bucket.interruption(host.link()) == "link_expired"
    assert len(bucket.links) == 1 + LIMITS.renewals


def test_a_task_that_gives_no_new_link_ends_the_copy(bucket: Bucket) -> None:
    asked: list[int] = []

    def ask() -> str:
        asked.append(1)
        if len(asked) > 1:
            raise DeliveryInterrupted("link_missing", "Wan gave no link.")
        return host.link()

    client = client_of(bucket.s3.url)
    transfer = StreamTransfer(
        client, Credentials("testing", SIGNS_WITH), BUCKET, S3Objects(client, BUCKET), limits=LIMITS
    )
    with (
        result_host(big(4 * PART), status(403, *range(2, 1000))) as host,
        pytest.raises(DeliveryInterrupted, match="link_missing"),
    ):
        transfer.copy(ask, KEY, TIME)
    assert bucket.is_empty


def test_a_link_with_a_wrong_signature_is_refused(film: Film, bucket: Bucket) -> None:
    assert bucket.interruption(film.link[:-4] + "AAAA") == "link_expired"


# --- never mixed -----------------------------------------------------------------------------------------------------


def changed(**headers: str) -> Spoil:
    return once(2, lambda reply: replace(reply, headers={**reply.headers, **headers}))


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


# --- once ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1024, 2 * PART])
def test_a_second_copy_finds_the_first_and_changes_nothing(bucket: Bucket, size: int) -> None:
    with result_host(big(size)) as host:
        first = bucket.copy(host.link())
    with result_host(big(size)[:-1] + b"!") as host:
        second = bucket.copy(host.link())
    assert bucket.body == big(size)
    assert (second.etag, second.bytes) == (first.etag, first.bytes)


def test_two_copies_at_once_make_one_object(film: Film, bucket: Bucket) -> None:
    etags: list[str] = []
    threads = [threading.Thread(target=lambda: etags.append(bucket.copy(film.link).etag)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(etags), len(set(etags)), list(bucket.s3.objects)) == (4, 1, [KEY])
    assert hashlib.sha256(bucket.body).hexdigest() == film.billed["sha256"]


# --- trouble with S3 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["refuse", "fail", "drop", "lose"])
def test_a_part_that_s3_does_not_take_is_sent_again(bucket: Bucket, fault: str) -> None:
    bucket.s3.faults = [("part", fault)] * 2
    with result_host(big(4 * PART)) as host:
        bucket.copy(host.link())
    assert bucket.body == host.body
    assert bucket.troubles["part_retried"] == 2


def test_a_long_part_that_s3_refuses_before_it_was_sent_is_sent_again(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "refuse")] * 2
    with result_host(big(24 * 1024 * 1024)) as host:
        bucket.copy(host.link(), limits=Limits(pause=0.01))
    assert bucket.body == host.body
    assert bucket.troubles == {"part_retried": 2}


def test_a_part_that_s3_never_answers_is_sent_again(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "hang")]
    with result_host(big(4 * PART)) as host:
        bucket.copy(host.link(), limits=replace(LIMITS, store_silence=0.5))
    assert bucket.body == host.body


def test_a_part_that_s3_never_takes_ends_the_copy(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "fail")] * 100
    with result_host(big(4 * PART)) as host:
        assert bucket.interruption(host.link()) == "store_failed"
    assert bucket.s3.calls["part"] <= LIMITS.part_attempts * LIMITS.streams


def test_a_part_that_s3_refuses_for_good_is_not_sent_again(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "forbid")] * 100
    with result_host(big(4 * PART)) as host:
        assert bucket.interruption(host.link()) == "store_failed"
    assert bucket.s3.calls["part"] <= LIMITS.streams
    assert "part_retried" not in bucket.troubles


@pytest.mark.parametrize("size", [1024, 4 * PART])
def test_an_answer_of_s3_that_is_lost_at_the_end_is_found_out(bucket: Bucket, size: int) -> None:
    # The second attempt of boto3 meets the object itself; where all answers are lost, so does the look at the key.
    for lost in (1, 2):
        bucket.s3.clear()
        bucket.s3.faults = [("complete" if size > PART else "put", "lose")] * lost
        with result_host(big(size)) as host:
            stored = bucket.copy(host.link())
        assert (bucket.body, stored.bytes, stored.crc64xz) == (host.body, size, f"{host.crc:016x}")


def test_an_upload_that_cannot_be_completed_is_given_up(bucket: Bucket) -> None:
    bucket.s3.faults = [("complete", "fail")] * 2
    with result_host(big(4 * PART)) as host, pytest.raises(Exception, match="InternalError"):
        bucket.copy(host.link())
    assert bucket.is_empty
    assert bucket.s3.calls["abort"] == 1


def test_an_upload_that_cannot_be_given_up_hides_no_reason(bucket: Bucket) -> None:
    bucket.s3.faults = [("abort", "fail")] * 2
    with (
        result_host(big(4 * PART), once(2, lambda reply: replace(reply, status=404))) as host,
        pytest.raises(DeliveryInterrupted, match="download_refused"),
    ):
        bucket.copy(host.link())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("call", ["UploadPart", "CompleteMultipartUpload"])
def test_an_end_that_is_no_error_leaves_no_open_upload(bucket: Bucket, kind: type[BaseException], call: str) -> None:
    def end(*_: object, **__: object) -> None:
        raise kind

    events = client_of(bucket.s3.url).meta.events
    name = f"provide-client-params.s3.{call}"
    events.register(name, end)
    try:
        with result_host(big(4 * PART)) as host, pytest.raises(kind):
            bucket.copy(host.link())
    finally:
        events.unregister(name, end)
    assert bucket.s3.calls["create"] == 1
    assert bucket.is_empty


# --- or nothing at all -----------------------------------------------------------------------------------------------


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
def test_what_is_not_the_film_is_not_stored(film: Film, bucket: Bucket, fault: dict[str, Any], code: str) -> None:
    film.simulator.faults.add(Fault("result", **fault))
    assert bucket.interruption(film.link) == code
    assert bucket.copy(film.link).bytes == film.billed["bytes"]


@pytest.mark.parametrize(
    "fault",
    [{"kind": "truncate"}, {"kind": "truncate", "keep": 0}, {"kind": "reset"}, {"kind": "status", "status": 503}],
    ids=str,
)
def test_what_passes_is_got_over(film: Film, bucket: Bucket, fault: dict[str, Any]) -> None:
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


def test_a_long_body_that_does_not_begin_like_a_film_is_not_stored(bucket: Bucket) -> None:
    with result_host(b"<Error/>" * 100_000) as host:
        assert bucket.interruption(host.link()) == "not_a_video"


def test_a_video_longer_than_a_video_can_be_is_not_begun(bucket: Bucket) -> None:
    with result_host(big(3 * PART)) as host:
        assert bucket.interruption(host.link(), limits=replace(LIMITS, video_bytes=2 * PART)) == "too_large"
    assert not bucket.s3.calls


def test_a_body_without_an_end_is_cut_off_at_the_size_that_a_video_can_have(bucket: Bucket) -> None:
    with raw_server(say(b"HTTP/1.1 200 OK\r\n\r\n" + big(3 * PART))) as server:
        assert bucket.interruption(server.url, limits=replace(LIMITS, video_bytes=2 * PART)) == "too_large"


@pytest.mark.parametrize("length", [1024, 3 * PART])
def test_a_source_that_drips_is_cut_off_at_the_deadline(bucket: Bucket, length: int) -> None:
    with result_host(big(length), lambda _, reply: replace(reply, drip=True)) as host:
        began = time.monotonic()
        assert bucket.interruption(host.link(), seconds=0.5) == "too_slow"
    assert time.monotonic() - began < LIMITS.source_silence


def test_a_copy_that_has_no_time_left_stores_nothing(bucket: Bucket) -> None:
    with result_host(big(3 * PART)) as host:
        assert bucket.interruption(host.link(), seconds=-1) == "too_slow"


def test_an_s3_that_takes_no_byte_is_cut_off_at_the_deadline(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "hang")] * 20
    with result_host(big(4 * PART)) as host:
        assert bucket.interruption(host.link(), seconds=0.5) == "too_slow"


def test_a_source_that_never_answers_is_given_up(bucket: Bucket) -> None:
    with raw_server(never_answer) as server:
        assert bucket.interruption(server.url, limits=replace(LIMITS, source_silence=0.1)) == "download_failed"
    assert len(server.requests) == LIMITS.fruitless


def test_a_host_that_is_gone_is_an_interruption(bucket: Bucket) -> None:
    with raw_server(never_answer) as server:
        pass
    assert bucket.interruption(server.url) == "download_failed"


@pytest.mark.parametrize(
    "link", ["https://", "http://[", "http://127.0.0.1:port/", "http://127.0.0.1/\x00", "nonsense"]
)
def test_a_link_that_is_none_is_an_interruption(bucket: Bucket, link: str) -> None:
    with pytest.raises(DeliveryInterrupted):
        bucket.copy(link)
    assert bucket.is_empty
