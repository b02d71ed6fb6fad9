"""Batches in the real handlers and adapters: from a file to rows, reports and one notice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tests.fakes.world import Killed
from tools.harness.lambdas import Event, end_process, event, invoke, warm
from tools.harness.samples import NOW, validating_batch, waiting_batch
from tools.harness.stack import BUCKET, PROMPTS, Stack
from wan_video import bootstrap
from wan_video.adapters.s3.prompt_files import S3PromptFiles
from wan_video.adapters.s3.reports import PART_BYTES, S3Reports
from wan_video.adapters.workers import LambdaWorkers
from wan_video.domain.batch import ERRORS, MANIFEST, REPORT, RESULTS, report_key
from wan_video.domain.objects import JSON_LINES
from wan_video.domain.prompt_file import row_id
from wan_video.domain.video import Status
from wan_video.errors import PromptFileChanged, PromptFileGone, PromptFileRefused


@pytest.fixture
def bucket(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack, and a process with its environment."""
    end_process()
    warm(stack, monkeypatch)
    return stack


def uploaded(stack: Stack, key: str, body: str) -> Event:
    """Upload a file, and return its event."""
    etag = stack.s3.put_object(Bucket=PROMPTS, Key=key, Body=body.encode())["ETag"].strip('"')
    given = event("object_created")
    given["detail"]["object"] |= {"key": key, "etag": etag, "size": len(body)}
    return given


def records(*batch_ids: str) -> Event:
    """Return stream records about batches."""
    given = event("stream_batch")
    (record,) = given["Records"]
    given["Records"] = [json.loads(json.dumps(record).replace("batch_1", batch_id)) for batch_id in batch_ids]
    return given


def report(stack: Stack, batch_id: str, name: str) -> str:
    return stack.s3.get_object(Bucket=BUCKET, Key=report_key(batch_id, name))["Body"].read().decode()


def lines(stack: Stack, batch_id: str, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in report(stack, batch_id, name).splitlines()]


def test_a_file_becomes_rows_and_ends_with_three_reports_and_one_notice(bucket: Stack) -> None:
    body = '{"prompt": "a fox", "custom_id": "x"}\n[]\n{"prompt": "another"}\n'
    created = uploaded(bucket, "foxes.jsonl", body)
    answer = invoke("ingest", created)
    assert invoke("ingest", created) == answer
    batch_id = answer["batch_id"]
    assert (answer["accepted"], answer["refused"]) == (2, 1)
    assert [row["row"] for row in json.loads(report(bucket, batch_id, REPORT))["rows"]] == [1, 2, 3]

    batch = bucket.batches.get(batch_id)
    bucket.batches.save(batch, batch.cancel(NOW))
    for _ in range(2):
        invoke("finish_batch", records(batch_id, batch_id))

    ended = bucket.batches.get(batch_id)
    assert (ended.status, ended.cancelled, ended.left) == ("cancelled", 2, 0)
    assert bucket.videos.get(row_id(batch_id, 1)).status is Status.CANCELLED
    assert [(line["row"], line["custom_id"]) for line in lines(bucket, batch_id, RESULTS)] == [(1, "x"), (3, None)]
    assert [line["line"] for line in lines(bucket, batch_id, ERRORS)] == [2]
    assert json.loads(report(bucket, batch_id, MANIFEST))["status"] == "cancelled"
    (notice,) = bucket.notices()
    assert json.loads(notice["Message"])["data"]["id"] == batch_id
    assert notice["MessageAttributes"]["batch_id"]["Value"] == batch_id
    assert list(bucket.batches.open()) == []


def test_a_retry_batch_is_read_from_the_stream_and_by_its_name(bucket: Stack) -> None:
    bucket.batches.create(replace(validating_batch(), source=None, retry_of="batch_0"))
    invoke("ingest", records("batch_1"))
    invoke("ingest", {"batch_id": "batch_1"})
    invoke("finish_batch", {"batch_id": "batch_1"})

    assert bucket.batches.get("batch_1").status == "failed"


def test_a_folder_created_in_the_console_is_not_a_file(bucket: Stack) -> None:
    assert invoke("ingest", uploaded(bucket, "prompts/", "")) == {"batch_id": None}


def test_an_object_below_the_prefix_of_images_is_not_a_prompt_file(bucket: Stack) -> None:
    assert invoke("ingest", uploaded(bucket, "images/fox.jsonl", '{"prompt": "a fox"}')) == {"batch_id": None}
    assert list(bucket.batches.open()) == []


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_file_can_be_read_in_chunks_any_number_of_times(bucket: Stack) -> None:
    body = bytes(range(256)) * 10
    etag = bucket.s3.put_object(Bucket=PROMPTS, Key="a b+c.txt", Body=body, Metadata={"seed": "7"})["ETag"].strip('"')
    file = S3PromptFiles(bucket.s3, chunk_bytes=1000).open(PROMPTS, "a b+c.txt", etag)

    for _ in range(2):
        pieces = list(file.chunks())
        assert [len(piece) for piece in pieces] == [1000, 1000, 560]
        assert b"".join(pieces) == body
    assert (file.size, dict(file.metadata)) == (2560, {"seed": "7"})


def test_an_empty_file_has_no_chunk(bucket: Stack) -> None:
    etag = bucket.s3.put_object(Bucket=PROMPTS, Key="a.txt", Body=b"")["ETag"].strip('"')

    assert list(S3PromptFiles(bucket.s3).open(PROMPTS, "a.txt", etag).chunks()) == []


def test_a_deleted_or_replaced_file_is_a_named_error_at_any_time(bucket: Stack) -> None:
    files = S3PromptFiles(bucket.s3, chunk_bytes=2)
    with pytest.raises(PromptFileGone):
        files.open(PROMPTS, "a.txt", "etag")
    etag = bucket.s3.put_object(Bucket=PROMPTS, Key="a.txt", Body=b"abcd")["ETag"].strip('"')
    pieces = iter(files.open(PROMPTS, "a.txt", etag).chunks())
    assert next(iter(pieces)) == b"ab"
    bucket.s3.put_object(Bucket=PROMPTS, Key="a.txt", Body=b"efgh")
    with pytest.raises(PromptFileChanged):
        next(iter(pieces))
    bucket.s3.delete_object(Bucket=PROMPTS, Key="a.txt")
    with pytest.raises(PromptFileGone):
        list(files.open(PROMPTS, "a.txt", etag).chunks())


# --- reports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3, 13])
def test_a_report_of_any_length_is_read_unchanged(stack: Stack, count: int) -> None:
    reports = S3Reports(stack.s3, BUCKET)
    wanted = [bytes([65 + number]) * (1024 * 1024) for number in range(count)]
    with reports.write("reports/a", JSON_LINES) as written:
        for line in wanted:
            written.add(line)

    assert (written.lines, written.size) == (count, count * (1024 * 1024 + 1))
    assert list(reports.lines("reports/a")) == wanted
    head = stack.s3.head_object(Bucket=BUCKET, Key="reports/a")
    assert (head["ContentLength"], head["ContentType"]) == (written.size, JSON_LINES)


def test_an_interrupted_report_does_not_appear_and_leaves_no_part(stack: Stack) -> None:
    reports = S3Reports(stack.s3, BUCKET)

    def cut_off() -> None:
        with reports.write("reports/a", JSON_LINES) as written:
            written.add(b"x" * (PART_BYTES + 1))
            raise Killed

    with pytest.raises(Killed):
        cut_off()
    assert list(reports.lines("reports/a")) == []
    assert "Uploads" not in stack.s3.list_multipart_uploads(Bucket=BUCKET)


def test_a_report_that_cannot_be_read_is_not_taken_for_a_missing_one(stack: Stack) -> None:
    client = stack.clients.session.client("s3")
    with Stubber(client) as stub:
        stub.add_client_error("get_object", "AccessDenied")
        with pytest.raises(ClientError, match="AccessDenied"):
            list(S3Reports(client, BUCKET).lines("reports/a"))


# --- workers ---------------------------------------------------------------------------------------------------------


def test_workers_are_invoked_asynchronously_with_their_payloads(stack: Stack) -> None:
    client = stack.clients.session.client("lambda")
    workers = LambdaWorkers(client, ingest="ingest", finish_batch="finish")
    source = {"bucket": {"name": "prompts"}, "object": {"key": "batches/batch_1/prompts.jsonl", "etag": "etag"}}
    with Stubber(client) as stub:
        for function, payload in (
            ("ingest", {"detail": source}),
            ("ingest", {"batch_id": "batch_1"}),
            ("finish", {"batch_id": "batch_1"}),
        ):
            stub.add_response(
                "invoke",
                {"StatusCode": 202},
                {"FunctionName": function, "InvocationType": "Event", "Payload": json.dumps(payload).encode()},
            )
        workers.ingest(validating_batch())
        workers.ingest(replace(validating_batch(), source=None, retry_of="batch_0"))
        workers.finish("batch_1")
        stub.assert_no_pending_responses()


SSE_C = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided."
KMS = (
    "User: arn:aws:sts::123456789012:assumed-role/ingest/ingest is not authorized to perform: kms:Decrypt on resource:"
    " arn:aws:kms:eu-central-1:123456789012:key/1 because no identity-based policy allows the kms:Decrypt action"
)
KEY = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/1"}


@pytest.mark.parametrize(
    ("head", "code", "message", "word"),
    [
        ("400", "InvalidRequest", SSE_C, "SSE-C"),
        ("403", "AccessDenied", KMS, "KMS"),
        (KEY, "AccessDenied", KMS, "KMS"),
        (KEY, "KMS.DisabledException", "arn:aws:kms:... is disabled.", "KMS"),
        ("400", "KMS.NotFoundException", "Key does not exist", "KMS"),
        (KEY, "KMS.KMSInvalidStateException", "arn:aws:kms:... is pending deletion.", "KMS"),
        ({"StorageClass": "GLACIER"}, "InvalidObjectState", "The operation is not valid.", "archived"),
        ({"StorageClass": "DEEP_ARCHIVE"}, "InvalidObjectState", "The operation is not valid.", "archived"),
        ({"ArchiveStatus": "ARCHIVE_ACCESS"}, "InvalidObjectState", "The operation is not valid.", "archived"),
    ],
)
@pytest.mark.parametrize("announced", [False, True])
def test_a_file_that_can_never_be_read_is_reported_with_the_reason(
    bucket: Stack, head: str | dict[str, str], code: str, message: str, word: str, announced: bool
) -> None:
    key = "batches/batch_1/fox.txt" if announced else "fox.txt"
    if announced:
        bucket.batches.create(waiting_batch("batch_1", owner="files"))
    given = uploaded(bucket, key, "a fox")
    with Stubber(bootstrap.clients.s3()) as stubber:
        if isinstance(head, str):
            stubber.add_client_error("head_object", head, http_status_code=int(head))
        else:
            stubber.add_response("head_object", {"ContentLength": 5, "Metadata": {}, **head})
        stubber.add_client_error("get_object", code, message)
        stubber.add_response("put_object", {})
        answer = invoke("ingest", given)
    batch = bucket.batches.get(answer["batch_id"])
    assert (batch.accepted, answer["accepted"]) == (0, 0)
    assert batch.error is not None
    assert batch.error.code == "file_refused"
    assert word in batch.error.message


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "InternalError"])
def test_a_file_that_may_be_readable_later_is_not_given_up(bucket: Stack, code: str) -> None:
    given = uploaded(bucket, "fox.txt", "a fox")
    with Stubber(bootstrap.clients.s3()) as stubber:
        stubber.add_client_error("head_object", "403", http_status_code=403)
        stubber.add_client_error("get_object", code, "Access Denied")
        with pytest.raises(ClientError):
            invoke("ingest", given)


def test_an_archived_file_that_is_restored_is_read(bucket: Stack) -> None:
    etag = bucket.s3.put_object(Bucket=PROMPTS, Key="a.txt", Body=b"a fox", StorageClass="GLACIER")["ETag"].strip('"')
    with pytest.raises(PromptFileRefused):
        S3PromptFiles(bucket.s3).open(PROMPTS, "a.txt", etag)
    bucket.s3.restore_object(Bucket=PROMPTS, Key="a.txt", RestoreRequest={"Days": 1})
    assert b"".join(S3PromptFiles(bucket.s3).open(PROMPTS, "a.txt", etag).chunks()) == b"a fox"
