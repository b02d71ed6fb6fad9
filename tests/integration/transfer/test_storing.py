"""How S3 behaves while a copy is stored, and that it is stored once."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import pytest
from fastcrc.crc64 import xz

from tests.integration.transfer.copying import KEY, LIMITS, PART, TASK, Bucket, Film, big, client_of
from tools.harness.result_host import once, result_host
from wan_video.adapters.transfer import Limits
from wan_video.domain.objects import FoundObject
from wan_video.errors import DeliveryInterrupted


@pytest.mark.parametrize("size", [1024, 2 * PART])
def test_a_second_copy_finds_the_first_and_changes_nothing(bucket: Bucket, size: int) -> None:
    with result_host(big(size)) as host:
        first = bucket.copy(host.link())
    with result_host(big(size)[:-1] + b"!") as host:
        second = bucket.copy(host.link())
    assert bucket.body == big(size)
    assert (second.etag, second.bytes) == (first.etag, first.bytes)


@pytest.mark.parametrize("states_crc", [True, False])
@pytest.mark.parametrize("size", [1024, 2 * PART])
def test_an_object_has_metadata_with_its_task_and_its_crc(bucket: Bucket, size: int, states_crc: bool) -> None:
    with result_host(big(size), states_crc=states_crc) as host:
        stored = bucket.copy(host.link())
    found = bucket.find()
    assert found is not None
    # Without a CRC of the host, that of a long video is known only after its upload started: too late for the metadata.
    carries = states_crc or size < PART
    assert found == FoundObject(stored if carries else replace(stored, crc64xz=None), TASK)
    assert bucket.objects.is_sound(found.object) is carries


SEVEN_BYTES = b"7 bytes"


@pytest.mark.parametrize("size", [1024, 2 * PART])
@pytest.mark.parametrize(
    ("body", "metadata"),
    [
        (SEVEN_BYTES, {}),
        (SEVEN_BYTES, {"task_id": TASK}),
        (SEVEN_BYTES, {"task_id": TASK, "crc64xz": "0" * 16}),
        (SEVEN_BYTES, {"task_id": TASK, "crc64xz": f"{xz(SEVEN_BYTES):016x}"}),
        (big(900), {"crc64xz": f"{xz(big(900)):016x}"}),
        (big(900), {"task_id": "another", "crc64xz": f"{xz(big(900)):016x}"}),
        (big(900), {"task_id": TASK, "crc64xz": f"{xz(big(900)):016X}0"}),
        (big(900), {"task_id": TASK, "crc64xz": f"{xz(big(900)) ^ 1:016x}"}),
    ],
    ids=range(8),
)
def test_an_object_from_elsewhere_is_not_a_copy_and_is_replaced_only_on_request(
    bucket: Bucket, size: int, body: bytes, metadata: dict[str, str]
) -> None:
    earlier = bucket.put(body, **metadata)
    with result_host(big(size)) as host:
        with pytest.raises(DeliveryInterrupted, match="store_conflict"):
            bucket.copy(host.link())
        assert (bucket.body, bucket.s3.uploads) == (body, {})
        stored = bucket.copy(host.link(), replaced=earlier)
    assert (bucket.body, bucket.find()) == (big(size), FoundObject(stored, TASK))
    assert bucket.objects.is_sound(stored)


@pytest.mark.parametrize("size", [1024, 2 * PART])
def test_an_object_that_changed_after_the_check_is_not_replaced(bucket: Bucket, size: int) -> None:
    earlier = bucket.put(SEVEN_BYTES)
    bucket.put(b"others")
    with result_host(big(size)) as host, pytest.raises(DeliveryInterrupted, match="store_conflict"):
        bucket.copy(host.link(), replaced=earlier)
    assert bucket.body == b"others"


@pytest.mark.parametrize("size", [1024, 2 * PART])
def test_two_workers_that_replace_the_same_object_make_one_object(bucket: Bucket, size: int) -> None:
    earlier = bucket.put(SEVEN_BYTES)
    with result_host(big(size)) as host:
        first = bucket.copy(host.link(), replaced=earlier)
        assert bucket.copy(host.link(), replaced=earlier) == first
    assert bucket.body == big(size)


def test_two_simultaneous_copies_make_one_object(film: Film, bucket: Bucket) -> None:
    etags: list[str] = []
    threads = [threading.Thread(target=lambda: etags.append(bucket.copy(film.link).etag)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(etags), len(set(etags)), list(bucket.s3.objects)) == (4, 1, [KEY])
    assert hashlib.sha256(bucket.body).hexdigest() == film.billed["sha256"]


@pytest.mark.parametrize("fault", ["refuse", "fail", "drop", "lose"])
def test_a_part_that_s3_refuses_is_sent_again(bucket: Bucket, fault: str) -> None:
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
        bucket.copy(host.link(), limits=replace(LIMITS, store_silence=0.5, part_attempts=100))
    assert bucket.body == host.body


def test_a_part_that_s3_always_refuses_ends_the_copy(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "fail")] * 100
    with result_host(big(4 * PART)) as host:
        assert bucket.interruption(host.link()) == "store_failed"
    assert bucket.s3.calls["part"] <= LIMITS.part_attempts * LIMITS.streams


def test_a_part_that_s3_refuses_permanently_is_not_sent_again(bucket: Bucket) -> None:
    bucket.s3.faults = [("part", "forbid")] * 100
    with result_host(big(4 * PART)) as host:
        assert bucket.interruption(host.link()) == "store_failed"
    assert bucket.s3.calls["part"] <= LIMITS.streams
    assert "part_retried" not in bucket.troubles


@pytest.mark.parametrize("size", [1024, 4 * PART])
def test_a_lost_answer_of_s3_at_the_end_is_resolved(bucket: Bucket, size: int) -> None:
    # The second attempt of boto3 finds the object itself; if all answers are lost, the check of the key finds it.
    for lost in (1, 2):
        bucket.s3.clear()
        bucket.s3.faults = [("complete" if size > PART else "put", "lose")] * lost
        with result_host(big(size)) as host:
            stored = bucket.copy(host.link())
        assert (bucket.body, stored.bytes, stored.crc64xz) == (host.body, size, f"{host.crc:016x}")


def test_an_upload_that_cannot_be_completed_is_aborted(bucket: Bucket) -> None:
    bucket.s3.faults = [("complete", "fail")] * 2
    with result_host(big(4 * PART)) as host, pytest.raises(Exception, match="InternalError"):
        bucket.copy(host.link())
    assert bucket.is_empty
    assert bucket.s3.calls["abort"] == 1


def test_a_failing_abort_does_not_hide_the_reason(bucket: Bucket) -> None:
    bucket.s3.faults = [("abort", "fail")] * 2
    with (
        result_host(big(4 * PART), once(2, lambda reply: replace(reply, status=404))) as host,
        pytest.raises(DeliveryInterrupted, match="download_refused"),
    ):
        bucket.copy(host.link())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("call", ["UploadPart", "CompleteMultipartUpload"])
def test_an_end_by_interrupt_leaves_no_open_upload(bucket: Bucket, kind: type[BaseException], call: str) -> None:
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
