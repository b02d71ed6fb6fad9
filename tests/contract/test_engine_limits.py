"""Rules of AWS that the engine leaves out: a run on this machine proves nothing about them, so other tests must.

Each test describes the present engine. If one fails, a new version has the rule, and docs/engine.md can say so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError, WaiterError

from tests.contract.engine import ROLE, add_function, deploy, invoke, running_engine
from tools.harness.patience import PATIENCE, until
from wan_video_local.aws import Aws
from wan_video_local.engine import REGION
from wan_video_local.evidence import history


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The engine without changes."""
    with running_engine(tmp_path_factory.mktemp("limits") / "log", "--plain") as aws:
        yield aws


def run(aws: Aws, name: str, definition: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Run one execution of a machine, and return its end and its history."""
    machine = aws.states.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))
    arn = aws.states.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")["executionArn"]

    def ended() -> str | None:
        status = aws.states.describe_execution(executionArn=arn)["status"]
        return None if status == "RUNNING" else status

    return until(ended, "the end of the execution"), history(aws, arn)


def test_a_state_machine_without_an_end_is_accepted(aws: Aws) -> None:
    states = {"First": {"Type": "Pass", "Next": "Nowhere"}}
    assert run(aws, "astray", {"StartAt": "First", "States": states})[0] == "FAILED"


def test_an_execution_may_write_more_than_25_000_events(aws: Aws) -> None:
    again = {"Condition": "{% $turns < 6400 %}", "Next": "Turn", "Assign": {"turns": "{% $turns + 1 %}"}}
    states = {
        "Begin": {"Type": "Pass", "Assign": {"turns": 0}, "Next": "Turn"},
        "Turn": {"Type": "Pass", "Next": "Again?"},
        "Again?": {"Type": "Choice", "Choices": [again], "Default": "Done"},
        "Done": {"Type": "Succeed"},
    }
    status, events = run(aws, "endless", {"QueryLanguage": "JSONata", "StartAt": "Begin", "States": states})
    assert status == "SUCCEEDED"
    assert len(events) > 25_000


def test_a_task_writes_no_task_started_and_its_machine_needs_no_role(aws: Aws) -> None:
    arn = add_function(aws, "answers", "def handler(event, context): return 1")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": arn},
        "End": True,
    }
    status, events = run(aws, "once", {"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": task}})
    assert status == "SUCCEEDED"
    assert [event["type"] for event in events if event["type"].startswith("Task")] == [
        "TaskStateEntered",
        "TaskScheduled",
        "TaskSucceeded",
        "TaskStateExited",
    ]


def test_a_handler_that_raises_costs_a_cold_start(aws: Aws) -> None:
    source = """
        import os
        def handler(event, context): raise ValueError(os.getpid())
    """
    add_function(aws, "moody", source)
    assert invoke(aws, "moody")["errorMessage"] != invoke(aws, "moody")["errorMessage"]


def test_a_reference_to_a_secret_is_its_name(aws: Aws) -> None:
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "keys", "SecretString": "{}"}}
    outputs = {"Ref": {"Value": {"Ref": "Keys"}}, "Id": {"Value": {"Fn::GetAtt": ["Keys", "Id"]}}}
    deploy(aws, "secret", {"Resources": {"Keys": secret}, "Outputs": outputs})
    (stack,) = aws.cloudformation.describe_stacks(StackName="secret")["Stacks"]
    values = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert values["Ref"] == "keys"
    assert values["Id"].startswith("arn:aws:secretsmanager:")


def test_the_time_to_live_of_a_table_is_lost_in_the_deployment(aws: Aws) -> None:
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": "mortal",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        },
    }
    deploy(aws, "mortal", {"Resources": {"Mortal": table}})
    found = aws.dynamodb.meta.client.describe_time_to_live(TableName="mortal")["TimeToLiveDescription"]
    assert found["TimeToLiveStatus"] == "DISABLED"


def test_a_metric_in_a_log_line_stays_a_log_line(aws: Aws) -> None:
    source = """
        import json, time
        def handler(event, context):
            metric = {"Namespace": "Here", "Dimensions": [[]], "Metrics": [{"Name": "Seen", "Unit": "Count"}]}
            about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metric]}
            print(json.dumps({"_aws": about, "Seen": 1}), flush=True)
    """
    add_function(aws, "measures", source)
    invoke(aws, "measures")
    metrics = aws.session.client("cloudwatch", endpoint_url=aws.endpoint, region_name=REGION)
    assert metrics.list_metrics(Namespace="Here")["Metrics"] == []


def table(aws: Aws, name: str) -> str:
    """Create a table with keys like the ledger's, and return its name."""
    aws.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return name


@pytest.mark.parametrize(("attribute", "longest"), [("pk", 2048), ("sk", 1024)])
def test_a_key_has_at_most_2048_or_1024_bytes(aws: Aws, attribute: str, longest: int) -> None:
    name = table(aws, f"long-{attribute}")
    client: Any = aws.dynamodb.meta.client
    longest_key = {"pk": "a", "sk": "b", attribute: "作" * (longest // 3) + "a" * (longest % 3)}
    too_long = {**longest_key, attribute: longest_key[attribute] + "a"}

    client.put_item(TableName=name, Item=longest_key)
    assert client.get_item(TableName=name, Key=longest_key)["Item"] == longest_key
    put: Any = {"Put": {"TableName": name, "Item": too_long}}
    calls: list[Callable[[], object]] = [
        lambda: client.put_item(TableName=name, Item=too_long),
        lambda: client.get_item(TableName=name, Key=too_long),
        lambda: client.update_item(TableName=name, Key=too_long),
        lambda: client.delete_item(TableName=name, Key=too_long),
        lambda: client.batch_get_item(RequestItems={name: {"Keys": [too_long]}}),
        lambda: client.transact_write_items(TransactItems=[put]),
    ]
    for call in calls:
        with pytest.raises(ClientError, match="size"):
            call()


def test_a_notice_has_at_most_256_kib(aws: Aws) -> None:
    topic = aws.session.client("sns", endpoint_url=aws.endpoint, region_name=REGION)
    arn = topic.create_topic(Name="notices")["TopicArn"]
    topic.publish(TopicArn=arn, Message="a" * 262_144)
    with pytest.raises(ClientError, match="InvalidParameter"):
        topic.publish(TopicArn=arn, Message="a" * 262_145)


def test_a_single_write_never_conflicts_with_a_transaction(aws: Aws) -> None:
    name = table(aws, "busy")
    client: Any = aws.dynamodb.meta.client
    counted: Any = {
        "TableName": name,
        "Key": {"pk": "a", "sk": "b"},
        "UpdateExpression": "ADD writes :one",
        "ExpressionAttributeValues": {":one": 1},
    }

    def write(number: int) -> None:
        if number % 2:
            client.update_item(**counted)
        else:
            client.transact_write_items(TransactItems=[{"Update": counted}])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(200)))
    assert client.get_item(TableName=name, Key=counted["Key"])["Item"]["writes"] == 200


def test_a_rollback_deletes_even_protected_tables(aws: Aws) -> None:
    protected = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": "protected",
            "DeletionProtectionEnabled": True,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        },
    }
    never = {
        "Type": "AWS::Lambda::Url",
        "DependsOn": "Protected",
        "Properties": {"TargetFunctionArn": "nobody", "AuthType": "AWS_IAM"},
    }
    with pytest.raises(WaiterError):
        deploy(aws, "protected", {"Resources": {"Protected": protected, "Never": never}})
    assert "protected" not in aws.dynamodb.meta.client.list_tables()["TableNames"]


def test_a_presigned_link_works_with_an_additional_authorization(aws: Aws) -> None:
    aws.s3.create_bucket(Bucket="films")
    aws.s3.put_object(Bucket="films", Key="film", Body=b"film")
    link = aws.s3.generate_presigned_url("get_object", Params={"Bucket": "films", "Key": "film"})
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(link, headers={"Authorization": "Bearer wv_token"}, timeout=PATIENCE).content == b"film"
