"""The smaller adapters on moto: transactions, tokens, keys, objects, topic, executions."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests
from awscrt.checksums import crc64nvme
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tools.harness.patience import PATIENCE
from tools.harness.samples import ALICE, made, queued, request, running, starting, stored
from tools.harness.stack import BUCKET, LEDGER, Stack
from tools.template import ROOT
from wan_video.adapters.dynamodb.ledger import read_many, token_key
from wan_video.adapters.dynamodb.plain_values import with_plain_values
from wan_video.adapters.dynamodb.pools import DynamoPools
from wan_video.adapters.dynamodb.repeats import DynamoRepeats
from wan_video.adapters.dynamodb.tokens import DynamoTokens
from wan_video.adapters.dynamodb.transactions import CONFLICT, MAX_ATTEMPTS, Action, SingleWrites, Transactions
from wan_video.adapters.executions import StepFunctionsExecutions
from wan_video.adapters.s3.multiparts import S3Multiparts
from wan_video.adapters.s3.objects import S3Objects
from wan_video.adapters.topic import SnsTopic
from wan_video.adapters.wan.keys import KEEP_SECONDS, SecretKeys
from wan_video.domain import notice
from wan_video.domain.models import Region
from wan_video.domain.pool import Line, Pool
from wan_video.errors import NoPlace, VideoChanged, WanUnauthorized

# --- transactions ----------------------------------------------------------------------------------------------------


@dataclass
class Contended:
    """A table with prepared answers to its transactions."""

    stack: Stack
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.stack.clients.session.client("dynamodb")
        self.stubber = Stubber(self.client)
        self.transactions = Transactions(self.client, self.pauses.append)

    def cancel(self, *reasons: str) -> None:
        self.stubber.add_client_error(
            "transact_write_items",
            "TransactionCanceledException",
            modeled_fields={"CancellationReasons": [{"Code": reason} for reason in reasons]},
        )

    def write(self) -> None:
        item = {"pk": {"S": "a"}, "sk": {"S": "b"}}
        arguments = {"TableName": LEDGER, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        with self.stubber:
            self.transactions.write([Action("Put", arguments, refusal) for refusal in (FULL, CHANGED)])


FULL, CHANGED = NoPlace("pool"), VideoChanged("video_1")


@pytest.fixture
def contended(stack: Stack) -> Contended:
    return Contended(stack)


def test_conflicting_transactions_are_retried_after_growing_pauses(contended: Contended) -> None:
    for _ in range(3):
        contended.cancel("None", "TransactionConflict")
    contended.stubber.add_response("transact_write_items", {})
    contended.write()
    assert len(contended.pauses) == 3
    assert all(0 <= pause <= 0.02 * 2**attempt for attempt, pause in enumerate(contended.pauses, start=1))


def test_transactions_that_keep_conflicting_raise_in_the_end(contended: Contended) -> None:
    for _ in range(MAX_ATTEMPTS):
        contended.cancel("TransactionConflict", "None")
    with pytest.raises(ClientError, match="TransactionCanceled"):
        contended.write()
    assert len(contended.pauses) == MAX_ATTEMPTS - 1


def test_a_failed_condition_takes_precedence_over_a_conflict(contended: Contended) -> None:
    contended.cancel("None", "ConditionalCheckFailed")
    with pytest.raises(VideoChanged) as caught:
        contended.write()
    assert caught.value is CHANGED
    contended.cancel("ConditionalCheckFailed", "TransactionConflict")
    with pytest.raises(NoPlace):
        contended.write()
    assert contended.pauses == []


def test_of_several_refusals_that_of_the_first_action_is_raised(contended: Contended) -> None:
    contended.cancel("ConditionalCheckFailed", "ConditionalCheckFailed")
    with pytest.raises(NoPlace) as caught:
        contended.write()
    assert caught.value is FULL


@pytest.mark.parametrize(
    ("arguments", "refusal"), [({}, FULL), ({"ConditionExpression": "attribute_exists(pk)"}, None)]
)
def test_an_action_has_both_a_condition_and_its_error_or_neither(
    arguments: dict[str, Any], refusal: NoPlace | None
) -> None:
    with pytest.raises(ValueError, match="needs a condition"):
        Action("Put", {"TableName": LEDGER, "Item": {}, **arguments}, refusal)


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_any_other_reason_is_raised_at_once(contended: Contended, reason: str) -> None:
    contended.cancel("None", reason)
    with pytest.raises(ClientError):
        contended.write()
    assert contended.pauses == []


# --- single writes ---------------------------------------------------------------------------------------------------

SINGLE_WRITES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "remove_line": ("delete_item", lambda client: DynamoPools(client, LEDGER).remove_line("a#b", Line("alice"))),
    "pass_over": ("update_item", lambda client: DynamoPools(client, LEDGER).pass_over("a#b", Line("alice"), 5)),
    "lease": ("update_item", lambda client: DynamoPools(client, LEDGER).lease("a#b", "one", 1, 2)),
    "release": ("delete_item", lambda client: DynamoPools(client, LEDGER).release("a#b", "one")),
    "recount": ("update_item", lambda client: DynamoPools(client, LEDGER).recount(Pool("a#b"))),
    "note_begun": ("update_item", lambda client: DynamoPools(client, LEDGER).note_begun("a#b", "video_1")),
    "repeats": ("put_item", lambda client: DynamoRepeats(client, LEDGER).first("alice", "d", "k", now=2, since=1)),
    "close": ("delete_item", lambda client: DynamoRepeats(client, LEDGER).close("alice", "d", "video_1", "s")),
}
"""Every write of the adapters outside transactions: boto3's name for it, and how to make it."""


@pytest.mark.parametrize(("operation", "write"), SINGLE_WRITES.values(), ids=SINGLE_WRITES)
def test_a_single_write_that_conflicts_with_a_transaction_is_retried(
    stack: Stack, operation: str, write: Callable[[Any], object]
) -> None:
    client = with_plain_values(stack.clients.session.client("dynamodb"))
    with Stubber(client) as stubber:
        for _ in range(2):
            stubber.add_client_error(operation, CONFLICT, http_status_code=400)
        stubber.add_response(operation, {})
        write(client)
        stubber.assert_no_pending_responses()


def test_every_write_of_an_adapter_is_a_transaction_or_a_retried_single_write() -> None:
    writing = re.compile(r"\.(put_item|update_item|delete_item|transact_write_items|batch_write_item)\b")
    shipped = [*(ROOT / "layers/shared/wan_video").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    assert {path.name for path in shipped if writing.search(path.read_text(encoding="utf-8"))} == {"transactions.py"}


def test_a_single_write_that_keeps_conflicting_raises_after_a_number_of_attempts(stack: Stack) -> None:
    client = stack.clients.session.client("dynamodb")
    pauses: list[float] = []
    with Stubber(client) as stubber:
        for _ in range(MAX_ATTEMPTS):
            stubber.add_client_error("delete_item", CONFLICT, http_status_code=400)
        with pytest.raises(ClientError, match=CONFLICT):
            SingleWrites(client, pauses.append).delete(TableName=LEDGER, Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
        stubber.assert_no_pending_responses()
    assert len(pauses) == MAX_ATTEMPTS - 1
    assert all(0 <= pause <= 0.02 * 2**attempt for attempt, pause in enumerate(pauses, start=1))


@pytest.mark.parametrize("code", ["ConditionalCheckFailedException", "ValidationException"])
def test_any_other_refusal_of_a_single_write_is_raised_at_once(stack: Stack, code: str) -> None:
    client = stack.clients.session.client("dynamodb")
    pauses: list[float] = []
    with Stubber(client) as stubber:
        stubber.add_client_error("put_item", code, http_status_code=400)
        with pytest.raises(ClientError, match=code):
            SingleWrites(client, pauses.append).put(TableName=LEDGER, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    assert pauses == []


def test_unprocessed_keys_are_read_again_a_limited_number_of_times(stack: Stack) -> None:
    key = {"pk": "a", "sk": "b"}

    def answer(*items: dict[str, Any], kept_back: bool) -> dict[str, Any]:
        keys = {LEDGER: {"Keys": [{"pk": {"S": "a"}, "sk": {"S": "b"}}]}} if kept_back else {}
        return {"Responses": {LEDGER: list(items)}, "UnprocessedKeys": keys}

    with Stubber(stack.tables) as stubber:
        stubber.add_response("batch_get_item", answer(kept_back=True))
        stubber.add_response("batch_get_item", answer({"pk": {"S": "a"}, "sk": {"S": "b"}}, kept_back=False))
        assert read_many(stack.tables, LEDGER, [key]) == [key]
        for _ in range(10):
            stubber.add_response("batch_get_item", answer(kept_back=True))
        with pytest.raises(TimeoutError, match=LEDGER):
            read_many(stack.tables, LEDGER, [key])


# --- tokens ----------------------------------------------------------------------------------------------------------


def put_token(stack: Stack, token: str, **attributes: Any) -> str:
    digest = hashlib.sha256(token.encode()).hexdigest()
    item = {
        **token_key(digest),
        "owner": "alice",
        "scopes": {"read", "write"},
        "name": "ci",
        "created_at": 1,
        **attributes,
    }
    stack.dynamodb.Table(LEDGER).put_item(Item=item)
    return digest


def test_a_token_is_found_by_its_hash_until_it_is_revoked(stack: Stack) -> None:
    tokens = DynamoTokens(stack.tables, LEDGER)
    assert tokens.find(put_token(stack, "wv_1")) == ALICE
    assert tokens.find(put_token(stack, "wv_2", daily_seconds=60)) == replace(ALICE, daily_seconds=60)
    assert tokens.find(put_token(stack, "wv_3", daily_seconds=0)) == replace(ALICE, daily_seconds=0)
    assert tokens.find(put_token(stack, "wv_4", revoked_at=2)) is None
    assert tokens.find("0" * 64) is None


# --- keys ------------------------------------------------------------------------------------------------------------


@dataclass
class Secret:
    """The stack's secret, its reader, and the reader's clock."""

    stack: Stack
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.reads = 0
        client = self.stack.clients.secretsmanager
        client.meta.events.register("before-call.secretsmanager.GetSecretValue", self._count)
        self.keys = SecretKeys(client, self.stack.secret_arn, lambda: self.now)

    def _count(self, **_: object) -> None:
        self.reads += 1

    def write(self, text: str) -> None:
        self.stack.clients.secretsmanager.put_secret_value(SecretId=self.stack.secret_arn, SecretString=text)


@pytest.fixture
def secret(stack: Stack) -> Secret:
    secret = Secret(stack)
    secret.write('{"singapore": "sk-1", "beijing": "sk-2"}')
    return secret


def test_a_key_is_read_on_first_use_and_kept_for_five_minutes(secret: Secret) -> None:
    assert secret.reads == 0
    assert (secret.keys.key(Region.SINGAPORE), secret.keys.key(Region.BEIJING)) == ("sk-1", "sk-2")
    secret.write('{"singapore": "sk-3"}')
    secret.now += KEEP_SECONDS
    assert (secret.keys.key(Region.SINGAPORE), secret.reads) == ("sk-1", 1)
    secret.now += 1
    assert (secret.keys.key(Region.SINGAPORE), secret.reads) == ("sk-3", 2)


def test_a_refresh_reports_whether_the_regions_key_has_changed(secret: Secret) -> None:
    secret.keys.key(Region.SINGAPORE)
    assert not secret.keys.refresh(Region.SINGAPORE)
    secret.write('{"singapore": "sk-1", "beijing": "sk-4"}')
    assert not secret.keys.refresh(Region.SINGAPORE)
    assert secret.keys.key(Region.BEIJING) == "sk-4"
    secret.write('{"singapore": "sk-5"}')
    assert secret.keys.refresh(Region.SINGAPORE)
    assert secret.keys.key(Region.SINGAPORE) == "sk-5"
    secret.write("{}")
    assert not secret.keys.refresh(Region.SINGAPORE)


@pytest.mark.parametrize("text", ["{}", '{"beijing": "sk-2"}', '{"singapore": ""}', '{"singapore": "  "}'])
def test_a_missing_key_is_named(secret: Secret, text: str) -> None:
    secret.write(text)
    with pytest.raises(WanUnauthorized) as caught:
        secret.keys.key(Region.SINGAPORE)
    assert caught.value.code == "KeyMissing"
    assert "singapore" in caught.value.message


def test_white_space_around_a_key_is_removed(secret: Secret) -> None:
    secret.write('{"singapore": " sk-1\\n"}')
    assert secret.keys.key(Region.SINGAPORE) == "sk-1"


@pytest.mark.parametrize("key", ["sk-\n1", "sk-ключ", "sk-\x00", "sk–1"])
def test_a_key_that_cannot_be_a_header_is_refused_before_use(secret: Secret, key: str) -> None:
    secret.write(json.dumps({"singapore": key}))
    with pytest.raises(WanUnauthorized) as caught:
        secret.keys.key(Region.SINGAPORE)
    assert caught.value.code == "KeyInvalid"
    assert key not in str(caught.value)


@pytest.mark.parametrize("text", ["sk-CANARY", '["sk-CANARY"]', '{"singapore": 7, "x": "sk-CANARY"}', '"sk-CANARY"'])
def test_a_secret_of_another_form_is_reported_without_quoting_it(secret: Secret, text: str) -> None:
    secret.write(text)
    with pytest.raises(WanUnauthorized) as caught:
        secret.keys.key(Region.SINGAPORE)
    assert "CANARY" not in repr(caught.value)
    assert caught.value.__suppress_context__


# --- objects ---------------------------------------------------------------------------------------------------------


def test_a_stored_object_is_described_with_its_checksums(stack: Stack) -> None:
    body = b"a film"
    checksum = crc64nvme(body).to_bytes(8, "big")
    stack.s3.put_object(
        Bucket=BUCKET,
        Key="videos/a",
        Body=body,
        Metadata={"crc64xz": "1" * 16, "task-id": "task_1"},
        ChecksumCRC64NVME=base64.b64encode(checksum).decode(),
    )
    found = S3Objects(lambda: stack.s3, BUCKET).find("videos/a")
    assert found is not None
    stored = found.object
    assert (stored.bucket, stored.key, stored.bytes, stored.crc64xz) == (BUCKET, "videos/a", 6, "1" * 16)
    assert (stored.etag, found.task_id) == (hashlib.md5(body).hexdigest(), "task_1")


def test_a_missing_object_returns_none_and_any_other_error_is_raised(stack: Stack) -> None:
    assert S3Objects(lambda: stack.s3, BUCKET).find("videos/a") is None
    with Stubber(stack.s3) as stubber:
        stubber.add_client_error("head_object", "403", http_status_code=403)
        with pytest.raises(ClientError):
            S3Objects(lambda: stack.s3, BUCKET).find("videos/a")


def test_a_document_is_readable_json(stack: Stack) -> None:
    objects = S3Objects(lambda: stack.s3, BUCKET)
    objects.put_json("videos/a.json", {"prompt": "狐 🦊"})
    objects.put_json("videos/a.json", {"prompt": "狐 🦊", "n": 2})
    answer = stack.s3.get_object(Bucket=BUCKET, Key="videos/a.json")
    assert answer["ContentType"] == "application/json"
    body = answer["Body"].read().decode()
    assert json.loads(body) == {"prompt": "狐 🦊", "n": 2}
    assert "狐" in body


def test_a_link_opens_its_object_for_its_time_and_names_the_file(stack: Stack) -> None:
    stack.s3.put_object(Bucket=BUCKET, Key="videos/a", Body=b"a film")
    link = S3Objects(lambda: stack.s3, BUCKET).link("videos/a", filename="video_1.mp4", seconds=900)
    assert "X-Amz-Expires=900" in link or "Expires=" in link
    opened = requests.get(link, timeout=PATIENCE)
    assert (opened.content, opened.headers["Content-Disposition"]) == (b"a film", 'inline; filename="video_1.mp4"')


@pytest.mark.parametrize(("head", "operation"), [(False, "get_object"), (True, "head_object")])
def test_a_link_is_signed_for_the_method_that_will_use_it(stack: Stack, head: bool, operation: str) -> None:
    objects = S3Objects(lambda: stack.s3, BUCKET)
    parameters = {"Bucket": BUCKET, "Key": "videos/a", "ResponseContentDisposition": 'inline; filename="a.mp4"'}
    links = set()
    for _ in range(100):
        link = objects.link("videos/a", filename="a.mp4", seconds=900, head=head)
        expected = stack.s3.generate_presigned_url(operation, Params=parameters, ExpiresIn=900)
        # A signature contains the second of its creation.
        if link == expected:
            return
        links.add((link, expected))
    raise AssertionError(links)


# --- topic and executions --------------------------------------------------------------------------------------------


def test_a_notice_arrives_as_json_with_filterable_attributes(stack: Stack) -> None:
    video = made().completed(1_780_000_000, stored())
    SnsTopic(stack.clients.sns, stack.topic_arn).publish(notice.video_event(video), notice.video_attributes(video))
    (envelope,) = stack.notices()
    assert json.loads(envelope["Message"]) == notice.video_event(video)
    assert envelope["MessageAttributes"] == {
        name: {"Type": "String", "Value": value} for name, value in notice.video_attributes(video).items()
    }


def test_a_notice_contains_only_characters_that_sqs_accepts(stack: Stack) -> None:
    # "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF": the reference of SendMessage.
    text = "\ufffe\uffff\x01\x1f狐"
    video = replace(made(), request=request(metadata={"by": text}, custom_id=text))
    video = video.completed(1_780_000_000, stored())
    SnsTopic(stack.clients.sns, stack.topic_arn).publish(notice.video_event(video), notice.video_attributes(video))
    (envelope,) = stack.notices()
    assert all(char in "\t\n\r" or " " <= char <= "~" for char in envelope["Message"])
    assert json.loads(envelope["Message"])["data"]["custom_id"] == text


def test_an_execution_gets_only_ids_and_starting_it_again_has_no_effect(stack: Stack) -> None:
    executions = StepFunctionsExecutions(stack.stepfunctions, stack.machine_arn)
    executions.start(starting("video_1"))
    executions.start(replace(running("video_2"), execution=7))
    for _ in range(2):
        executions.start(starting("video_1"))
    assert stack.executions() == {
        "video_1-1": {"video_id": "video_1", "n": 1},
        "video_2-7": {"video_id": "video_2", "n": 7, "task_id": "task-of-video_2"},
    }


def test_an_existing_execution_name_is_accepted_and_any_other_error_is_raised(stack: Stack) -> None:
    with Stubber(stack.stepfunctions) as stubber:
        stubber.add_client_error("start_execution", "ExecutionAlreadyExists")
        StepFunctionsExecutions(stack.stepfunctions, stack.machine_arn).start(starting())
        stubber.add_client_error("start_execution", "ThrottlingException")
        with pytest.raises(ClientError, match="Throttling"):
            StepFunctionsExecutions(stack.stepfunctions, stack.machine_arn).start(starting())


def test_an_execution_has_a_status_or_does_not_exist(stack: Stack) -> None:
    executions = StepFunctionsExecutions(stack.stepfunctions, stack.machine_arn)
    assert executions.status("video_1", 1) is None
    executions.start(starting("video_1"))
    assert executions.status("video_1", 1) == "RUNNING"
    (execution,) = stack.stepfunctions.list_executions(stateMachineArn=stack.machine_arn)["executions"]
    stack.stepfunctions.stop_execution(executionArn=execution["executionArn"])
    assert executions.status("video_1", 1) == "ABORTED"
    with Stubber(stack.stepfunctions) as stubber:
        stubber.add_client_error("describe_execution", "AccessDeniedException")
        with pytest.raises(ClientError):
            executions.status("video_1", 1)


# --- what the table does not store -----------------------------------------------------------------------------------


def test_a_row_contains_no_secret_and_no_link(stack: Stack) -> None:
    stack.videos.accept(queued())
    text = json.dumps(stack.dynamodb.meta.client.scan(TableName="videos")["Items"], default=str)
    assert "video_1" in text
    assert "CANARY-LINK" not in text


# --- multipart uploads -----------------------------------------------------------------------------------------------


def test_open_uploads_are_listed_with_ages_by_the_stacks_clock_and_aborted_once(stack: Stack) -> None:
    uploads = {
        key: stack.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"] for key in ("videos/1", "reports/2")
    }
    multiparts = S3Multiparts(stack.s3, BUCKET, stack_time=lambda real: real * 0 + 42)
    found = list(multiparts.open())
    assert {(upload.key, upload.upload_id, upload.begun_at) for upload in found} == {
        (key, upload_id, 42) for key, upload_id in uploads.items()
    }
    for upload in (*found, *found):
        multiparts.abort(upload)
    assert list(multiparts.open()) == []
