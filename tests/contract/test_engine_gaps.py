"""Differences between the engine and AWS that the product or the launcher works around.

Each test describes the present engine. If one fails, a new version behaves differently, and the workaround can go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.contract.engine import ROLE, RUNTIME, add_function, add_queue, deploy, running_engine
from tools.harness.patience import PATIENCE, until
from wan_video_local.aws import Aws
from wan_video_local.evidence import function_logs
from wan_video_local.provision import add_gateway_responses


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The engine without changes."""
    with running_engine(tmp_path_factory.mktemp("gaps") / "log", "--plain") as aws:
        yield aws


def gateway_template() -> dict[str, Any]:
    """Return a REST API with one gateway response in its body, where SAM puts it."""
    response = {
        "statusCode": "418",
        "responseParameters": {"gatewayresponse.header.Content-Type": "'application/problem+json'"},
        "responseTemplates": {"application/json": '{"title": "no such thing"}'},
    }
    body = {
        "openapi": "3.0.1",
        "info": {"title": "gateway", "version": "1"},
        "paths": {"/here": {"get": {"x-amazon-apigateway-integration": {"type": "mock"}, "responses": {}}}},
        "x-amazon-apigateway-gateway-responses": {"MISSING_AUTHENTICATION_TOKEN": response},
    }
    api = {"Ref": "Gateway"}
    return {
        "Resources": {
            "Gateway": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}},
            "Deployment": {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": api}},
            "Stage": {
                "Type": "AWS::ApiGateway::Stage",
                "Properties": {"RestApiId": api, "DeploymentId": {"Ref": "Deployment"}, "StageName": "live"},
            },
        },
        "Outputs": {"Id": {"Value": api}},
    }


def test_gateway_responses_are_lost_in_the_import_and_added_by_the_launcher(aws: Aws) -> None:
    deploy(aws, "gateway", gateway_template())
    api = aws.cloudformation.describe_stacks(StackName="gateway")["Stacks"][0]["Outputs"][0]["OutputValue"]

    def ask() -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"{aws.endpoint}/_aws/execute-api/{api}/live/elsewhere", timeout=PATIENCE)

    assert ask().status_code == 403
    assert add_gateway_responses(aws, "gateway") == 1
    answer = ask()
    assert (answer.status_code, answer.headers["Content-Type"]) == (418, "application/problem+json")
    assert answer.json() == {"title": "no such thing"}


def test_starting_a_running_execution_again_is_an_error_under_the_engines_own_name(aws: Aws) -> None:
    machine = aws.states.create_state_machine(
        name="waits",
        roleArn=ROLE,
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}),
    )["stateMachineArn"]
    aws.states.start_execution(stateMachineArn=machine, name="one", input="{}")
    # AWS returns the running execution if name and input are the same.
    with pytest.raises(aws.states.exceptions.ClientError) as refused:
        aws.states.start_execution(stateMachineArn=machine, name="one", input="{}")
    assert refused.value.response["Error"]["Code"] == "ExecutionAlreadyExists"


def test_event_invoke_config_from_a_template_needs_no_help(aws: Aws) -> None:
    url, arn = add_queue(aws, "failed")
    code = "def handler(event, context): raise ValueError('as asked')"
    function = {"FunctionName": "fails", "Runtime": RUNTIME, "Handler": "index.handler", "Role": ROLE}
    deploy(
        aws,
        "asynchronous",
        {
            "Resources": {
                "Fails": {"Type": "AWS::Lambda::Function", "Properties": {**function, "Code": {"ZipFile": code}}},
                "Config": {
                    "Type": "AWS::Lambda::EventInvokeConfig",
                    "Properties": {
                        "FunctionName": {"Ref": "Fails"},
                        "Qualifier": "$LATEST",
                        "MaximumRetryAttempts": 0,
                        "DestinationConfig": {"OnFailure": {"Destination": arn}},
                    },
                },
            }
        },
    )
    aws.functions.invoke(FunctionName="fails", InvocationType="Event", Payload=b'{"n": 1}')

    def failure() -> str | None:
        messages = aws.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
        return messages[0]["Body"] if messages else None

    reported = json.loads(until(failure, "the failure"))
    assert reported["requestPayload"] == {"n": 1}
    # The count in it, approximateInvokeCount, is always 3 in the engine.
    assert [line.split()[0] for _, line in function_logs(aws)].count("START") == 1


def test_a_filter_of_a_stream_never_matches_an_absent_attribute(aws: Aws) -> None:
    table = aws.dynamodb.create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    add_function(aws, "listens", "def handler(event, context): print(*(r['eventName'] for r in event['Records']))")
    absent = {"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"place": {"S": [{"exists": False}]}}}}
    aws.functions.create_event_source_mapping(
        FunctionName="listens",
        EventSourceArn=table.latest_stream_arn,
        StartingPosition="TRIM_HORIZON",
        FilterCriteria={"Filters": [{"Pattern": json.dumps(absent)}, {"Pattern": '{"eventName": ["REMOVE"]}'}]},
    )
    table.put_item(Item={"id": "a", "place": "pool"})
    table.put_item(Item={"id": "a"})
    table.delete_item(Key={"id": "a"})

    def events() -> list[str] | None:
        words = [word for _, line in function_logs(aws) for word in line.split()]
        return [word for word in words if word in ("MODIFY", "REMOVE")] or None

    assert until(events, "the record of the stream") == ["REMOVE"]
