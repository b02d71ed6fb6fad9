"""Every function with the rights of its role enforced: they are enough for all its work, and allow nothing else."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
import requests
from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.test_template_rights import USED_BY_LAMBDA_ITSELF, USED_BY_THE_RELEASE_BEFORE
from tests.e2e.conftest import Local, deployed
from tests.e2e.enforced import Everything
from tests.e2e.steps import FINAL_SECONDS, NOTICE_SECONDS, assert_stored_once, await_that, make, request
from tests.e2e.test_events import examples
from tools import rights
from tools.harness.patience import PATIENCE
from tools.template import logical_id
from tools.words import WORDS
from wan_video_local.engine import REGION
from wan_video_local.evidence import function_logs, function_of
from wan_video_local.rights import EXECUTIONS, Right
from wan_video_local.stack import WORK, Plan

pytestmark = pytest.mark.slow

SPEED = 60.0
REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
LEADING = (
    *("pool#", "queue#", "budget#", "claim#", "repeat#", "batch#", "batches#", "unknown#"),
    *("webhooks#", "deliveries#", "lane#", "waiting#"),
    *("open_batches", "kept_batches", "open_deliveries", "tokens", "others"),
)
ABORT_REPORTS = Right("s3:AbortMultipartUpload", "${VideosBucket.Arn}/reports/*")
UNKNOWN_TASKS = {Right(f"dynamodb:{name}", "${Ledger.Arn}", "unknown#*") for name in ("GetItem", "UpdateItem")}
SEEN_ON_MOTO_ONLY = {
    ("ingest", ABORT_REPORTS),
    ("finish_batch", ABORT_REPORTS),
    *(("api", right) for right in UNKNOWN_TASKS),
    ("submit", Right("dynamodb:PutItem", "${Videos.Arn}")),
    ("submit", Right("dynamodb:Query", "${Videos.Arn}/index/attention")),
    ("submit", Right("s3:GetObject", "${InputsBucket.Arn}/fetched/*")),
    ("submit", Right("s3:PutObject", "${InputsBucket.Arn}/fetched/*")),
    ("thumbnail", Right("s3:DeleteObject", "${VideosBucket.Arn}/videos/*")),
}
"""Rights that are used only for a report of 5 MB that is interrupted, for more than 20 imports while Wan cannot be
reached, for a submission whose answer arrives after its video has ended, for one with an image whose answer was lost,
for one with a large image from the URL of a prompt file, or for a video that is deleted while its thumbnail is made;
only the integration tests use them."""

EVENT = examples("")[0]
ANYBODY = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}

Call = Callable[[], Any]


@pytest.fixture(scope="module")
def enforced() -> Iterator[Local]:
    """Yield a stack whose functions may do only what their roles allow."""
    with deployed(Plan(speed=SPEED, films="still"), WORK / "rights.log") as local:
        yield local


@dataclass(frozen=True)
class Role:
    """The AWS services as one role sees them; the calls that are tried change nothing even if they are allowed."""

    local: Local
    session: Session

    def client(self, service: str) -> Any:
        """Return a client of one service, with the rights of the role."""
        config = Config(
            retries={"total_max_attempts": 1}, proxies={}, signature_version="v4" if service != "s3" else "s3v4"
        )
        return self.session.client(service, endpoint_url=self.local.stack.engine_url, config=config)  # type: ignore[call-overload]

    @cached_property
    def names(self) -> dict[str, str]:
        """The physical ids of the stack's resources, by logical id."""
        resources = self.local.stack.aws.cloudformation.describe_stack_resources(StackName="wan-video")
        return {found["LogicalResourceId"]: found["PhysicalResourceId"] for found in resources["StackResources"]}

    def probes(self) -> Iterator[tuple[str, str, str, Call]]:
        """Yield all that is tried: the action, the resource (as in the table of rights), the key, and the call."""
        yield from self._rows()
        yield from self._objects()
        yield from self._others()

    def _rows(self) -> Iterator[tuple[str, str, str, Call]]:
        dynamodb = self.client("dynamodb")
        places: list[tuple[str, str, dict[str, dict[str, str]], str]] = [
            ("${Videos.Arn}", self.names["Videos"], {"id": {"S": "probe"}}, "")
        ]
        for leading in LEADING:
            partition = f"{leading}probe" if leading.endswith("#") else leading
            places.append(
                ("${Ledger.Arn}", self.names["Ledger"], {"pk": {"S": partition}, "sk": {"S": "probe"}}, partition)
            )
        for resource, table, key, leading in places:
            never = {"TableName": table, "ConditionExpression": "attribute_exists(nowhere)"}
            name = next(iter(key))
            equal = {"KeyConditionExpression": f"{name} = :key", "ExpressionAttributeValues": {":key": key[name]}}
            calls: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
                "GetItem": (dynamodb.get_item, {"TableName": table, "Key": key}),
                "BatchGetItem": (dynamodb.batch_get_item, {"RequestItems": {table: {"Keys": [key]}}}),
                "Query": (dynamodb.query, {"TableName": table, **equal}),
                "PutItem": (dynamodb.put_item, {**never, "Item": key}),
                "UpdateItem": (dynamodb.update_item, {**never, "Key": key}),
                "DeleteItem": (dynamodb.delete_item, {**never, "Key": key}),
                "Scan": (dynamodb.scan, {"TableName": table}),
                "DeleteTable": (dynamodb.delete_table, {"TableName": table}),
            }
            for verb, (call, arguments) in calls.items():
                yield f"dynamodb:{verb}", resource, leading, bound(call, arguments)
        indexes = {
            "by_owner": "owner",
            "by_status": "owner_status",
            "by_status_and_model": "owner_status_model",
            "by_batch": "batch_status_model",
            "attention": "attention",
        }
        for index, attribute in indexes.items():
            arguments = {
                "TableName": self.names["Videos"],
                "IndexName": index,
                "KeyConditionExpression": "#key = :key",
                "ExpressionAttributeNames": {"#key": attribute},
                "ExpressionAttributeValues": {":key": {"S": "probe"}},
            }
            yield "dynamodb:Query", f"${{Videos.Arn}}/index/{index}", "", bound(dynamodb.query, arguments)

    def _objects(self) -> Iterator[tuple[str, str, str, Call]]:
        s3 = self.client("s3")
        for bucket in ("VideosBucket", "PromptsBucket", "InputsBucket"):
            name = self.names[bucket]
            whole = {
                "ListBucket": s3.list_objects_v2,
                "ListBucketMultipartUploads": s3.list_multipart_uploads,
                "GetBucketPolicy": s3.get_bucket_policy,
                "DeleteBucketPolicy": s3.delete_bucket_policy,
            }
            for verb, call in whole.items():
                yield f"s3:{verb}", f"${{{bucket}.Arn}}", "", bound(call, {"Bucket": name})
            for folder in ("videos", "reports", "batches", "images", "inputs", "fetched", "elsewhere"):
                place = {"Bucket": name, "Key": f"{folder}/probe/"}
                absent = {"Bucket": name, "Key": f"{folder}/absent"}
                calls: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
                    "GetObject": (s3.get_object, place),
                    "PutObject": (s3.put_object, {**place, "IfNoneMatch": "*"}),
                    "DeleteObject": (s3.delete_object, absent),
                    "AbortMultipartUpload": (s3.abort_multipart_upload, {**absent, "UploadId": "none"}),
                }
                for verb, (call, arguments) in calls.items():
                    yield f"s3:{verb}", f"${{{bucket}.Arn}}/{folder}/probe/", "", bound(call, arguments)

    def _others(self) -> Iterator[tuple[str, str, str, Call]]:
        sns, sqs, states = self.client("sns"), self.client("sqs"), self.client("stepfunctions")
        secrets, functions, iam = self.client("secretsmanager"), self.client("lambda"), self.client("iam")
        outputs = self.local.stack.outputs
        topic, machine, secret = outputs["TopicArn"], outputs["StateMachineArn"], outputs["WanSecretArn"]
        queue, notify, dead = (self.names[name] for name in ("DeadLetters", "NotifyQueue", "NotifyDeadLetters"))
        webhooks = outputs["WebhookSecretArn"]
        own = {"stateMachineArn": machine}
        execution = f"{machine.replace(':stateMachine:', ':execution:')}:probe"
        calls: list[tuple[str, str, Callable[..., Any], dict[str, Any]]] = [
            ("sns:Publish", "${Topic}", sns.publish, {"TopicArn": topic, "Message": EVENT}),
            ("sns:DeleteTopic", "${Topic}", sns.delete_topic, {"TopicArn": topic}),
            ("sqs:SendMessage", "${DeadLetters.Arn}", sqs.send_message, {"QueueUrl": queue, "MessageBody": ""}),
            ("sqs:PurgeQueue", "${DeadLetters.Arn}", sqs.purge_queue, {"QueueUrl": queue}),
            ("sqs:SendMessage", "${NotifyQueue.Arn}", sqs.send_message, {"QueueUrl": notify, "MessageBody": ""}),
            ("sqs:SendMessage", "${NotifyDeadLetters.Arn}", sqs.send_message, {"QueueUrl": dead, "MessageBody": ""}),
            ("sqs:PurgeQueue", "${NotifyQueue.Arn}", sqs.purge_queue, {"QueueUrl": notify}),
            (
                "sqs:ChangeMessageVisibility",
                "${NotifyQueue.Arn}",
                sqs.change_message_visibility,
                {"QueueUrl": notify, "ReceiptHandle": "none", "VisibilityTimeout": 0},
            ),
            ("states:StartExecution", "${GenerateVideo}", states.start_execution, {**own, "name": "*"}),
            ("states:DeleteStateMachine", "${GenerateVideo}", states.delete_state_machine, own),
            ("states:DescribeExecution", EXECUTIONS, states.describe_execution, {"executionArn": execution}),
            ("states:StopExecution", EXECUTIONS, states.stop_execution, {"executionArn": execution}),
            ("secretsmanager:GetSecretValue", "${WanSecret.Id}", secrets.get_secret_value, {"SecretId": secret}),
            ("secretsmanager:DeleteSecret", "${WanSecret.Id}", secrets.delete_secret, {"SecretId": secret}),
            ("secretsmanager:GetSecretValue", "${WebhookSecret.Id}", secrets.get_secret_value, {"SecretId": webhooks}),
            ("lambda:InvokeFunction", "${Submit.Arn}", functions.invoke, {"FunctionName": "wan-video-submit"}),
            ("lambda:DeleteFunction", "${Submit.Arn}", functions.delete_function, {"FunctionName": "wan-video-submit"}),
            ("iam:CreateUser", "users", iam.create_user, {"UserName": "probe"}),
        ]
        for action, resource, call, arguments in calls:
            yield action, resource, "", bound(call, arguments)


def bound(call: Callable[..., Any], arguments: dict[str, Any]) -> Call:
    return lambda: call(**arguments)


def refused(call: Call) -> bool:
    """Return whether a call failed because a right is missing; failures for other reasons do not count."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSALS
    return False


def granted(word: str, action: str, resource: str, key: str) -> bool:
    """Return whether a function used an action on a resource for a key, or has the right for another reason.

    Lambda itself uses some rights, and the previous release, which still runs during a deployment, uses others.
    """
    known = [
        *rights.listed()[word],
        *USED_BY_LAMBDA_ITSELF.get(word, ()),
        *USED_BY_THE_RELEASE_BEFORE.get(word, ()),
    ]
    return any(
        right.action == action
        and fnmatch.fnmatchcase(resource, right.resource)
        and fnmatch.fnmatchcase(key, right.leading_key or "*")
        for right in known
    )


@pytest.fixture(scope="module")
def used(enforced: Local, tmp_path_factory: pytest.TempPathFactory) -> Local:
    """Return the stack after it has done everything once."""
    folder = tmp_path_factory.mktemp("rights")
    prompt = "a fox shows its papers"
    assert_stored_once(enforced, make(enforced, prompt), prompt, folder)
    failed = make(enforced, "[simulate:task:DataInspectionFailed] a fox without papers")
    assert failed["status"] == "failed"
    enforced.notices.await_about(failed["id"], within=NOTICE_SECONDS)

    headers = {"Authorization": f"Bearer {enforced.stack.token}"}
    api = enforced.stack.api_url

    def ask(method: str, path: str) -> requests.Response:
        answer = requests.request(method, f"{api}{path}", headers=headers, timeout=PATIENCE)
        assert answer.ok, answer.text
        return answer

    again = ask("POST", f"/v1/videos/{failed['id']}/retry").json()["id"]
    assert enforced.client.await_final(again, within=FINAL_SECONDS)["status"] == "failed"
    enforced.set_variable(["dispatch"], "STARTS", "disabled")
    waiting = enforced.client.create(request("a fox who turns back at the border"))["id"]
    assert ask("POST", f"/v1/videos/{waiting}/cancel").json()["status"] == "cancelled"
    enforced.notices.await_about(waiting, within=NOTICE_SECONDS)
    enforced.set_variable(["dispatch"], "STARTS", "enabled")
    for path in ("/v1/videos", "/v1/usage", "/v1/models"):
        ask("GET", path)
    ask("DELETE", f"/v1/videos/{failed['id']}")

    bucket = enforced.stack.outputs["PromptsBucketName"]
    enforced.stack.aws.s3.put_object(Bucket=bucket, Key="papers.txt", Body=b"a fox in a file")
    videos = enforced.stack.outputs["VideosBucketName"]

    def reported() -> str | None:
        listed = enforced.stack.aws.s3.list_objects_v2(Bucket=videos, Prefix="reports/").get("Contents", [])
        return listed[0]["Key"] if listed else None

    await_that(reported, "the report of the file")
    Everything(enforced)()
    return enforced


def test_what_they_have_is_enough_for_everything_they_do(used: Local) -> None:
    def lines() -> list[tuple[str, str]]:
        words = {logical_id(word): word for word in WORDS}
        return [(words[function_of(group)], line) for group, line in function_logs(used.stack.aws)]

    def everybody() -> bool | None:
        return {word for word, line in lines() if line.startswith("START")} >= set(WORDS) or None

    await_that(everybody, "a first call of every function")
    refused = [f"{word}: {line}" for word, line in lines() if "AccessDenied" in line or "not authorized" in line]
    assert refused == []
    assert '"level":"ERROR"' not in "".join(line.replace(": ", ":") for _, line in lines())


def test_every_right_that_is_known_is_used_and_no_other(used: Local) -> None:
    seen = {(word, right) for word, call in used.calls() for right in call.rights}

    unused = {(word, right) for word, known in rights.listed().items() for right in known} - seen
    assert sorted((word, str(right)) for word, right in unused if (word, right) not in SEEN_ON_MOTO_ONLY) == []
    rights.check(used.calls())


@pytest.mark.parametrize("word", WORDS)
def test_a_role_may_do_what_its_table_says_and_nothing_else(used: Local, word: str) -> None:
    aws = used.stack.aws
    for bucket in ("VideosBucketName", "PromptsBucketName", "InputsBucketName"):
        for folder in ("videos", "reports", "batches", "images", "inputs", "fetched", "elsewhere"):
            # The key ends like a folder's, so this is not a prompt file.
            aws.s3.put_object(Bucket=used.stack.outputs[bucket], Key=f"{folder}/probe/", Body=b"")
    name = f"wan-video-{word.replace('_', '-')}"
    arn = aws.functions.get_function_configuration(FunctionName=name)["Role"]
    iam = aws.session.client("iam", endpoint_url=aws.endpoint)
    iam.update_assume_role_policy(
        RoleName=arn.rpartition("/")[2], PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [ANYBODY]})
    )
    sts = aws.session.client("sts", endpoint_url=aws.endpoint)
    given = sts.assume_role(RoleArn=arn, RoleSessionName="probe")["Credentials"]
    role = Role(used, Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], REGION))

    tried = list(role.probes())
    expected = {(action, resource, key): granted(word, action, resource, key) for action, resource, key, _ in tried}
    found = {(action, resource, key): not refused(call) for action, resource, key, call in tried}
    assert len(tried) > 100
    assert {probe for probe in expected if found[probe] != expected[probe]} == set()
    assert 0 < sum(expected.values()) < len(expected) / 3
