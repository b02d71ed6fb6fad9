"""What the engine leaves out of AWS's rules: a run on this machine proves nothing about these, so other tests must.

Each test describes the engine as it is: when one fails, a new version keeps the rule, and docs/engine.md can say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.contract.engine import ROLE, add_function, deploy, invoke, running_engine, until
from wan_video_local.aws import Aws
from wan_video_local.engine import REGION
from wan_video_local.evidence import history


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The engine as it comes."""
    with running_engine(tmp_path_factory.mktemp("limits") / "log", "--plain") as aws:
        yield aws


def run(aws: Aws, name: str, definition: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """How one execution of a machine ends, and its history."""
    machine = aws.states.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))
    arn = aws.states.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")["executionArn"]

    def ended() -> str | None:
        status = aws.states.describe_execution(executionArn=arn)["status"]
        return None if status == "RUNNING" else status

    return until(ended), history(aws, arn)


def test_a_state_machine_never_times_out(aws: Aws) -> None:
    wait = {"Type": "Wait", "Seconds": 200, "End": True}
    status, _ = run(aws, "overdue", {"TimeoutSeconds": 1, "StartAt": "Wait", "States": {"Wait": wait}})
    assert status == "SUCCEEDED"


def test_a_state_machine_that_leads_nowhere_is_taken(aws: Aws) -> None:
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
    told = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert told["Ref"] == "keys"
    assert told["Id"].startswith("arn:aws:secretsmanager:")


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


def test_a_metric_in_a_log_line_is_a_log_line_alone(aws: Aws) -> None:
    source = """
        import json, time
        def handler(event, context):
            metric = {"Namespace": "Here", "Dimensions": [[]], "Metrics": [{"Name": "Told", "Unit": "Count"}]}
            about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metric]}
            print(json.dumps({"_aws": about, "Told": 1}), flush=True)
    """
    add_function(aws, "measures", source)
    invoke(aws, "measures")
    metrics = aws.session.client("cloudwatch", endpoint_url=aws.endpoint, region_name=REGION)
    assert metrics.list_metrics(Namespace="Here")["Metrics"] == []


def test_a_presigned_link_works_with_another_authorization_beside_it(aws: Aws) -> None:
    aws.s3.create_bucket(Bucket="films")
    aws.s3.put_object(Bucket="films", Key="film", Body=b"film")
    link = aws.s3.generate_presigned_url("get_object", Params={"Bucket": "films", "Key": "film"})
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(link, headers={"Authorization": "Bearer wv_token"}, timeout=30).content == b"film"
