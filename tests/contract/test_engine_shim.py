"""The gaps in the engine that the shim closes: each exists without the shim, and not with it.

If a test fails on the plain engine, a new version has closed the gap, and its part of the shim can go.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from awscrt.checksums import crc64nvme
from botocore.exceptions import ClientError, WaiterError

from tests.contract.engine import ROLE, add_function, add_queue, deploy, invoke, running_engine
from tools.harness.patience import PATIENCE, until
from wan_video_local import engine
from wan_video_local.aws import Aws
from wan_video_local.evidence import function_logs

MAX_ANSWER_BYTES = 6_291_556
MAX_STATE_BYTES = 262_144


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The engine without changes."""
    with running_engine(tmp_path_factory.mktemp("plain") / "log", "--plain") as aws:
        yield aws


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The engine with the shim, as the local stack runs it."""
    with running_engine(tmp_path_factory.mktemp("mended") / "log") as aws:
        yield aws


def test_an_exception_arrives_under_its_own_name_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        class WanThrottled(Exception): pass
        def handler(event, context): raise WanThrottled("not now")
    """
    for aws in (plain, mended):
        add_function(aws, "raises", source)
    assert invoke(plain, "raises") == {"errorMessage": "not now", "errorType": "Runtime.HandlerError"}
    assert invoke(mended, "raises") == {"errorMessage": "not now", "errorType": "WanThrottled"}


def test_a_killed_worker_is_distinguished_from_an_exception_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        import os, signal
        def handler(event, context): os.kill(os.getpid(), signal.SIGKILL)
    """
    for aws in (plain, mended):
        add_function(aws, "dies", source)
    assert invoke(plain, "dies")["errorType"] == "Runtime.HandlerError"
    assert invoke(mended, "dies")["errorType"] == "Runtime.ExitError"


def test_a_worker_that_ends_while_it_starts_has_lambdas_name_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
        def handler(event, context): return None
    """
    for aws in (plain, mended):
        add_function(aws, "dies-at-once", source)
    assert invoke(plain, "dies-at-once")["errorType"] == "RuntimeError"
    assert invoke(mended, "dies-at-once")["errorType"] == "Runtime.ExitError"


def test_a_worker_that_ends_before_it_reads_its_call_has_lambdas_name_only_with_the_shim(
    plain: Aws, mended: Aws
) -> None:
    source = """
        import os
        os.close(0)  # nothing will read the call
        def handler(event, context): return None
    """
    for aws in (plain, mended):
        add_function(aws, "deaf", source)
    assert invoke(plain, "deaf")["errorType"] == "Runtime.HandlerError"
    assert invoke(mended, "deaf")["errorType"] == "Runtime.ExitError"


def test_a_module_that_cannot_be_imported_is_not_taken_for_a_killed_worker(mended: Aws) -> None:
    add_function(mended, "imports-nothing", "import nothing_of_that_name")
    assert invoke(mended, "imports-nothing")["errorType"] != "Runtime.ExitError"


def test_a_call_that_takes_too_long_is_not_taken_for_a_killed_worker(plain: Aws, mended: Aws) -> None:
    source = """
        import time
        def handler(event, context): time.sleep(600)
    """
    for aws in (plain, mended):
        add_function(aws, "too-long", source)
        aws.functions.update_function_configuration(FunctionName="too-long", Timeout=1)
        assert invoke(aws, "too-long")["errorType"] == "Sandbox.Timedout"


def test_a_function_does_not_see_this_machines_packages_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        import importlib.util
        def handler(event, context): return [bool(importlib.util.find_spec(n)) for n in ("ministack", "wan_video")]
    """
    for aws in (plain, mended):
        add_function(aws, "imports", source)
    assert invoke(plain, "imports") == [True, True]
    assert invoke(mended, "imports") == [False, False]


def called(aws: Aws, name: str, source: str, form: bytes | None = None) -> tuple[str, requests.Response]:
    """Put a function behind its own REST API and call it; return the requested path and the answer.

    A `form` is sent as the body of a POST to an API with binary forms.
    """
    arn, method = add_function(aws, name, source), "GET" if form is None else "POST"
    api = aws.apigateway.create_rest_api(name=name, binaryMediaTypes=["multipart~1form-data"])["id"]
    root = aws.apigateway.get_resources(restApiId=api)["items"][0]["id"]
    aws.apigateway.put_method(restApiId=api, resourceId=root, httpMethod=method, authorizationType="NONE")
    aws.apigateway.put_integration(
        restApiId=api,
        resourceId=root,
        httpMethod=method,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{engine.REGION}:lambda:path/2015-03-31/functions/{arn}/invocations",
    )
    aws.apigateway.create_deployment(restApiId=api, stageName="live")
    path = f"/_aws/execute-api/{api}/live/"
    with requests.Session() as session:
        session.trust_env = False
        headers = {} if form is None else {"Content-Type": "multipart/form-data; boundary=x"}
        url = f"{aws.endpoint}{path}"
        return path, session.request(method, url, headers=headers, data=form, allow_redirects=False, timeout=PATIENCE)


def test_a_function_gets_the_path_that_its_caller_requested_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        def handler(event, context): return {"statusCode": 200, "body": event["requestContext"]["path"]}
    """
    asked, answer = called(plain, "path", source)
    assert answer.text != asked
    asked, answer = called(mended, "path", source)
    assert answer.text == asked


def test_a_proxy_answer_without_a_body_arrives_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        def handler(event, context): return {"statusCode": 302, "headers": {"Location": "/"}, "body": None}
    """

    def status(aws: Aws) -> int:
        _, answer = called(aws, "redirects", source)
        return answer.status_code

    assert status(plain) == 500
    assert status(mended) == 302


def test_a_form_arrives_as_bytes_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        def handler(event, context): return {"statusCode": 200, "body": str(event["isBase64Encoded"]) + event["body"]}
    """
    image = b"\x89PNG\xff"
    assert called(plain, "form", source, image)[1].text.startswith("False")
    assert called(mended, "form", source, image)[1].text == "True" + base64.b64encode(image).decode()


def test_a_request_of_more_than_6_291_556_bytes_is_a_413_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    source = """
        def handler(event, context): return {"statusCode": 200, "body": ""}
    """
    fits, too_large = bytes(4_700_000), bytes(4_720_000)
    assert called(plain, "large", source, too_large)[1].status_code == 200
    assert called(mended, "fits", source, fits)[1].status_code == 200
    assert called(mended, "large", source, too_large)[1].status_code == 413


def test_a_schedule_runs_at_the_stacks_clock_with_the_shim(mended: Aws) -> None:
    url, arn = add_queue(mended, "ticks")
    events = mended.session.client("events", endpoint_url=mended.endpoint)
    events.put_rule(Name="every-ten", ScheduleExpression="rate(10 minutes)")
    events.put_targets(Rule="every-ten", Targets=[{"Id": "queue", "Arn": arn}])

    def tick() -> str | None:
        messages = mended.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
        return messages[0]["Body"] if messages else None

    assert PATIENCE < 10 * 60, "at real time the first one comes after ten minutes"
    assert json.loads(until(tick, "the first run"))["detail-type"] == "Scheduled Event"


def test_a_schedule_skips_a_function_that_is_still_running_with_the_shim(mended: Aws) -> None:
    arn = add_function(
        mended,
        "slow",
        f"""
        import time
        def handler(event, context):
            print(f"from {{time.time()}}")
            time.sleep({engine.SHORTEST_INTERVAL + 1})
            print(f"until {{time.time()}}")
        """,
    )
    events = mended.session.client("events", endpoint_url=mended.endpoint)
    events.put_rule(Name="slow-turns", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="slow-turns", Targets=[{"Id": "slow", "Arn": arn}])

    def turns() -> list[list[float]] | None:
        lines = [line.split() for group, line in function_logs(mended) if group.endswith("/slow")]
        begun, done = ([float(words[1]) for words in lines if words[:1] == [which]] for which in ("from", "until"))
        return [begun, done] if len(done) >= 3 else None

    # At this speed a run is due after the shortest interval, and each takes longer.
    begun, done = until(turns, "three runs")
    events.remove_targets(Rule="slow-turns", Ids=["slow"])
    assert all(later >= earlier for later, earlier in zip(sorted(begun)[1:], sorted(done), strict=False))


def test_a_failed_asynchronous_event_reaches_the_on_failure_target_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    def letters(aws: Aws) -> Callable[[], int]:
        function = add_function(aws, "unlucky", "def handler(event, context): raise ValueError")
        url, queue = add_queue(aws, "unlucky")
        aws.functions.put_function_event_invoke_config(
            FunctionName="unlucky", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": queue}}
        )
        aws.events.put_rule(Name="unlucky", EventPattern='{"source": ["here"]}')
        aws.events.put_targets(Rule="unlucky", Targets=[{"Id": "function", "Arn": function}])
        aws.events.put_events(Entries=[{"Source": "here", "DetailType": "told", "Detail": "{}"}])
        until(
            lambda: any(line.startswith("END") for group, line in function_logs(aws) if "unlucky" in group),
            "the end of the invocation",
        )
        return lambda: len(aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []))

    of_plain, of_mended = letters(plain), letters(mended)
    assert until(lambda: of_mended() or None, "the letter") == 1
    assert of_plain() == 0


def test_a_failed_notification_reaches_the_on_failure_target_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    def letters(aws: Aws) -> Callable[[], int]:
        function = add_function(aws, "unread", "def handler(event, context): raise ValueError")
        url, queue = add_queue(aws, "unread")
        aws.functions.put_function_event_invoke_config(
            FunctionName="unread", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": queue}}
        )
        topic = aws.sns.create_topic(Name="unread")["TopicArn"]
        policy = {"FilterPolicy": '{"type": ["good"]}'}
        aws.sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function, Attributes=policy)
        for kind in ("bad", "good"):
            attributes: Any = {"type": {"DataType": "String", "StringValue": kind}}
            aws.sns.publish(TopicArn=topic, Message=kind, MessageAttributes=attributes)
        until(
            lambda: any(line.startswith("END") for group, line in function_logs(aws) if "unread" in group),
            "the end of the invocation",
        )
        return lambda: len(aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []))

    of_plain, of_mended = letters(plain), letters(mended)
    assert until(lambda: of_mended() or None, "the letter") == 1
    assert of_plain() == 0


def test_an_alarm_over_several_metrics_is_accepted_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    def metric(name: str) -> dict[str, object]:
        stat = {"Metric": {"Namespace": "AWS/Lambda", "MetricName": name}, "Period": 300, "Stat": "Sum"}
        return {"Id": name.lower(), "ReturnData": False, "MetricStat": stat}

    properties = {
        "Metrics": [{"Id": "all", "Expression": "SUM(METRICS())"}, metric("Errors"), metric("Throttles")],
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 0,
    }
    template = {"Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}

    with pytest.raises(WaiterError):
        deploy(plain, "alarm", template)
    deploy(mended, "alarm", template)


def test_an_answer_of_more_than_6_291_556_bytes_fails_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    # The quotes of the text count too: "..." is two bytes longer than its content.
    for size, name in ((MAX_ANSWER_BYTES - 2, "answer-fits"), (MAX_ANSWER_BYTES - 1, "answer-too-large")):
        for aws in (plain, mended):
            add_function(aws, name, f"def handler(event, context): return 'a' * {size}")
    assert len(invoke(plain, "answer-too-large")) == MAX_ANSWER_BYTES - 1
    assert len(invoke(mended, "answer-fits")) == MAX_ANSWER_BYTES - 2
    assert invoke(mended, "answer-too-large")["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_file_of_more_than_512_mb_cannot_be_written_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    # It is made long without being written, so that it takes no space here.
    source = """
        import os, tempfile
        def handler(event, context):
            with tempfile.TemporaryFile() as file:
                os.truncate(file.fileno(), 512 * 1024 * 1024)
                os.truncate(file.fileno(), 512 * 1024 * 1024 + 1)
    """
    for aws in (plain, mended):
        add_function(aws, "spools", source)
    assert invoke(plain, "spools") is None
    assert invoke(mended, "spools")["errorType"] == "OSError"


def machine(aws: Aws, name: str, definition: dict[str, Any]) -> str:
    """Create a state machine, and return its ARN."""
    made = aws.states.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))
    return made["stateMachineArn"]


def ending(aws: Aws, machine_arn: str) -> dict[str, Any]:
    """Run an execution of a machine, and return its end."""
    arn = aws.states.start_execution(stateMachineArn=machine_arn, input="{}")["executionArn"]

    def ended() -> dict[str, Any] | None:
        found = dict(aws.states.describe_execution(executionArn=arn))
        return None if found["status"] == "RUNNING" else found

    return until(ended, "the end of the execution")


def test_the_input_of_an_execution_is_limited_to_256_kib_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    done = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    largest = json.dumps("a" * (MAX_STATE_BYTES - 2))
    plain.states.start_execution(stateMachineArn=machine(plain, "given", done), input=json.dumps("a" * 300_000))
    arn = machine(mended, "given", done)
    mended.states.start_execution(stateMachineArn=arn, input=largest)
    with pytest.raises(ClientError, match="ValidationException"):
        mended.states.start_execution(stateMachineArn=arn, input=json.dumps("a" * (MAX_STATE_BYTES - 1)))


def test_the_output_of_a_task_is_limited_to_256_kib_and_uncatchable_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    def status(aws: Aws) -> tuple[str, str | None]:
        arn = add_function(aws, "talks", "def handler(event, context): return 'a' * 262_144")
        ask = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": arn},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
            "Next": "Done",
        }
        states = {"Ask": ask, "Done": {"Type": "Succeed"}}
        found = ending(aws, machine(aws, "talks", {"StartAt": "Ask", "States": states}))
        return found["status"], found.get("error")

    assert status(plain) == ("SUCCEEDED", None)
    assert status(mended) == ("FAILED", "States.DataLimitExceeded")


def test_a_state_machine_times_out_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    def status(aws: Aws, seconds: int) -> str:
        states = {"Wait": {"Type": "Wait", "Seconds": 200, "End": True}}
        overdue = {"TimeoutSeconds": seconds, "StartAt": "Wait", "States": states}
        return str(ending(aws, machine(aws, f"overdue-{seconds}", overdue))["status"])

    assert status(plain, 1) == "SUCCEEDED"
    assert status(mended, 1) == "TIMED_OUT"
    assert status(mended, 100_000) == "SUCCEEDED"


def test_code_is_unpacked_once_and_still_replaced_by_new_code(mended: Aws) -> None:
    add_function(mended, "first", "def handler(event, context): return __file__")
    add_function(mended, "second", "def handler(event, context): return __file__")
    add_function(mended, "third", "def handler(event, context): return 'other code'")
    first, second = (Path(invoke(mended, name)).resolve() for name in ("first", "second"))
    assert first == second
    assert invoke(mended, "third") == "other code"


def test_a_multipart_uploads_checksum_is_that_of_the_whole_object_only_with_the_shim(plain: Aws, mended: Aws) -> None:
    def completed(aws: Aws, stated: bytes) -> Any:
        aws.s3.create_bucket(Bucket="parts")
        name: Any = {"Bucket": "parts", "Key": "film"}
        begun = aws.s3.create_multipart_upload(**name, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT")
        name["UploadId"] = begun["UploadId"]
        part = aws.s3.upload_part(**name, PartNumber=1, Body=b"film", ChecksumAlgorithm="CRC64NVME")
        parts: Any = [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumCRC64NVME": part["ChecksumCRC64NVME"]}]
        checksum = base64.b64encode(crc64nvme(stated).to_bytes(8, "big")).decode()
        try:
            aws.s3.complete_multipart_upload(
                **name, MultipartUpload={"Parts": parts}, ChecksumCRC64NVME=checksum, ChecksumType="FULL_OBJECT"
            )
        except ClientError as error:
            return error.response["Error"]["Code"]
        head = aws.s3.head_object(Bucket="parts", Key="film", ChecksumMode="ENABLED")
        return head["ChecksumType"], head["ChecksumCRC64NVME"] == checksum

    assert completed(plain, b"film") == "BadDigest"
    assert completed(mended, b"film") == ("FULL_OBJECT", True)
    assert completed(mended, b"another film") == "BadDigest"


def test_a_simulation_evaluates_leading_keys_only_if_roles_are_enforced(plain: Aws, tmp_path: Path) -> None:
    table = "arn:aws:dynamodb:us-east-1:000000000000:table/ledger"
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["pool#*", "tokens"]}}
    statement = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": table, "Condition": condition}
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}

    def decisions(aws: Aws) -> dict[str, str]:
        iam = aws.session.client("iam", endpoint_url=aws.endpoint)
        document = {"Version": "2012-10-17", "Statement": [trust]}
        role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName="reader", PolicyName="rows", PolicyDocument=policy)
        found: dict[str, str] = {}
        for key in ("pool#a", "tokens", "budget#a"):
            answer = iam.simulate_principal_policy(
                PolicySourceArn=role,
                ActionNames=["dynamodb:GetItem"],
                ResourceArns=[table],
                ContextEntries=[
                    {
                        "ContextKeyName": "dynamodb:LeadingKeys",
                        "ContextKeyType": "stringList",
                        "ContextKeyValues": [key],
                    }
                ],
            )
            found[key] = answer["EvaluationResults"][0]["EvalDecision"]
        return found

    assert decisions(plain) == dict.fromkeys(("pool#a", "tokens", "budget#a"), "allowed")
    with running_engine(tmp_path / "log", "--enforce") as enforcing:
        assert decisions(enforcing) == {"pool#a": "allowed", "tokens": "allowed", "budget#a": "implicitDeny"}


def test_a_policy_that_is_replaced_or_deleted_holds_from_the_next_call_on(tmp_path: Path) -> None:
    def document(**statement: Any) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    with running_engine(tmp_path / "log", "--enforce") as aws:
        iam = aws.session.client("iam", endpoint_url=aws.endpoint)
        trust = document(Effect="Allow", Principal={"AWS": "*"}, Action="sts:AssumeRole")
        role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        sts = aws.session.client("sts", endpoint_url=aws.endpoint)
        given = sts.assume_role(RoleArn=role, RoleSessionName="reader")["Credentials"]
        s3 = aws.session.client(
            "s3",
            endpoint_url=aws.endpoint,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

        def outcome() -> str:
            try:
                s3.list_buckets()
            except ClientError as error:
                return error.response["Error"]["Code"]
            return "listed"

        found = [outcome()]
        for effect in ("Allow", "Deny", "Allow"):
            policy = document(Effect=effect, Action="s3:ListAllMyBuckets", Resource="*")
            iam.put_role_policy(RoleName="reader", PolicyName="buckets", PolicyDocument=policy)
            found.append(outcome())
        iam.delete_role_policy(RoleName="reader", PolicyName="buckets")
        assert [*found, outcome()] == ["AccessDenied", "listed", "AccessDenied", "listed", "AccessDenied"]
