"""`wan-video doctor` lets IAM simulate the rights of the roles."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.unit.cli.test_doctor_checks import Stubbed
from tools import rights as recorded
from tools.template import logical_id
from tools.words import WORDS
from wan_video_cli.checks import Resource, State, examined, rights

STACK_ID = "arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/wan-video/1"
MACHINE = "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:GenerateVideo-1"
RESOURCES = (
    Resource("Videos", "AWS::DynamoDB::Table", "videos-1"),
    Resource("Ledger", "AWS::DynamoDB::Table", "ledger-1"),
    Resource("VideosBucket", "AWS::S3::Bucket", "videos-bucket"),
    Resource("PromptsBucket", "AWS::S3::Bucket", "prompts-bucket"),
    Resource("InputsBucket", "AWS::S3::Bucket", "inputs-bucket"),
    Resource("Topic", "AWS::SNS::Topic", "arn:aws-cn:sns:cn-north-1:123456789012:topic"),
    Resource("GenerateVideo", "AWS::StepFunctions::StateMachine", MACHINE),
    Resource("WanSecret", "AWS::SecretsManager::Secret", "name"),
    Resource("WebhookSecret", "AWS::SecretsManager::Secret", "another name"),
    Resource("NotifyQueue", "AWS::SQS::Queue", "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/notify"),
    Resource("NotifyDeadLetters", "AWS::SQS::Queue", "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/dead"),
    *(Resource(logical_id(word), "AWS::Lambda::Function", f"wan-video-{word}") for word in WORDS),
)


def deployment() -> Stubbed:
    outputs = [
        {"OutputKey": "WanSecretArn", "OutputValue": "arn:secret"},
        {"OutputKey": "WebhookSecretArn", "OutputValue": "arn:another"},
    ]
    found = Stubbed(*RESOURCES, StackId=STACK_ID, Outputs=outputs)
    for word in sorted(WORDS):
        role = f"arn:aws-cn:iam::123456789012:role/{word}"
        name = f"wan-video-{word}"
        found.answers("lambda", "get_function_configuration", {"Role": role}, FunctionName=name)
    return found


def answer(call: rights.Call, denied: tuple[str, str] | None = None) -> dict[str, Any]:
    return {
        "EvaluationResults": [
            {
                "EvalActionName": action,
                "EvalDecision": "implicitDeny" if (call.word, action) == denied else "allowed",
            }
            for action in call.actions
        ]
    }


@pytest.mark.parametrize(
    ("text", "arn"),
    [
        ("${Ledger.Arn}", "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/ledger-1"),
        ("${Videos.Arn}/index/attention", "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/videos-1/index/attention"),
        ("${VideosBucket.Arn}/videos/*", "arn:aws-cn:s3:::videos-bucket/videos/*"),
        ("${Ingest.Arn}", "arn:aws-cn:lambda:cn-north-1:123456789012:function:wan-video-ingest"),
        ("${Topic}", "arn:aws-cn:sns:cn-north-1:123456789012:topic"),
        ("${GenerateVideo}", MACHINE),
        ("${WanSecret.Id}", "arn:secret"),
        ("${WebhookSecret.Id}", "arn:another"),
        ("${NotifyQueue.Arn}", "arn:aws-cn:sqs:cn-north-1:123456789012:notify"),
        (
            "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${GenerateVideo.Name}:*",
            "arn:aws-cn:states:cn-north-1:123456789012:execution:GenerateVideo-1:*",
        ),
    ],
)
def test_a_resource_of_the_list_is_found_in_the_stack(text: str, arn: str) -> None:
    assert rights.arn_of(text, deployment()) == arn


def test_every_recorded_right_is_simulated_once() -> None:
    simulated = Counter(
        (call.word, action, call.resource, call.leading_key) for call in rights.calls() for action in call.actions
    )

    known = {
        (word, right.action, right.resource, right.leading_key)
        for word, some in recorded.listed().items()
        for right in some
    }
    assert simulated == Counter(known)


def test_each_simulation_names_the_role_the_resource_and_the_key() -> None:
    found = deployment()
    for call in rights.calls():
        context = [{"ContextKeyName": "aws:SecureTransport", "ContextKeyType": "boolean", "ContextKeyValues": ["true"]}]
        if call.leading_key:
            key = call.leading_key.replace("*", "doctor-probe")
            context.append(
                {"ContextKeyName": "dynamodb:LeadingKeys", "ContextKeyType": "stringList", "ContextKeyValues": [key]}
            )
        found.answers(
            "iam",
            "simulate_principal_policy",
            answer(call),
            PolicySourceArn=f"arn:aws-cn:iam::123456789012:role/{call.word}",
            ActionNames=list(call.actions),
            ResourceArns=[rights.arn_of(call.resource, found).replace("*", "doctor-probe")],
            ContextEntries=context,
        )

    finding = rights.simulated(found)

    assert finding.state is State.OK
    found.stub("iam").assert_no_pending_responses()


def test_a_missing_right_is_named() -> None:
    found = deployment()
    for call in rights.calls():
        found.answers("iam", "simulate_principal_policy", answer(call, ("submit", "secretsmanager:GetSecretValue")))

    finding = rights.simulated(found)

    assert finding.state is State.FAILED
    assert "lack 1 rights: submit: secretsmanager:GetSecretValue on ${WanSecret.Id}." in finding.what
    assert finding.remedy


def test_a_caller_without_permission_to_simulate_gets_that_message() -> None:
    found = deployment()
    found.stub("iam").add_client_error("simulate_principal_policy", "AccessDenied")

    finding = examined("rights", lambda: rights.simulated(found))

    assert finding.state is State.SKIPPED
    assert "SimulatePrincipalPolicy is not allowed for your credentials" in finding.what
