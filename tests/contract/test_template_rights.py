"""Who may do what: the table is written by hand, so that a right is added in two places or not at all."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from tests.template import ROOT, WORDS, Json, as_list, logical_id, of_type, role_policies, written

ROWS = "dynamodb:GetItem on Videos.Arn", "dynamodb:PutItem on Videos.Arn"
MANY_ROWS = (*ROWS, "dynamodb:BatchGetItem on Videos.Arn")
SETTLE = ("dynamodb:UpdateItem on Ledger.Arn for pool#* budget#*",)
COUNT = ("dynamodb:UpdateItem on Ledger.Arn for batch#*",)
CLAIM = ("dynamodb:PutItem on Ledger.Arn for claim#*",)
KNOW_CLAIMS = ("dynamodb:BatchGetItem on Ledger.Arn for claim#*",)
WAN_KEYS = ("secretsmanager:GetSecretValue on WanSecret.Id",)
NOTICES = ("sns:Publish on Topic",)
REPORTS = (
    "s3:PutObject on ${VideosBucket.Arn}/reports/*",
    "s3:AbortMultipartUpload on ${VideosBucket.Arn}/reports/*",
    "s3:GetObject on ${VideosBucket.Arn}/reports/*",
    "s3:ListBucket on VideosBucket.Arn",
)
DEAD_LETTERS = ("sqs:SendMessage on DeadLetters.Arn",)
STREAM = ("kms:Decrypt on KmsKeyArn",)
"""What reading the stream of an encrypted table takes, where there is a key."""

BATCH_ACTIONS = ("GetItem", "BatchGetItem", "PutItem")

EXECUTIONS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${GenerateVideo.Name}:*"

RIGHTS = {
    "api": {
        *MANY_ROWS,
        *(f"dynamodb:{action} on Ledger.Arn for batch#* batches#* open_batches" for action in BATCH_ACTIONS),
        "s3:PutObject on ${PromptsBucket.Arn}/batches/*",
        "s3:GetObject on ${VideosBucket.Arn}/reports/*",
        *COUNT,
        *CLAIM,
        *WAN_KEYS,
        "dynamodb:GetItem on Ledger.Arn for tokens",
        "dynamodb:PutItem on Ledger.Arn for repeat#*",
        "dynamodb:DeleteItem on Ledger.Arn for repeat#*",
        *(
            f"dynamodb:Query on ${{Videos.Arn}}/index/{name}"
            for name in ("by_owner", "by_status", "by_status_and_model", "by_batch")
        ),
        "dynamodb:Query on Ledger.Arn for queue#* budget#* batches#*",
        "dynamodb:BatchGetItem on Ledger.Arn for budget#*",
        "dynamodb:UpdateItem on Ledger.Arn for budget#*",
        "dynamodb:DeleteItem on Ledger.Arn for queue#*",
        "s3:DeleteObject on ${VideosBucket.Arn}/videos/*",
        "dynamodb:PutItem on Ledger.Arn for queue#* pool#*",
        "dynamodb:UpdateItem on Ledger.Arn for queue#* pool#*",
        "s3:GetObject on ${VideosBucket.Arn}/videos/*",
    },
    "authorize": {"dynamodb:GetItem on Ledger.Arn for tokens"},
    "ingest": {
        "s3:GetObject on ${PromptsBucket.Arn}/*",
        "s3:ListBucket on PromptsBucket.Arn",
        "dynamodb:BatchGetItem on Videos.Arn",
        "dynamodb:PutItem on Videos.Arn",
        "dynamodb:PutItem on Ledger.Arn for queue#* pool#*",
        "dynamodb:UpdateItem on Ledger.Arn for queue#* pool#*",
        "dynamodb:GetItem on Ledger.Arn for batch#* batches#* open_batches",
        "dynamodb:PutItem on Ledger.Arn for batch#* batches#* open_batches",
        "dynamodb:UpdateItem on Ledger.Arn for batch#* batches#* open_batches",
        *REPORTS,
        *DEAD_LETTERS,
        *STREAM,
    },
    "finish_batch": {
        "dynamodb:UpdateItem on Ledger.Arn for batch#* pool#*",
        *REPORTS,
        *NOTICES,
        *DEAD_LETTERS,
        *STREAM,
        "dynamodb:BatchGetItem on Videos.Arn",
        "dynamodb:PutItem on Videos.Arn",
        "dynamodb:GetItem on Ledger.Arn for batch#*",
        "dynamodb:DeleteItem on Ledger.Arn for queue#* open_batches",
        "dynamodb:PutItem on Ledger.Arn for kept_batches",
    },
    "dispatch": {
        *MANY_ROWS,
        *SETTLE,
        *COUNT,
        "dynamodb:BatchGetItem on Ledger.Arn for pool#* budget#*",
        "dynamodb:Query on Ledger.Arn for pool#* queue#*",
        "dynamodb:DeleteItem on Ledger.Arn for pool#* queue#*",
        "states:StartExecution on GenerateVideo",
        *DEAD_LETTERS,
        *STREAM,
    },
    "submit": {*ROWS, *SETTLE, *CLAIM, *KNOW_CLAIMS, *WAN_KEYS},
    "poll": {*ROWS, *SETTLE, *CLAIM, *WAN_KEYS},
    "deliver": {
        *ROWS,
        *COUNT,
        *WAN_KEYS,
        "s3:PutObject on ${VideosBucket.Arn}/videos/*",
        "s3:AbortMultipartUpload on ${VideosBucket.Arn}/videos/*",
        "s3:GetObject on ${VideosBucket.Arn}/videos/*",
        "s3:DeleteObject on ${VideosBucket.Arn}/videos/*",
        "s3:ListBucket on VideosBucket.Arn",
        *NOTICES,
    },
    "report_failure": {*ROWS, *SETTLE, *COUNT, *NOTICES},
    "sweep": {
        *MANY_ROWS,
        *SETTLE,
        *COUNT,
        "dynamodb:Query on ${Videos.Arn}/index/attention",
        "dynamodb:Query on Ledger.Arn for pool#*",
        "s3:DeleteObject on ${VideosBucket.Arn}/videos/*",
        "s3:DeleteObject on ${VideosBucket.Arn}/reports/*",
        "dynamodb:Query on Ledger.Arn for open_batches kept_batches",
        "dynamodb:GetItem on Ledger.Arn for batch#*",
        "dynamodb:PutItem on Ledger.Arn for kept_batches",
        "dynamodb:UpdateItem on Ledger.Arn for batches#*",
        "dynamodb:DeleteItem on Ledger.Arn for open_batches kept_batches",
        "lambda:InvokeFunction on Ingest.Arn",
        "lambda:InvokeFunction on FinishBatch.Arn",
        "states:StartExecution on GenerateVideo",
        f"states:DescribeExecution on {EXECUTIONS}",
        *CLAIM,
        *KNOW_CLAIMS,
        *WAN_KEYS,
        "s3:ListBucketMultipartUploads on VideosBucket.Arn",
        "s3:AbortMultipartUpload on ${VideosBucket.Arn}/*",
        *NOTICES,
        *DEAD_LETTERS,
        *STREAM,
    },
}

LAMBDA_MAY_LOG = "service-role/AWSLambdaBasicExecutionRole"
STREAM_READERS = ("IngestRole", "FinishBatchRole", "DispatchRole", "SweepRole")
LAMBDA_MAY_READ_STREAMS = "service-role/AWSLambdaDynamoDBExecutionRole"


def statements(template: Json) -> list[tuple[str, Json]]:
    """Every statement that grants a role something, with where it stands."""
    found = [
        (name, statement)
        for name, role in of_type(template, "AWS::IAM::Role").items()
        for policy in role_policies(role)
        for statement in as_list(policy["PolicyDocument"]["Statement"])
    ]
    for name, policy in of_type(template, "AWS::IAM::Policy").items():
        found += [(name, statement) for statement in as_list(policy["PolicyDocument"]["Statement"])]
    return [(where, statement) for where, statement in found if statement["Effect"] == "Allow"]


def granted(statement: Json) -> set[str]:
    """A statement as lines of the table above."""
    keys = [
        key for operator in statement.get("Condition", {}).values() for key in operator.get("dynamodb:LeadingKeys", [])
    ]
    condition = f" for {' '.join(keys)}" if keys else ""
    return {
        f"{action} on {written(resource)}{condition}"
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


NO_OTHER_RESOURCE = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
}
"""Actions that AWS knows for every resource alone (Service Authorization Reference, "AWS X-Ray")."""


def too_much(template: Json) -> list[str]:
    """What no role of the stack may have: whole services, every resource, or a managed policy beyond Lambda's own."""
    faults = [
        f"{where}: {action} on {written(resource)}"
        for where, statement in statements(template)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if "*" in action or (written(resource) == "*" and action not in NO_OTHER_RESOURCE)
    ]
    for name, role in of_type(template, "AWS::IAM::Role").items():
        for arn in role.get("ManagedPolicyArns", []):
            allowed = [LAMBDA_MAY_LOG, *([LAMBDA_MAY_READ_STREAMS] if name in STREAM_READERS else [])]
            if not any(written(arn).endswith(f":policy/{known}") for known in allowed):
                faults.append(f"{name}: {written(arn)}")
    return faults


@pytest.mark.parametrize("word", WORDS)
def test_a_function_may_do_what_its_work_needs_and_nothing_more(template: Json, word: str) -> None:
    role = f"{logical_id(word)}Role"
    lines = set().union(*(granted(statement) for where, statement in statements(template) if where == role))

    assert lines == RIGHTS[word]


def test_the_state_machine_may_invoke_its_steps_and_start_itself(template: Json) -> None:
    machine = [
        statement
        for where, statement in statements(template)
        if where.startswith("GenerateVideo") and where != "GenerateVideoTracing"
    ]

    assert set().union(*map(granted, machine)) == {
        "lambda:InvokeFunction on Submit.Arn",
        "lambda:InvokeFunction on Poll.Arn",
        "lambda:InvokeFunction on Deliver.Arn",
        "lambda:InvokeFunction on ReportFailure.Arn",
        "states:StartExecution on GenerateVideo",
    }


def test_the_machine_starts_itself_by_a_policy_beside_its_role_for_one_inside_would_be_a_cycle(template: Json) -> None:
    role = template["Resources"]["GenerateVideoRole"]

    assert "'GenerateVideo'" not in str(role)
    assert of_type(template, "AWS::IAM::Policy")["GenerateVideoSuccession"]["Roles"] == [{"Ref": "GenerateVideoRole"}]


def test_your_own_key_is_used_by_every_function_through_four_services_alone(template: Json) -> None:
    policy = of_type(template, "AWS::IAM::Policy")["KeyUse"]
    (statement,) = policy["PolicyDocument"]["Statement"]

    assert policy["Roles"] == [{"Ref": f"{logical_id(word)}Role"} for word in WORDS]
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    services = [written(name).partition(".")[0] for name in statement["Condition"]["StringLike"]["kms:ViaService"]]
    assert services == ["dynamodb", "s3", "secretsmanager", "sns"]


def test_no_arn_names_a_partition_for_there_are_three(source: Json) -> None:
    written_out = re.compile(r"arn:aws(-cn|-us-gov)?:")
    resources = json.dumps(source["Resources"]) + json.dumps(source["Outputs"])
    machine = (ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8")

    assert not written_out.search(resources)
    assert not written_out.search(machine)
    assert "amazonaws.com/" not in resources


@pytest.mark.parametrize("name", STREAM_READERS)
def test_a_mapping_waits_for_the_right_to_decrypt_its_stream_as_that_is_in_the_role_itself(
    template: Json, name: str
) -> None:
    # The mapping waits for its function, and the function for its role; a policy beside the role comes when it comes.
    role = of_type(template, "AWS::IAM::Role")[name]
    (conditional,) = [policy["Fn::If"] for policy in role["Policies"] if "Fn::If" in policy]
    (statement,) = conditional[1]["PolicyDocument"]["Statement"]

    assert (conditional[0], conditional[2]) == ("HasKmsKey", {"Ref": "AWS::NoValue"})
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", {"Ref": "KmsKeyArn"})
    assert written(statement["Condition"]["StringLike"]["kms:ViaService"]).startswith("dynamodb.")


def test_no_role_has_a_whole_service_or_every_resource(template: Json) -> None:
    assert too_much(template) == []


@pytest.mark.parametrize(
    ("action", "resource", "managed"),
    [
        ("dynamodb:*", {"Ref": "Videos"}, LAMBDA_MAY_LOG),
        ("s3:GetObject", "*", LAMBDA_MAY_LOG),
        ("s3:GetObject", "arn:aws:s3:::one/*", "AmazonS3FullAccess"),
        ("s3:GetObject", "arn:aws:s3:::one/*", LAMBDA_MAY_READ_STREAMS),
    ],
)
def test_the_search_for_too_much_finds_it(template: Json, action: str, resource: Any, managed: str) -> None:
    planted = copy.deepcopy(template)
    role = planted["Resources"]["PollRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": action, "Resource": resource}
    )
    role["ManagedPolicyArns"].append(f"arn:aws:iam::aws:policy/{managed}")

    assert len(too_much(planted)) == 1


def test_who_may_invoke_a_function_is_named_down_to_the_rule_or_the_api(template: Json) -> None:
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        assert permission["Action"] == "lambda:InvokeFunction", name
        assert "SourceArn" in permission, name


def test_no_function_writes_the_bucket_that_starts_functions(template: Json) -> None:
    lines = set().union(*(granted(statement) for _, statement in statements(template)))

    assert {line for line in lines if "PromptsBucket" in line} == {
        "s3:GetObject on ${PromptsBucket.Arn}/*",
        "s3:ListBucket on PromptsBucket.Arn",
        # Used by nobody here: a presigned PUT carries it to whoever opens a batch.
        "s3:PutObject on ${PromptsBucket.Arn}/batches/*",
    }
