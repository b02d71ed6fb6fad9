"""The rights of the functions: exactly those that they were seen to use."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pytest

from tools import rights
from tools.template import ROOT, Json, as_list, logical_id, of_type, role_policies, written
from tools.words import WORDS
from wan_video_local.rights import Call, Right

DEAD_LETTERS = Right("sqs:SendMessage", "${DeadLetters.Arn}")
USED_BY_LAMBDA_ITSELF = {word: {DEAD_LETTERS} for word in ("ingest", "finish_batch", "dispatch", "sweep", "thumbnail")}
"""What Lambda does with a function's role, which no call of the function shows: destinations on failure."""

PUT_ROWS = Right("dynamodb:PutItem", "${Videos.Arn}")
USED_BY_THE_RELEASE_BEFORE = {
    word: {PUT_ROWS} for word in ("finish_batch", "dispatch", "poll", "deliver", "report_failure")
}
"""What functions of that release do, because during a deployment they still run with the roles of this one."""

LAMBDA_MAY_LOG = "service-role/AWSLambdaBasicExecutionRole"
STREAM_READERS = ("IngestRole", "FinishBatchRole", "DispatchRole", "SweepRole")
LAMBDA_MAY_READ_STREAMS = "service-role/AWSLambdaDynamoDBExecutionRole"
LAMBDA_MAY_READ_QUEUES = "service-role/AWSLambdaSQSQueueExecutionRole"


def statements(template: Json) -> list[tuple[str, Json]]:
    """Return every statement that grants a role something, with its place."""
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
    """Return a statement as lines of the table above."""
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
"""Actions that AWS supports only for all resources (Service Authorization Reference, "AWS X-Ray")."""


def too_much(template: Json) -> list[str]:
    """Return what no role of the stack may have: whole services, all resources, or an additional managed policy."""
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
            allowed += [LAMBDA_MAY_READ_QUEUES] if name == "NotifyRole" else []
            if not any(written(arn).endswith(f":policy/{known}") for known in allowed):
                faults.append(f"{name}: {written(arn)}")
    return faults


@pytest.mark.parametrize("word", WORDS)
def test_a_function_has_every_right_that_it_was_seen_to_use(template: Json, word: str) -> None:
    grants = rights.granted(template)

    calls = [(word, Call(right.action, right.resource, keys_of(right))) for right in rights.listed()[word]]

    assert rights.faults(calls, grants, rights.listed()) == []


@pytest.mark.parametrize("word", WORDS)
def test_a_function_has_only_rights_that_it_was_seen_to_use(template: Json, word: str) -> None:
    seen = rights.listed()[word] | USED_BY_LAMBDA_ITSELF.get(word, set()) | USED_BY_THE_RELEASE_BEFORE.get(word, set())

    assert [str(right) for right in unused(rights.granted(template)[word], seen)] == []


@pytest.mark.parametrize("word", WORDS)
def test_the_rights_of_a_function_to_the_ledger_are_one_statement_for_each_action(template: Json, word: str) -> None:
    # AWS does not document whether it authorizes the items of a transaction one by one or all keys of an action.
    grants = [grant for grant in rights.granted(template)[word] if grant.resource == "${Ledger.Arn}"]

    assert all(grant.keys for grant in grants)
    assert len({grant.action for grant in grants}) == len(grants)


def test_the_list_is_stored_as_the_recording_writes_it() -> None:
    assert rights.LIST.read_text(encoding="utf-8") == rights.as_text(rights.listed())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (Call("dynamodb:DeleteItem", "${Ledger.Arn}", frozenset({"pool#*"})), "lacks the right"),
        (Call("dynamodb:UpdateItem", "${Ledger.Arn}", frozenset({"pool#*", "claim#*"})), "lacks the right"),
        (Call("dynamodb:UpdateItem", "${Ledger.Arn}"), "lacks the right"),
        (Call("s3:GetObject", "${VideosBucket.Arn}/videos/*"), "lacks the right"),
        (Call("dynamodb:UpdateItem", "${Ledger.Arn}", frozenset({"pool#*", "batch#*"})), None),
        (Call("dynamodb:UpdateItem", "${Ledger.Arn}", frozenset({"pool#*"})), "does not list"),
    ],
)
def test_a_missing_right_is_named(template: Json, call: Call, words: str | None) -> None:
    known: dict[str, set[Right]] = {"finish_batch": set() if words == "does not list" else set(call.rights)}
    found = rights.faults([("finish_batch", call)], rights.granted(template), known)

    assert len(found) == (words is not None)
    for fault in found:
        assert words is not None
        assert words in fault
        assert all(str(right) in fault for right in call.rights)


@pytest.mark.parametrize(
    "planted",
    [
        rights.Grant("dynamodb:Scan", "${Videos.Arn}"),
        rights.Grant("dynamodb:UpdateItem", "${Ledger.Arn}", ("pool#*", "tokens")),
        rights.Grant("s3:GetObject", "${VideosBucket.Arn}/videos/*"),
    ],
)
def test_a_right_that_no_call_uses_is_found(planted: rights.Grant) -> None:
    assert len(list(unused([planted], rights.listed()["finish_batch"]))) == 1


def keys_of(right: Right) -> frozenset[str]:
    return frozenset() if right.leading_key is None else frozenset({right.leading_key})


def unused(grants: Iterable[rights.Grant], seen: Collection[Right]) -> Iterator[Right]:
    """Return what is granted for each pattern of keys and was not seen."""
    for grant in grants:
        keys: Collection[str | None] = grant.keys or [None]
        for key in keys:
            one = rights.Grant(grant.action, grant.resource, None if key is None else (key,))
            if not any(one.allows(Call(right.action, right.resource, keys_of(right))) for right in seen):
                yield Right(grant.action, grant.resource, key)


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


def test_the_machines_right_to_start_itself_is_a_separate_policy_to_avoid_a_cycle(template: Json) -> None:
    role = template["Resources"]["GenerateVideoRole"]

    assert "'GenerateVideo'" not in str(role)
    assert of_type(template, "AWS::IAM::Policy")["GenerateVideoSuccession"]["Roles"] == [{"Ref": "GenerateVideoRole"}]


def test_every_function_uses_your_own_key_only_through_four_services(template: Json) -> None:
    policy = of_type(template, "AWS::IAM::Policy")["KeyUse"]
    (statement,) = policy["PolicyDocument"]["Statement"]

    roles = [role["Fn::If"][1] if "Fn::If" in role else role for role in policy["Roles"]]
    assert sorted(role["Ref"] for role in roles) == sorted(f"{logical_id(word)}Role" for word in WORDS)
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    services = [written(name).partition(".")[0] for name in statement["Condition"]["StringLike"]["kms:ViaService"]]
    assert services == ["dynamodb", "s3", "secretsmanager", "sns"]


def test_no_arn_names_a_partition_because_there_are_three(source: Json) -> None:
    written_out = re.compile(r"arn:aws(-cn|-us-gov)?:")
    resources = json.dumps(source["Resources"]) + json.dumps(source["Outputs"])
    machine = (ROOT / "statemachine/generate_video.asl.json").read_text(encoding="utf-8")

    assert not written_out.search(resources)
    assert not written_out.search(machine)
    assert "amazonaws.com/" not in resources


@pytest.mark.parametrize("name", STREAM_READERS)
def test_a_mapping_is_created_after_the_right_to_decrypt_its_stream(template: Json, name: str) -> None:
    # The mapping is created after its function, and the function after its role, but not after a separate policy.
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
def test_the_search_for_excessive_rights_finds_them(template: Json, action: str, resource: Any, managed: str) -> None:
    planted = copy.deepcopy(template)
    role = planted["Resources"]["PollRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"].append(
        {"Effect": "Allow", "Action": action, "Resource": resource}
    )
    role["ManagedPolicyArns"].append(f"arn:aws:iam::aws:policy/{managed}")

    assert len(too_much(planted)) == 1


def test_the_permission_to_invoke_a_function_names_the_rule_or_the_api(template: Json) -> None:
    for name, permission in of_type(template, "AWS::Lambda::Permission").items():
        assert permission["Action"] == "lambda:InvokeFunction", name
        assert "SourceArn" in permission, name


def test_no_function_can_write_to_the_bucket_that_triggers_functions(template: Json) -> None:
    lines = set().union(*(granted(statement) for _, statement in statements(template)))

    assert {line for line in lines if "PromptsBucket" in line} == {
        "s3:GetObject on ${PromptsBucket.Arn}/*",
        "s3:GetObject on ${PromptsBucket.Arn}/images/*",
        "s3:ListBucket on PromptsBucket.Arn",
        # No function uses it directly: a presigned PUT passes it to anyone who creates a batch.
        "s3:PutObject on ${PromptsBucket.Arn}/batches/*",
    }
